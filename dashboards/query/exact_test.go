package query_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/view"
)

// money shows two decimals.
func money(id string, figure view.Expression) view.Value {
	return view.Value{ID: id, Label: id, Figure: figure, Format: view.Format{Kind: view.Money, Decimals: 2, Unit: "BRL"}}
}

// TestASumThatElasticsearchRoundsIsNoExactFigure: Elasticsearch adds in 64-bit floating point, which has no odd numbers
// above 2^53.
func TestASumThatElasticsearchRoundsIsNoExactFigure(t *testing.T) {
	largest := view.Aggregate{Function: view.Max, Field: "balance_after_minor"}
	average := view.Aggregate{Function: view.Average, Field: "amount_minor"}
	panel := view.Panel{Layer: view.Layer{Metrics: []view.Value{
		metric("count", count), metric("sum", amount), metric("largest", largest), money("average", view.Major(average)),
		money("major", view.Major(amount)), metric("less", view.Difference(amount, view.Constant(5))), metric("rate", view.Ratio(approved, count)),
	}}}
	for _, test := range []struct {
		rule, sum, max string
		inexact        []string
	}{
		{"the largest that is exact", "9.007199254740991E15", "1", []string{"major", "average"}},
		{"the first that may be another number", "9.007199254740992E15", "1", []string{"sum", "average", "major", "less"}},
		{"a negative one", "-9.007199254740994E15", "1", []string{"sum", "average", "major", "less"}},
		{"an extreme of a field", "100", "9.1E18", []string{"largest"}},
		{"major units that still show every cent", "7.036874417766399E15", "1", nil},
		{"major units that do not", "7.036874417766401E15", "1", []string{"major", "average"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			table, _ := answered(t, panel, hours(1), fmt.Sprintf(`{"hits":{"total":{"value":1}},"aggregations":{
				"g0m0":{"value":%s},"g0m1":{"value":%s},"g0m2":{"count":1,"sum":%s},"g1":{"doc_count":1}}}`, test.sum, test.max, test.sum))
			var inexact []string
			for _, column := range table.Metrics {
				if !column.Exact {
					inexact = append(inexact, column.ID)
				}
				require.Equal(t, !column.Exact, column.Rounded)
			}
			require.ElementsMatch(t, test.inexact, inexact)
			require.Equal(t, len(test.inexact) > 0, len(table.Notes) > 0)
			for _, note := range table.Notes {
				require.Contains(t, note, "is rounded")
			}
		})
	}
}

func TestTheRestOfARoundedSumIsNoExactFigure(t *testing.T) {
	panel := view.Panel{Layer: view.Layer{
		Buckets: []view.Bucket{view.Terms{Label: "Store", Fields: []string{"merchant_id"}, Size: 1, By: &count, Other: true}},
		Metrics: []view.Value{metric("sum", amount), metric("count", count)},
	}}
	table, _ := answered(t, panel, hours(1), `{"hits":{"total":{"value":3}},"aggregations":{
		"b":{"buckets":[{"key":"a","doc_count":1,"g0m0":{"value":9.007199254740991E15}}]},
		"o":{"doc_count":3,"g0m0":{"value":9.007199254740994E15}}}}`)
	require.InDelta(t, 3, *table.Rows[1].Values[0], 0)
	require.False(t, table.Metrics[0].Exact, "3 is the rest of a sum that is rounded")
	require.True(t, table.Metrics[1].Exact)
}

// A store whose sum is rounded says nothing about the sums of others.
func TestOnlyTheFigureThatIsRoundedIsMarked(t *testing.T) {
	panel := view.Panel{Layer: view.Layer{
		Buckets: []view.Bucket{view.Terms{Label: "Store", Fields: []string{"merchant_id"}, Size: 3, By: &count}},
		Metrics: []view.Value{metric("count", count), metric("sum", amount), metric("share", view.Ratio(amount, view.OverallSum{Of: amount}))},
	}}
	table, _ := answered(t, panel, hours(1), `{"hits":{"total":{"value":3}},"aggregations":{"b":{"buckets":[
		{"key":"a","doc_count":1,"g0m0":{"value":9.007199254740994E15}},{"key":"b","doc_count":1,"g0m0":{"value":2}},{"key":"c","doc_count":1,"g0m0":{"value":3}}]}}}`)
	require.True(t, table.Metrics[1].Rounded)
	for i, want := range []bool{true, false, false} {
		require.True(t, table.Of(table.Rows[i], 0).Exact)
		require.Equal(t, want, table.Of(table.Rows[i], 1).Rounded, i)
		require.Equal(t, !want, table.Of(table.Rows[i], 1).Exact, i)
		require.False(t, table.Of(table.Rows[i], 2).Exact, "a share of a sum that is rounded")
	}
}

func TestSumsOverRowsThatNoFloatHoldsAreNoExactFigures(t *testing.T) {
	panel := view.Panel{Layer: view.Layer{
		Buckets: []view.Bucket{view.Filters{Label: "Half", Filters: []view.Filter{{Label: "a"}, {Label: "b"}}}},
		Metrics: []view.Value{metric("sum", amount), metric("total", view.OverallSum{Of: amount}), metric("so far", view.CumulativeSum{Of: amount})},
	}}
	table, _ := answered(t, panel, hours(1), `{"hits":{"total":{"value":2}},"aggregations":{"b":{"buckets":{
		"0":{"doc_count":1,"g0m0":{"value":9.007199254740991E15}},"1":{"doc_count":1,"g0m0":{"value":2}}}}}}`)
	require.True(t, table.Metrics[0].Exact)
	require.False(t, table.Metrics[1].Exact)
	require.False(t, table.Metrics[2].Exact)
}

func TestANumberOfADocumentIsShownAsItIs(t *testing.T) {
	panel := view.Panel{Chart: view.Documents, Documents: view.DocumentList{Newest: "occurred_at", Fields: []string{"balance_after_minor", "risk"}}}
	table, _ := answered(t, panel, hours(1), `{"hits":{"total":{"value":1},"hits":[
		{"_source":{"occurred_at":1772625600000,"balance_after_minor":9007199254740993,"risk":1.50}}]}}`)
	require.Equal(t, "2026-03-04T12:00:00.000Z", table.Rows[0].Keys[0].Text)
	require.Equal(t, "9007199254740993", table.Rows[0].Keys[1].Text)
	require.Equal(t, "1.5", table.Rows[0].Keys[2].Text)
}

func TestAKeyThatIsALargeNumberIsShownAsItIs(t *testing.T) {
	panel := view.Panel{Layer: view.Layer{
		Buckets: []view.Bucket{view.Terms{Label: "Amount", Fields: []string{"amount_minor"}, Size: 2, By: &count}},
		Metrics: []view.Value{metric("count", count)},
	}}
	table, _ := answered(t, panel, hours(1), `{"hits":{"total":{"value":2}},"aggregations":{"b":{"buckets":[
		{"key":9007199254740993,"doc_count":1},{"key":3.0,"doc_count":1}]}}}`)
	require.Equal(t, "9007199254740993", table.Rows[0].Keys[0].Text)
	require.Equal(t, "3", table.Rows[1].Keys[0].Text)
}
