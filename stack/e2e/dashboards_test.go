package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/stack/analyst"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

// dashboardClient returns a client that asks the stack's Elasticsearch for panels.
func dashboardClient(stack *launch.Stack) query.Client {
	return analyst.Client(stack.Addresses().Elasticsearch())
}

// A real server accepts the search of every panel on the mapping of the pipeline, and the
// figures equal those of the events.
func TestEveryPanelIsAnsweredByTheIndex(t *testing.T) {
	stack := running(t)
	load := startLoad(t, 4, 2, stack.Addresses().BankGRPC())
	load.progress(200)
	load.resolveUnknown()
	load.verify(stack)
	call(t, http.MethodPost, stack.Addresses().Elasticsearch()+"/bank-transactions-*/_refresh", nil)
	now := time.Now()
	ask := dashboardClient(stack)
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
	approvedVolume, payments := paymentsInIndex(t, stack, span)
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
	require.Contains(t, drawn.String(), "Net volume after reversals")
	require.NotContains(t, drawn.String(), "refused")
}

// paymentsInIndex adds up the payments of a range from the documents.
func paymentsInIndex(t *testing.T, stack *launch.Stack, span query.Range) (approvedVolume int64, payments int) {
	t.Helper()
	scanIndex(t, stack, map[string]any{
		"_source": []string{"status", "amount_minor", "currency"},
		"query": map[string]any{"bool": map[string]any{"filter": []any{
			map[string]any{"term": map[string]any{"kind": "PURCHASE"}},
			map[string]any{"range": map[string]any{"occurred_at": map[string]any{
				"gte": span.From.UnixMilli(), "lte": span.To.UnixMilli(), "format": "epoch_millis",
			}}},
		}}},
	}, func(document map[string]any) {
		source := document["_source"].(map[string]any)
		payments++
		if source["status"] == "APPROVED" && source["currency"] == catalogue.Currency {
			approvedVolume += int64(source["amount_minor"].(float64))
		}
	})
	require.Positive(t, payments)
	return approvedVolume, payments
}

// Kibana shows amounts, and filters by them, through fields that Elasticsearch calculates.
func TestEveryFigureOfADocumentInKibanaIsInMajorUnits(t *testing.T) {
	address := running(t).Addresses().Elasticsearch()
	text, err := os.ReadFile("../../dashboards/index-pattern/transactions.json")
	require.NoError(t, err)
	var view struct {
		Attributes struct {
			RuntimeFieldMap map[string]any `json:"runtimeFieldMap"`
		} `json:"attributes"`
	}
	require.NoError(t, json.Unmarshal(text, &view))
	require.Contains(t, view.Attributes.RuntimeFieldMap, "amount")

	const index = "/amounts-in-currencies"
	properties := map[string]any{"currency": map[string]any{"type": "keyword"}}
	for name := range view.Attributes.RuntimeFieldMap {
		properties[name+"_minor"] = map[string]any{"type": "long"}
	}
	call(t, http.MethodPut, address+index, map[string]any{"mappings": map[string]any{"properties": properties}})
	t.Cleanup(func() { call(t, http.MethodDelete, address+index, nil) })
	want := map[string]float64{"BRL": 1234.56, "JPY": 123456, "CLP": 123456, "ISK": 123456, "KWD": 123.456}
	for currency := range want {
		call(t, http.MethodPut, address+index+"/_doc/"+currency+"?refresh=true", map[string]any{"currency": currency, "amount_minor": 123456})
	}
	if !runsScripts(address + index) {
		t.Log("this Elasticsearch has no scripts: the calculated fields are not run")
		return
	}
	for currency, amount := range want {
		answer := call(t, http.MethodPost, address+index+"/_search", map[string]any{
			"runtime_mappings": view.Attributes.RuntimeFieldMap, "size": 1, "fields": []string{"amount"},
			"query": map[string]any{"bool": map[string]any{"filter": []any{
				map[string]any{"term": map[string]any{"currency": currency}},
				map[string]any{"range": map[string]any{"amount": map[string]any{"gte": amount, "lte": amount}}},
			}}},
		})
		written, err := json.Marshal(answer)
		require.NoError(t, err)
		require.Contains(t, string(written), fmt.Sprintf(`"fields":{"amount":[%v]}`, amount), currency)
	}
}

// runsScripts reports whether an Elasticsearch has the language of scripts.
func runsScripts(index string) bool {
	err := pipes.Call(context.Background(), http.MethodPost, index+"/_search", map[string]any{
		"runtime_mappings": map[string]any{"one": map[string]any{"type": "long", "script": "emit(1)"}},
	}, nil)
	return err == nil || !strings.Contains(err.Error(), "script_lang not supported")
}
