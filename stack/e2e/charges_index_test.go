package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/native/await"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

// Fifty charges of test mode and their refunds come through the topic into the index, each event once, and the panels
// and their page show what checkout stores. They enter nothing that the bank's events are in.
func TestChargesOfTestModeAreInTheirIndexAndOnTheirPanels(t *testing.T) {
	const charges = 50
	stack := running(t)
	merchant, _ := newShop(t, stack)
	began := time.Now().Add(-time.Second)
	var paths []string
	for i := range charges {
		card := goodTestCard
		if i%5 == 0 {
			card = poorTestCard
		}
		paths = append(paths, merchant.charge(fmt.Sprintf("indexed-%d", i), chargeBody(card, 1_000+int64(i), i%2 == 0)))
	}
	for _, path := range paths {
		merchant.decided(path)
	}
	merchant.operate("refund-indexed", paths[2]+"/refund", `{"amount_minor": 300}`)
	merchant.await(paths[2], func(c map[string]any) bool { return fmt.Sprint(c["refunded_minor"]) == "300" })

	var events, decided, volume int64
	require.NoError(t, checkoutConnection(t, stack).QueryRow(t.Context(), `SELECT (SELECT count(*) FROM charge_events WHERE merchant = $1),
		(SELECT count(*) FROM charges WHERE merchant = $1 AND state <> 1),
		(SELECT sum(amount_minor) FROM charges WHERE merchant = $1 AND state IN (3, 4))`, merchant.slug).Scan(&events, &decided, &volume))
	require.EqualValues(t, charges, decided)
	require.EqualValues(t, 2*charges+2, events)
	of := map[string]any{"query": map[string]any{"bool": map[string]any{"filter": []any{
		map[string]any{"term": map[string]any{"merchant_id": merchant.slug}}, map[string]any{"term": map[string]any{"mode": "TEST"}},
	}}}}
	indexed := stack.Addresses().Elasticsearch() + "/checkout-charges-*"
	// The index may be a moment old and answer that none of its shards is ready.
	await.Until(t, func() bool {
		var answer struct {
			Count int64 `json:"count"`
		}
		err := pipes.Call(t.Context(), http.MethodPost, indexed+"/_count", of, &answer)
		return err == nil && answer.Count == events
	}, timeout, 100*time.Millisecond, "the index of charges has all of the merchant's events")

	// The panels: of this merchant in test mode, and nothing of him in live mode.
	span := query.Range{From: began, To: time.Now().Add(time.Second)}
	rows := chargesPanel(t, stack, span, "charges-by-merchant")
	rows = slices.DeleteFunc(rows, func(row query.Row) bool { return row.Keys[0].Text != merchant.slug })
	require.Len(t, rows, 1)
	require.Equal(t, "TEST", rows[0].Keys[1].Text)
	figures := rows[0].Values
	require.InDelta(t, charges, *figures[0], 0)
	require.InDelta(t, 0.8, *figures[1], 0.001)
	require.InDelta(t, float64(volume)/100, *figures[2], 0.001)
	require.InDelta(t, 3, *figures[3], 0.001)
	times := 0
	for _, row := range chargesPanel(t, stack, span, "charges-decision-time") {
		if p50, p95 := row.Values[2], row.Values[3]; p50 != nil && p95 != nil {
			require.Positive(t, *p50)
			require.GreaterOrEqual(t, *p95, *p50)
			times++
		}
	}
	require.Positive(t, times)
	page := fetched(t, pageAddress(stack, "/dashboards/stores/panels/charges-by-merchant", span))
	shown := tableOf(t, find(page, "data-figures")).Rows
	require.True(t, slices.ContainsFunc(shown, func(row query.Row) bool { return row.Keys[0].Text == merchant.slug && *row.Values[0] == charges }))

	// None of it is in the index of the bank's events.
	answer := call(t, http.MethodPost, stack.Addresses().Elasticsearch()+"/bank-transactions-*/_count", map[string]any{
		"query": map[string]any{"term": map[string]any{"mode": "TEST"}},
	})
	require.Equal(t, "0", fmt.Sprint(answer["count"]))
}

// chargesPanel returns the rows of a panel about charges.
func chargesPanel(t *testing.T, stack *launch.Stack, span query.Range, id string) []query.Row {
	t.Helper()
	boards := catalogue.Dashboards()
	board := boards[slices.IndexFunc(boards, func(b view.Dashboard) bool { return b.ID == catalogue.Stores })]
	panel := board.Panels[slices.IndexFunc(board.Panels, func(p view.Panel) bool { return p.ID == id })]
	results, err := dashboardClient(stack).RunAll(t.Context(), []view.Panel{panel}, span)
	require.NoError(t, err)
	require.NoError(t, results[0].Err)
	return results[0].Table.Rows
}
