package query_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

func TestAKeyHasTheWordsOfItsField(t *testing.T) {
	panel := view.Panel{Layer: view.Layer{
		Buckets: []view.Bucket{view.Terms{Label: "Reason", Fields: []string{"decline_reason"}, Size: 5, By: &count, Other: true}},
		Metrics: []view.Value{metric("n", count)},
	}}
	table, _ := answered(t, panel, hours(24), `{"hits":{"total":{"value":5}},"_shards":{"total":1},"aggregations":{
		"b":{"buckets":[{"key":"CVV_MISMATCH","doc_count":3},{"key":"BRAND_NEW","doc_count":1}]},"o":{"doc_count":5}}}`)
	require.Equal(t, "decline_reason", table.Buckets[0].Field)
	var names, codes []string
	for _, row := range table.Rows {
		names, codes = append(names, row.Keys[0].Name()), append(codes, row.Keys[0].Text)
	}
	require.Equal(t, []string{"Wrong CVV", "BRAND_NEW", query.AllOthers}, names)
	require.Equal(t, []string{"CVV_MISMATCH", "BRAND_NEW", ""}, codes, "filters need the codes")
}

// A store may be called anything, also what the row of all other stores is called.
func TestNoValueIsTakenForAllOtherValues(t *testing.T) {
	for _, store := range []string{"Other", "all", query.AllOthers} {
		panel := view.Panel{Layer: view.Layer{
			Buckets: []view.Bucket{
				view.Terms{Label: "Store", Fields: []string{"merchant_name"}, Size: 1, By: &count, Other: true}, view.Time{Field: "occurred_at", Interval: "1h"},
			},
			Metrics: []view.Value{metric("n", count)},
		}}
		hour := func(n string) string {
			return `"doc_count":` + n + `,"b":{"buckets":[{"key":1772622000000,"doc_count":` + n + `}]}`
		}
		table, _ := answered(t, panel, hours(1), `{"aggregations":{"b":{"buckets":[{"key":"`+store+`",`+hour("5")+`}]},"o":{`+hour("9")+`}}}`)
		require.Len(t, table.Rows, 2)
		value, others := table.Rows[0].Keys[0], table.Rows[1].Keys[0]
		require.Equal(t, store, value.Text, "a filter needs the value")
		require.False(t, value.Other)
		require.True(t, others.Other)
		require.Empty(t, others.Text)
		require.Equal(t, query.AllOthers, others.Name())
		require.NotEqual(t, value.Name(), others.Name())
		require.InDelta(t, 5, *table.Find("n", store, "2026-03-04T11:00:00Z"), 0)
		require.InDelta(t, 4, *table.Rows[1].Values[0], 0)
	}
}

func TestAValueOfWhichNothingCanBeSeenHasAName(t *testing.T) {
	for _, text := range []string{" ", "\u00a0", " \u00a0\u3000", "\u200b", "\u2800", "\u0301", "\u3164"} {
		require.Equal(t, "(blank)", query.Visible(text), "%q", text)
	}
	require.Equal(t, "“(blank)”", query.Visible("(blank)"))
	for _, text := range []string{"", "Bar", " Bar", "Z\u0301", "日"} {
		require.Empty(t, query.Visible(text), "%q", text)
	}
}

// Eighty marks on one letter draw over the rows above it.
func TestANameHasFewCombiningMarks(t *testing.T) {
	marks := strings.Repeat("\u0301", 79)
	require.Equal(t, "Z"+marks[:8]+"a\u0301", query.Readable("Z"+marks+"a\u0301"))
	for _, text := range []string{"", "Bar", "Pho\u031b\u0309", "\u05e9\u05bc\u05c1\u05b8\u0591"} {
		require.Empty(t, query.Readable(text), "%q", text)
	}
}

func TestDocumentsHaveHeadingsWordsAndAmountsInMajorUnits(t *testing.T) {
	panel := view.Panel{Chart: view.Documents, Documents: view.DocumentList{Newest: "occurred_at", Fields: []string{"decline_reason", "amount_minor", "merchant_name"}}}
	table, _ := answered(t, panel, hours(24), `{"hits":{"total":{"value":1},"hits":[
		{"_source":{"occurred_at":1772625600000,"decline_reason":"LOCKED","amount_minor":123456789,"merchant_name":"Padaria"}},
		{"_source":{"occurred_at":1772625600000,"amount_minor":-5}}]},"_shards":{"total":1}}`)
	var headings []string
	for _, column := range table.Buckets {
		headings = append(headings, column.Label)
	}
	require.Equal(t, []string{"Time", "Reason", "Amount", "Store"}, headings)
	var cells [][]string
	for _, row := range table.Rows {
		var names []string
		for _, key := range row.Keys[1:] {
			names = append(names, key.Name())
		}
		cells = append(cells, names)
	}
	require.Equal(t, [][]string{{"Card locked", "1,234,567.89", "Padaria"}, {"", "-0.05", ""}}, cells)
}

