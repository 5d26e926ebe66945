package e2e

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/stack/analyst"
	"codebank.dev/stack/launch"
)

// asker asks the stack's Elasticsearch for panels.
func asker(stack *launch.Stack) query.Client {
	return analyst.Client(stack.Addresses().Elasticsearch())
}

// Every panel's search is one that a real server accepts, on the mapping that the
// pipeline uses, and the figures are those of the events.
func TestEveryPanelIsAnsweredByTheIndex(t *testing.T) {
	stack := running(t)
	load := startLoad(t, 4, 2, stack.Addresses().BankGRPC())
	load.progress(200)
	load.settle()
	load.verify(stack)
	call(t, http.MethodPost, stack.Addresses().Elasticsearch()+"/bank-transactions-*/_refresh", nil)
	now := time.Now()
	ask := asker(stack)
	for _, board := range catalogue.Dashboards() {
		span, err := query.Since(board, now)
		require.NoError(t, err)
		results, err := ask.RunAll(t.Context(), board.Panels, span)
		require.NoError(t, err)
		for _, result := range results {
			require.NoError(t, result.Err, board.ID)
		}
	}

	span := query.Range{From: now.Add(-time.Hour), To: now}
	approvedVolume, payments := reckoned(t, stack, span)
	results, err := ask.RunAll(t.Context(), catalogue.Dashboards()[0].Panels, span)
	require.NoError(t, err)
	shown := map[string]query.Result{}
	for _, result := range results {
		shown[result.Panel.ID] = result
	}
	require.InDelta(t, payments, *shown["payments"].Table.Find("payments"), 0)
	require.InDelta(t, float64(approvedVolume)/100, *shown["approved-volume"].Table.Find("volume"), 0.001)
	byStatus := 0.0
	for _, row := range shown["payments-by-status"].Table.Rows {
		byStatus += *row.Values[0]
	}
	require.InDelta(t, payments, byStatus, 0, "the stretches of time and the statuses divide all payments")

	var drawn bytes.Buffer
	require.NoError(t, stack.Bankctl(t.Context(), &drawn, "dashboards", "show", catalogue.Overview), drawn.String())
	require.Contains(t, drawn.String(), "Approval rate, and of the last 15")
	require.NotContains(t, drawn.String(), "refused")
}

// reckoned adds up the payments of a range from the documents themselves.
func reckoned(t *testing.T, stack *launch.Stack, span query.Range) (approvedVolume int64, payments int) {
	t.Helper()
	var after []any
	for {
		search := map[string]any{
			"size": 5000, "_source": []string{"status", "amount_minor", "currency"}, "sort": []any{map[string]any{"event_id": "asc"}},
			"query": map[string]any{"bool": map[string]any{"filter": []any{
				map[string]any{"term": map[string]any{"kind": "PURCHASE"}},
				map[string]any{"range": map[string]any{"occurred_at": map[string]any{
					"gte": span.From.UnixMilli(), "lte": span.To.UnixMilli(), "format": "epoch_millis",
				}}},
			}}},
		}
		if after != nil {
			search["search_after"] = after
		}
		answer := call(t, http.MethodPost, stack.Addresses().Elasticsearch()+"/"+string(view.Transactions)+"/_search", search)
		hits := answer["hits"].(map[string]any)["hits"].([]any)
		if len(hits) == 0 {
			require.Positive(t, payments)
			return approvedVolume, payments
		}
		for _, hit := range hits {
			document := hit.(map[string]any)
			source := document["_source"].(map[string]any)
			after = document["sort"].([]any)
			payments++
			if source["status"] == "APPROVED" && source["currency"] == catalogue.Currency {
				approvedVolume += int64(source["amount_minor"].(float64))
			}
		}
	}
}