// The minor unit of a yen is the yen itself, and that of a Kuwaiti dinar a thousandth.
func TestAnAmountOfADocumentIsInItsOwnCurrency(t *testing.T) {
	panel := view.Panel{Chart: view.Documents, Source: view.Transactions, Documents: view.DocumentList{Newest: "occurred_at", Fields: []string{"amount_minor", "currency"}}}
	var hits []string
	for _, currency := range []string{"BRL", "JPY", "CLP", "ISK", "KWD"} {
		hits = append(hits, `{"_source":{"occurred_at":1772625600000,"amount_minor":123456,"currency":"`+currency+`"}}`)
	}
	table, _ := answered(t, panel, hours(24), `{"hits":{"total":{"value":5},"hits":[`+strings.Join(hits, ",")+`]},"_shards":{"total":1}}`)
	var amounts []string
	for _, row := range table.Rows {
		amounts = append(amounts, row.Keys[1].Name())
	}
	require.Equal(t, []string{"1,234.56", "123,456", "123,456", "123,456", "123.456"}, amounts)
}

// The range before is as long as the panel's, and ends where that begins.
func TestThePreviousRangeIsAsLongAsThePanels(t *testing.T) {
	before := count
	before.Shift = view.Previous
	panel := view.Panel{Layer: view.Layer{Metrics: []view.Value{
		metric("n", count), metric("change", view.Difference(view.Ratio(count, before), view.Constant(1))),
	}}}
	table, sent := answered(t, panel, hours(6), `{"hits":{"total":{"value":9}},"_shards":{"total":1},"aggregations":{
		"s0":{"doc_count":6,"g0":{"doc_count":6}},"s1":{"doc_count":4,"g1":{"doc_count":4}}}}`)
	require.Contains(t, written(t, at(t, sent, "aggs", "s1", "filter")), `"gte":`+written(t, noon.Add(-12*time.Hour).UnixMilli()))
	_, values := figures(table)
	require.Equal(t, [][]float64{{6, 0.5}}, values)

	panel.Layer.Buckets = []view.Bucket{view.Time{Field: "occurred_at", Interval: "auto"}}
	client := query.Client{Views: catalogue.DataViews(), Search: func(context.Context, []query.Request) ([]json.RawMessage, error) {
		return nil, nil
	}}
	panel.Source = view.Transactions
	_, err := client.Run(t.Context(), panel, hours(6))
	require.ErrorContains(t, err, "previous needs a panel without a bucket of time")
}

// Figures without buckets share a search even when some of them compare with the time
// before, because a dashboard has many of them.
func TestFiguresWithAndWithoutAComparisonShareASearch(t *testing.T) {
	before := count
	before.Shift = view.Previous
	panels := []view.Panel{
		{ID: "one", Source: view.Transactions, Layer: view.Layer{Metrics: []view.Value{metric("n", count)}}},
		{ID: "two", Source: view.Transactions, Layer: view.Layer{Metrics: []view.Value{metric("n", count), metric("before", before)}}},
	}
	searches := 0
	client := query.Client{Views: catalogue.DataViews(), Search: func(_ context.Context, requests []query.Request) ([]json.RawMessage, error) {
		searches = len(requests)
		return []json.RawMessage{json.RawMessage(`{"hits":{"total":{"value":9}},"_shards":{"total":1},"aggregations":{
			"s0":{"doc_count":6},"s1":{"doc_count":4}}}`)}, nil
	}}
	results, err := client.RunAll(t.Context(), panels, hours(6))
	require.NoError(t, err)
	require.Equal(t, 1, searches)
	_, first := figures(results[0].Table)
	_, second := figures(results[1].Table)
	require.Equal(t, [][]float64{{6}}, first, "the time before does not count")
	require.Equal(t, [][]float64{{6, 4}}, second)
}

func TestFiguresOfConditions(t *testing.T) {
	missing := view.Aggregate{Function: view.Max, Field: "risk_score"}
	panel := view.Panel{Layer: view.Layer{Metrics: []view.Value{
		metric("floor", view.AtLeast{Of: view.Difference(approved, count), Floor: -2}),
		metric("above", view.Above{Of: count, Bound: 8}), metric("not above", view.Above{Of: count, Bound: 9}), metric("no value is not above", view.Above{Of: missing}),
		metric("default", view.OrElse{Of: missing, Else: 4}), metric("a value", view.OrElse{Of: count, Else: 4}), metric("no floor", view.AtLeast{Of: missing}),
		metric("then", view.If{Condition: view.Above{Of: count}, Then: count, Else: approved}),
		metric("else", view.If{Condition: view.Above{Of: count, Bound: 99}, Then: count, Else: approved}),
		metric("unknown", view.If{Condition: missing, Then: count, Else: approved}),
	}}}
	table, _ := answered(t, panel, hours(1), `{"hits":{"total":{"value":9}},"_shards":{"total":1},"aggregations":{"g0":{"doc_count":3},"g1m0":{"value":null}}}`)
	_, values := figures(table)
	require.Equal(t, [][]float64{{-2, 1, 0, -1, 4, 9, -1, 9, 3, -1}}, values)
}
