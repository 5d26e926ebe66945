package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// hours is a range of that many hours that ends at noon.
func hours(n int) query.Range {
	return query.Range{From: noon.Add(-time.Duration(n) * time.Hour), To: noon}
}

// answered requests a panel of transactions over a range, from a server that returns
// one response. It returns the table and the search that was sent.
func answered(t *testing.T, panel view.Panel, at query.Range, answer string) (query.Table, map[string]any) {
	t.Helper()
	panel.ID, panel.Source = "panel", view.Transactions
	var sent map[string]any
	client := query.Client{Views: catalogue.DataViews(), Search: func(_ context.Context, requests []query.Request) ([]json.RawMessage, error) {
		require.Len(t, requests, 1)
		require.Equal(t, "transactions", requests[0].Index)
		require.NoError(t, json.Unmarshal(requests[0].Body, &sent))
		return []json.RawMessage{json.RawMessage(answer)}, nil
	}}
	result, err := client.Run(t.Context(), panel, at)
	require.NoError(t, err)
	return result.Table, sent
}

// at follows a path into JSON.
func at(t *testing.T, value any, path ...string) any {
	t.Helper()
	for _, name := range path {
		object, ok := value.(map[string]any)
		require.True(t, ok, "%s of %v", name, value)
		value = object[name]
	}
	return value
}

func written(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// figures returns the keys and the values of rows. A missing value is -1.
func figures(table query.Table) (keys [][]string, values [][]float64) {
	for _, row := range table.Rows {
		names, numbers := []string{}, []float64{}
		for _, key := range row.Keys {
			names = append(names, key.Text)
		}
		for _, value := range row.Values {
			if value == nil {
				numbers = append(numbers, -1)
				continue
			}
			numbers = append(numbers, *value)
		}
		keys, values = append(keys, names), append(values, numbers)
	}
	return keys, values
}

func metric(id string, figure view.Expression) view.Value {
	return view.Value{ID: id, Label: id, Figure: figure}
}

var (
	count    = view.Aggregate{Function: view.Count}
	approved = view.Aggregate{Function: view.Count, Filter: kql.Is{Field: "status", Value: "APPROVED"}}
	amount   = view.Aggregate{Function: view.Sum, Field: "amount_minor"}
)

func TestConditions(t *testing.T) {
	for name, tt := range map[string]struct {
		query kql.Query
		want  string
	}{
		"everything": {nil, `{"match_all":{}}`},
		"a value":    {kql.Is{Field: "kind", Value: "VOID"}, `{"term":{"kind":"VOID"}}`},
		"values":     {kql.OneOf{Field: "kind", Values: []string{"VOID", "REVERSAL"}}, `{"terms":{"kind":["VOID","REVERSAL"]}}`},
		"a bound":    {kql.Compare{Field: "attempt", Operator: kql.Greater, Value: "1"}, `{"range":{"attempt":{"gt":"1"}}}`},
		"a field":    {kql.Exists{Field: "card_id"}, `{"exists":{"field":"card_id"}}`},
		"not":        {kql.Not{Query: kql.Exists{Field: "card_id"}}, `{"bool":{"must_not":[{"exists":{"field":"card_id"}}]}}`},
		"and, without empty queries": {kql.And{nil, kql.Exists{Field: "a"}, kql.And{}, kql.Exists{Field: "b"}},
			`{"bool":{"filter":[{"exists":{"field":"a"}},{"exists":{"field":"b"}}]}}`},
		"or": {kql.Or{kql.Exists{Field: "a"}, kql.Exists{Field: "b"}},
			`{"bool":{"minimum_should_match":1,"should":[{"exists":{"field":"a"}},{"exists":{"field":"b"}}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, sent := answered(t, view.Panel{Query: tt.query, Layer: view.Layer{Metrics: []view.Value{metric("n", count)}}}, hours(1),
				`{"hits":{"total":{"value":1}}}`)
			filters := at(t, sent, "query", "bool", "filter").([]any)
			require.JSONEq(t, tt.want, written(t, filters[0]))
			require.JSONEq(t, `{"range":{"occurred_at":{"format":"epoch_millis","gte":1772622000000,"lte":1772625600000}}}`, written(t, filters[1]))
			require.EqualValues(t, 0, sent["size"])
		})
	}
}

func TestFiguresOfAllDocuments(t *testing.T) {
	unique := view.Aggregate{Function: view.Unique, Field: "card_id"}
	rank := func(n int) view.Aggregate {
		return view.Aggregate{Function: view.Percentile, Field: "decision_micros", Rank: n}
	}
	panel := view.Panel{Layer: view.Layer{Metrics: []view.Value{
		metric("count", count), metric("sum", amount), metric("major", view.Major(amount)),
		metric("average", view.Aggregate{Function: view.Average, Field: "amount_minor"}),
		metric("max", view.Aggregate{Function: view.Max, Field: "risk_score"}), metric("unique", unique), metric("p50", rank(50)), metric("p95", rank(95)),
		metric("approved", approved), metric("rate", view.Ratio(approved, count)),
		metric("per-second", view.Aggregate{Function: view.Count, Per: "s"}),
		metric("of nothing", view.Ratio(count, view.Constant(0))), metric("less", view.Difference(count, unique)),
	}}}
	table, sent := answered(t, panel, hours(1), `{"hits":{"total":{"value":7200}},"aggregations":{
		"g0m0":{"value":123456},"g0m1":{"count":4,"sum":10,"min":1,"max":4,"avg":2.5},"g0m2":{"value":null},"g0m3":{"value":70},
		"g0m4":{"values":[{"key":50.0,"value":1.5},{"key":95.0,"value":9.5}]},"g1":{"doc_count":5400}}}`)
	_, values := figures(table)
	require.Equal(t, [][]float64{{7200, 123456, 1234.56, 2.5, -1, 70, 1.5, 9.5, 5400, 0.75, 2, -1, 7130}}, values)
	require.JSONEq(t, `{
		"g0m0":{"sum":{"field":"amount_minor"}},"g0m1":{"stats":{"field":"amount_minor"}},"g0m2":{"max":{"field":"risk_score"}},
		"g0m3":{"cardinality":{"field":"card_id","precision_threshold":40000}},
		"g0m4":{"percentiles":{"field":"decision_micros","percents":[50,95],"keyed":false}},"g1":{"filter":{"term":{"status":"APPROVED"}}}}`,
		written(t, sent["aggs"]), "figures of the same documents share what they can")
	exact := map[string]bool{}
	for _, column := range table.Metrics {
		exact[column.ID] = column.Exact
	}
	require.True(t, exact["sum"] && exact["rate"])
	require.False(t, exact["unique"] || exact["p95"] || exact["less"], "estimates are marked")
}

func TestTheLastPartOfARange(t *testing.T) {
	within := approved
	within.Within = "15m"
	table, sent := answered(t, view.Panel{Layer: view.Layer{Metrics: []view.Value{metric("n", within)}}}, hours(1),
		`{"hits":{"total":{"value":9}},"aggregations":{"g0":{"doc_count":3}}}`)
	require.InDelta(t, 3, *table.Find("n"), 0)
	require.JSONEq(t, `{"g0":{"filter":{"bool":{"filter":[{"term":{"status":"APPROVED"}},
		{"range":{"occurred_at":{"format":"epoch_millis","gte":1772624700000,"lte":1772625600000}}}]}}}}`, written(t, sent["aggs"]))
}

func TestTheLastPartOfARangeMovesWithTheRange(t *testing.T) {
	before := count
	before.Within, before.Shift = "15m", "1d"
	_, sent := answered(t, view.Panel{Layer: view.Layer{Metrics: []view.Value{metric("n", before)}}}, hours(1),
		`{"aggregations":{"s1":{"doc_count":9,"g0":{"doc_count":3}}}}`)
	filters := at(t, sent, "aggs", "s1", "aggs", "g0", "filter", "bool", "filter").([]any)
	require.JSONEq(t, `{"range":{"occurred_at":{"format":"epoch_millis","gte":1772538300000,"lte":1772539200000}}}`, written(t, filters[1]))
}

func TestFiguresPerUnitOfTimeUseTheirOwnInterval(t *testing.T) {
	perSecond := view.Aggregate{Function: view.Count, Per: "s"}
	last := perSecond
	last.Within = "15m"
	metrics := []view.Value{metric("rate", perSecond), metric("last", last)}
	table, _ := answered(t, view.Panel{Layer: view.Layer{Metrics: metrics}}, hours(2), `{"hits":{"total":{"value":7200}},"aggregations":{"g1":{"doc_count":1800}}}`)
	_, values := figures(table)
	require.Equal(t, [][]float64{{1, 2}}, values, "of two hours, and of the last 15 minutes")

	hourly := view.Panel{Layer: view.Layer{Buckets: []view.Bucket{view.Time{Field: "occurred_at", Interval: "1h"}}, Metrics: metrics}}
	table, _ = answered(t, hourly, hours(2), `{"aggregations":{"b":{"buckets":[{"key":1772622000000,"doc_count":7200,"g1":{"doc_count":1800}}]}}}`)
	_, values = figures(table)
	require.Equal(t, [][]float64{{2, 2}}, values, "of an hour each")
}

func TestARangeComparedWithTheDayBefore(t *testing.T) {
	before := count
	before.Shift = "1d"
	panel := view.Panel{Query: kql.Exists{Field: "card_id"}, Layer: view.Layer{
		Buckets: []view.Bucket{view.Time{Label: "Time", Field: "occurred_at", Interval: "1h"}},
		Metrics: []view.Value{
			metric("now", count), metric("before", before), metric("grown", view.CumulativeSum{Of: before}), metric("change", view.Ratio(count, before)),
		},
	}}
	table, sent := answered(t, panel, hours(2), `{"hits":{"total":{"value":9}},"aggregations":{
		"s0":{"doc_count":3,"b":{"buckets":[{"key":1772618400000,"doc_count":1},{"key":1772622000000,"doc_count":2},{"key":1772625600000,"doc_count":0}]}},
		"s1":{"doc_count":6,"b":{"buckets":[{"key":1772532000000,"doc_count":4},{"key":1772535600000,"doc_count":2},{"key":1772539200000,"doc_count":0}]}}}}`)
	keys, values := figures(table)
	require.Equal(t, [][]string{{"2026-03-04T10:00:00Z"}, {"2026-03-04T11:00:00Z"}, {"2026-03-04T12:00:00Z"}}, keys)
	require.Equal(t, [][]float64{{1, 4, 4, 0.25}, {2, 2, 6, 1}, {0, 0, 6, -1}}, values)
	require.JSONEq(t, `{"filter":{"range":{"occurred_at":{"format":"epoch_millis","gte":1772532000000,"lte":1772539200000}}},
		"aggs":{"b":{"date_histogram":{"field":"occurred_at","fixed_interval":"3600000ms","offset":"0ms","min_doc_count":0,
			"extended_bounds":{"min":1772532000000,"max":1772539200000}}}}}`, written(t, at(t, sent, "aggs", "s1")))
	filters := at(t, sent, "query", "bool", "filter").([]any)
	require.JSONEq(t, `{"exists":{"field":"card_id"}}`, written(t, filters[0]), "the panel's query holds for both ranges")
	require.Len(t, at(t, filters[1], "bool", "should"), 2)
}

func TestAShiftThatIsNotAMultipleOfTheIntervalKeepsTheSameIntervals(t *testing.T) {
	before := count
	before.Shift = "20m"
	panel := view.Panel{Layer: view.Layer{
		Buckets: []view.Bucket{view.Time{Field: "occurred_at", Interval: "1h"}},
		Metrics: []view.Value{metric("now", count), metric("before", before)},
	}}
	table, sent := answered(t, panel, hours(1), `{"aggregations":{
		"s0":{"b":{"buckets":[{"key":1772622000000,"doc_count":1}]}},"s1":{"b":{"buckets":[{"key":1772620800000,"doc_count":2}]}}}}`)
	require.Equal(t, "2400000ms", at(t, sent, "aggs", "s1", "aggs", "b", "date_histogram", "offset"))
	_, values := figures(table)
	require.Equal(t, [][]float64{{1, 2}}, values)
}

func TestIntervalsOutsideTheRangeAreLeftOut(t *testing.T) {
	panel := view.Panel{Layer: view.Layer{
		Buckets: []view.Bucket{view.Time{Field: "occurred_at", Interval: "1h"}}, Metrics: []view.Value{metric("n", count)},
	}}
	table, _ := answered(t, panel, hours(1), `{"aggregations":{"b":{"buckets":[{"key":1772618400000,"doc_count":1},
		{"key":1772622000000,"doc_count":2},{"key":1772625600000,"doc_count":3},{"key":1772629200000,"doc_count":4}]}}}`)
	keys, _ := figures(table)
	require.Equal(t, [][]string{{"2026-03-04T11:00:00Z"}, {"2026-03-04T12:00:00Z"}}, keys)
}

func TestTheOrderOfValuesUsesItsOwnDocuments(t *testing.T) {
	before := count
	before.Shift = "1d"
	span := `{"range":{"occurred_at":{"format":"epoch_millis","gte":1772622000000,"lte":1772625600000}}}`
	for name, tt := range map[string]struct {
		by      view.Aggregate
		metrics []view.Value
		want    string
	}{
		"of a filter":                          {approved, []view.Value{metric("n", count)}, `[` + span + `,{"term":{"status":"APPROVED"}}]`},
		"of this range, not of the one before": {count, []view.Value{metric("n", count), metric("before", before)}, `[` + span + `,{"match_all":{}}]`},
	} {
		t.Run(name, func(t *testing.T) {
			panel := view.Panel{Layer: view.Layer{
				Buckets: []view.Bucket{view.Terms{Fields: []string{"merchant_name"}, Size: 2, By: &tt.by}}, Metrics: tt.metrics,
			}}
			_, sent := answered(t, panel, hours(1), `{"aggregations":{"b":{"buckets":[]}}}`)
			require.JSONEq(t, `{"by":"desc"}`, written(t, at(t, sent, "aggs", "b", "terms", "order")))
			require.JSONEq(t, tt.want, written(t, at(t, sent, "aggs", "b", "aggs", "by", "filter", "bool", "filter")))
		})
	}
}

func TestTheRowOfAllOtherValues(t *testing.T) {
	average := view.Aggregate{Function: view.Average, Field: "amount_minor"}
	panel := view.Panel{Layer: view.Layer{
		Buckets: []view.Bucket{view.Terms{Label: "Store", Fields: []string{"merchant_name"}, Size: 2, By: &count, Other: true}},
		Metrics: []view.Value{
			metric("n", count), metric("sum", amount), metric("average", average), metric("rate", view.Ratio(approved, count)),
			metric("cards", view.Aggregate{Function: view.Unique, Field: "card_id"}), metric("share", view.Ratio(count, view.OverallSum{Of: count})),
		},
	}}
	bucket := func(key string, rest string) string { return `{"key":"` + key + `",` + rest + `}` }
	a := `"doc_count":5,"g0m0":{"value":50},"g0m1":{"count":5,"sum":50},"g1":{"doc_count":4},"g0m2":{"value":3}`
	b := `"doc_count":3,"g0m0":{"value":30},"g0m1":{"count":3,"sum":30},"g1":{"doc_count":3},"g0m2":{"value":2}`
	all := `"doc_count":10,"g0m0":{"value":100},"g0m1":{"count":10,"sum":100},"g1":{"doc_count":8},"g0m2":{"value":6}`
	table, sent := answered(t, panel, hours(1), `{"hits":{"total":{"value":11}},"aggregations":{
		"b":{"sum_other_doc_count":2,"buckets":[`+bucket("a", a)+`,`+bucket("b", b)+`]},"o":{`+all+`}}}`)
	keys, values := figures(table)
	require.Equal(t, [][]string{{"a"}, {"b"}, {""}}, keys)
	require.Equal(t, [][]float64{{5, 50, 10, 0.8, 3, 0.5}, {3, 30, 10, 1, 2, 0.3}, {2, 20, 10, 0.5, -1, 0.2}}, values)
	require.True(t, table.Rows[2].Keys[0].Other)
	require.JSONEq(t, `{"_count":"desc"}`, written(t, at(t, sent, "aggs", "b", "terms", "order")))
	require.JSONEq(t, `{"bool":{"filter":[{"exists":{"field":"merchant_name"}}]}}`, written(t, at(t, sent, "aggs", "o", "filter")))
	require.EqualValues(t, 2, at(t, sent, "aggs", "b", "terms", "size"))
	require.EqualValues(t, 36, at(t, sent, "aggs", "b", "terms", "shard_size"))

	table, _ = answered(t, panel, hours(1), `{"aggregations":{"b":{"buckets":[`+bucket("a", `"doc_count_error_upper_bound":7,`+a)+`]},"o":{`+a+`}}}`)
	require.Len(t, table.Rows, 1, "when all are shown there is no other")
	require.Equal(t, []string{"Store: a may be too small by up to 7"}, table.Notes)
}

func TestOthersOverTime(t *testing.T) {
	panel := view.Panel{Layer: view.Layer{
		Buckets: []view.Bucket{
			view.Terms{Label: "Store", Fields: []string{"merchant_name"}, Size: 1, By: &amount, Other: true},
			view.Time{Field: "occurred_at", Interval: "1h"},
		},
		Metrics: []view.Value{metric("n", count)},
	}}
	table, sent := answered(t, panel, hours(1), `{"aggregations":{
		"b":{"buckets":[{"key":"a","doc_count":5,"b":{"buckets":[{"key":1772622000000,"doc_count":3},{"key":1772625600000,"doc_count":2}]}}]},
		"o":{"doc_count":9,"b":{"buckets":[{"key":1772622000000,"doc_count":4},{"key":1772625600000,"doc_count":5}]}}}}`)
	keys, values := figures(table)
	require.Equal(t, [][]string{
		{"a", "2026-03-04T11:00:00Z"}, {"a", "2026-03-04T12:00:00Z"}, {"", "2026-03-04T11:00:00Z"}, {"", "2026-03-04T12:00:00Z"},
	}, keys)
	require.Equal(t, [][]float64{{3}, {2}, {1}, {3}}, values)
	require.JSONEq(t, `{"by>m0":"desc"}`, written(t, at(t, sent, "aggs", "b", "terms", "order")))
	require.JSONEq(t, `{"m0":{"sum":{"field":"amount_minor"}}}`, written(t, at(t, sent, "aggs", "b", "aggs", "by", "aggs")))
}

func TestCombinationsAreOrderedAndCutHere(t *testing.T) {
	newest := view.Aggregate{Function: view.Max, Field: "complete_to"}
	panel := view.Panel{Layer: view.Layer{
		Buckets: []view.Bucket{view.Terms{Label: "Bank, partition", Fields: []string{"bank_code", "partition"}, Size: 2, By: &newest, Ascending: true}},
		Metrics: []view.Value{metric("to", newest)},
	}}
	table, _ := answered(t, panel, hours(1), `{"aggregations":{"b":{"buckets":[
		{"key":"001","doc_count":5,"b":{"buckets":[
			{"key":0,"doc_count":2,"by":{"doc_count":2,"m0":{"value":30}},"g0m0":{"value":30}},{"key":1,"doc_count":2,"by":{"doc_count":2,"m0":{"value":10}},"g0m0":{"value":10}}]}},
		{"key":"002","doc_count":5,"b":{"sum_other_doc_count":1,"buckets":[{"key":0,"doc_count":2,"by":{"doc_count":2,"m0":{"value":20}},"g0m0":{"value":20}}]}}]}}}`)
	keys, values := figures(table)
	require.Equal(t, [][]string{{"001 · 1"}, {"002 · 0"}}, keys)
	require.Equal(t, [][]float64{{10}, {20}}, values)
	require.Equal(t, []string{"Bank, partition: more values exist than were read"}, table.Notes)
}

func TestFiltersNumbersAndRanges(t *testing.T) {
	panel := view.Panel{Layer: view.Layer{
		Buckets: []view.Bucket{
			view.Filters{Label: "Card", Filters: []view.Filter{{Label: "New", Query: kql.Is{Field: "card_use", Value: "FIRST"}}, {Label: "All"}}},
			view.Numbers{Label: "Hour", Field: "hour", First: 0, Last: 1},
			view.Ranges{Label: "Amount", Field: "amount_minor", Ranges: []view.Range{{Label: "low", Below: 10}, {Label: "high", From: 10}}},
		},
		Metrics: []view.Value{metric("n", count)},
	}}
	ranges := func(low, high string) string {
		return `"b":{"buckets":{"0":{"from":0,"to":10,"doc_count":` + low + `},"1":{"from":10,"doc_count":` + high + `}}}`
	}
	table, sent := answered(t, panel, hours(1), `{"aggregations":{"b":{"buckets":{
		"0":{"doc_count":3,"b":{"buckets":[{"key":0.0,"doc_count":3,`+ranges("1", "2")+`}]}},"1":{"doc_count":0,"b":{"buckets":[]}}}}}}`)
	keys, values := figures(table)
	require.Equal(t, [][]string{{"New", "0", "low"}, {"New", "0", "high"}}, keys)
	require.Equal(t, [][]float64{{1}, {2}}, values)
	inner := at(t, sent, "aggs", "b", "aggs", "b")
	require.JSONEq(t, `{"field":"hour","interval":1,"min_doc_count":0,"hard_bounds":{"min":0,"max":1},"extended_bounds":{"min":0,"max":1}}`,
		written(t, at(t, inner, "histogram")))
	require.JSONEq(t, `{"field":"amount_minor","keyed":true,"ranges":[{"key":"0","from":0,"to":10},{"key":"1","from":10}]}`,
		written(t, at(t, inner, "aggs", "b", "range")))
}

func TestAMovingAverageCoversTheIntervalsBefore(t *testing.T) {
	panel := view.Panel{Layer: view.Layer{
		Buckets: []view.Bucket{view.Terms{Fields: []string{"status"}, Size: 5}, view.Numbers{Field: "hour", First: 0, Last: 3}},
		Metrics: []view.Value{metric("usual", view.MovingAverage{Of: view.Ratio(count, count), Window: 2}), metric("n", view.MovingAverage{Of: count, Window: 2})},
	}}
	series := `{"buckets":[{"key":0,"doc_count":2},{"key":1,"doc_count":6},{"key":2,"doc_count":0},{"key":3,"doc_count":8}]}`
	table, _ := answered(t, panel, hours(1), `{"aggregations":{"b":{"buckets":[{"key":"A","doc_count":16,"b":`+series+`},{"key":"D","doc_count":16,"b":`+series+`}]}}}`)
	_, values := figures(table)
	one := [][]float64{{-1, -1}, {1, 2}, {-1, 4}, {1, 3}}
	require.Equal(t, append(one, one...), values, "each series for itself; a row without value has none and counts for none")
}

func TestDocuments(t *testing.T) {
	panel := view.Panel{Chart: view.Documents, Documents: view.DocumentList{ID: "x", Newest: "occurred_at", Fields: []string{"merchant_name", "amount_minor"}}}
	table, sent := answered(t, panel, hours(1), `{"hits":{"total":{"value":7},"hits":[{"_source":{"occurred_at":1772622000000,"merchant_name":"A","amount_minor":1250}},{"_source":{"occurred_at":"2026-03-04"}}]}}`)
	keys, _ := figures(table)
	require.Equal(t, [][]string{{"2026-03-04T11:00:00.000Z", "A", "1250"}, {"2026-03-04", "", ""}}, keys)
	require.Equal(t, []string{"the newest 2 of 7"}, table.Notes)
	require.EqualValues(t, 20, sent["size"])
}

func TestAnIndexThatDoesNotExistYetHasNoRows(t *testing.T) {
	panel := view.Panel{Layer: view.Layer{Buckets: []view.Bucket{view.Terms{Fields: []string{"kind"}, Size: 1}}, Metrics: []view.Value{metric("n", count)}}}
	table, _ := answered(t, panel, hours(1), `{"_shards":{"total":0},"hits":{"total":{"value":0}}}`)
	require.Empty(t, table.Rows)
	require.Equal(t, []string{"there is no index transactions yet"}, table.Notes)
}

func TestAPanelWithItsOwnRangeUsesTheEndOfTheGivenRangeAsNow(t *testing.T) {
	for from, want := range map[string]string{"now-15m": "2026-03-04T11:45:00Z", "now/d": "2026-03-04T00:00:00Z"} {
		client := query.Client{Views: catalogue.DataViews(), Search: func(context.Context, []query.Request) ([]json.RawMessage, error) {
			return []json.RawMessage{json.RawMessage(`{}`)}, nil
		}}
		panel := view.Panel{ID: "p", Source: view.Transactions, From: from, Layer: view.Layer{Metrics: []view.Value{metric("n", count)}}}
		result, err := client.Run(t.Context(), panel, hours(1))
		require.NoError(t, err)
		require.Equal(t, want, result.Range.From.Format(time.RFC3339))
		require.Equal(t, noon, result.Range.To)
	}
}

// A dashboard may end in the past. What its panels say about today and about the index is
// about the present nevertheless.
func TestAPanelWithItsOwnRangeEndsAtTheClientsNow(t *testing.T) {
	later := noon.AddDate(0, 0, 9)
	for from, want := range map[string]string{"now-15m": "2026-03-13T11:45:00Z", "now/d": "2026-03-13T00:00:00Z"} {
		client := query.Client{Views: catalogue.DataViews(), Now: later, Search: func(context.Context, []query.Request) ([]json.RawMessage, error) {
			return []json.RawMessage{json.RawMessage(`{}`), json.RawMessage(`{}`)}, nil
		}}
		own := view.Panel{ID: "p", Source: view.Transactions, From: from, Layer: view.Layer{Metrics: []view.Value{metric("n", count)}}}
		other := own
		other.ID, other.From = "other", ""
		results, err := client.RunAll(t.Context(), []view.Panel{own, other}, hours(1))
		require.NoError(t, err)
		require.NoError(t, results[0].Err)
		require.Equal(t, want, results[0].Range.From.Format(time.RFC3339))
		require.Equal(t, later, results[0].Range.To)
		require.Equal(t, hours(1), results[1].Range, "a panel without a range of its own has the dashboard's")
	}
}

func TestAnErrorBelongsToItsPanel(t *testing.T) {
	good := view.Panel{ID: "good", Source: view.Transactions, Layer: view.Layer{Metrics: []view.Value{metric("n", count)}}}
	bad, foreign, text := good, good, view.Panel{ID: "text", Chart: view.Text}
	bad.Query = kql.Exists{Field: "nothing"}
	bad.ID, foreign.ID, foreign.Source = "bad", "foreign", "elsewhere"
	client := query.Client{Views: catalogue.DataViews(), Search: func(_ context.Context, requests []query.Request) ([]json.RawMessage, error) {
		require.Len(t, requests, 2)
		return []json.RawMessage{
			json.RawMessage(`{"error":{"type":"x","reason":"all shards failed","root_cause":[{"reason":"no such field"}]},"status":400}`),
			json.RawMessage(`{"hits":{"total":{"value":4}}}`),
		}, nil
	}}
	results, err := client.RunAll(t.Context(), []view.Panel{bad, foreign, text, good}, hours(1))
	require.NoError(t, err)
	refused := new(query.ServerError)
	require.ErrorAs(t, results[0].Err, &refused)
	require.Equal(t, query.ServerError{Status: 400, Reason: "no such field"}, *refused)
	require.ErrorContains(t, results[0].Err, "panel bad")
	require.ErrorContains(t, results[1].Err, `data view "elsewhere" does not exist`)
	require.NoError(t, results[2].Err)
	require.InDelta(t, 4, *results[3].Table.Find("n"), 0)

	client.Search = func(context.Context, []query.Request) ([]json.RawMessage, error) {
		return []json.RawMessage{json.RawMessage(`{"timed_out":true}`)}, nil
	}
	_, err = client.Run(t.Context(), good, hours(1))
	require.ErrorContains(t, err, "incomplete")
	client.Search = func(context.Context, []query.Request) ([]json.RawMessage, error) {
		return nil, errors.New("server is down")
	}
	_, err = client.Run(t.Context(), good, hours(1))
	require.ErrorContains(t, err, "server is down")
}

func TestEveryPanelOfTheCatalogueCanBeQueried(t *testing.T) {
	requested := 0
	client := query.Client{Views: catalogue.DataViews(), Search: func(_ context.Context, requests []query.Request) ([]json.RawMessage, error) {
		requested += len(requests)
		answers := make([]json.RawMessage, len(requests))
		for i, request := range requests {
			require.True(t, json.Valid(request.Body))
			answers[i] = json.RawMessage(`{"_shards":{"total":1},"hits":{"total":{"value":0}},"aggregations":{}}`)
		}
		return answers, nil
	}}
	for _, board := range catalogue.Dashboards() {
		for _, now := range []time.Time{noon, noon.Truncate(24 * time.Hour)} {
			span, err := query.Since(board, now)
			require.NoError(t, err)
			results, err := client.RunAll(t.Context(), board.Panels, span)
			require.NoError(t, err)
			for _, result := range results {
				require.NoError(t, result.Err, board.ID)
			}
		}
	}
	require.Greater(t, requested, 80)
}

func TestPanelsOfTheSameDocumentsShareASearch(t *testing.T) {
	panel := func(id string, of kql.Query, metrics ...view.Value) view.Panel {
		return view.Panel{ID: id, Source: view.Transactions, Query: of, Layer: view.Layer{
			Buckets: []view.Bucket{view.Terms{Fields: []string{"status"}, Size: 5, By: &count}}, Metrics: metrics,
		}}
	}
	before := amount
	before.Shift = "1d"
	client := query.Client{Views: catalogue.DataViews(), Search: func(_ context.Context, requests []query.Request) ([]json.RawMessage, error) {
		answers := make([]json.RawMessage, len(requests))
		for i := range requests {
			answers[i] = json.RawMessage(`{"aggregations":{"b":{"buckets":[{"key":"A","doc_count":` + []string{"4", "9", "1"}[i] + `,"g0m0":{"value":50}}]}}}`)
		}
		require.Len(t, requests, 3, "another query and a shift of time are searches of their own")
		return answers, nil
	}}
	results, err := client.RunAll(t.Context(), []view.Panel{
		panel("one", nil, metric("n", count)), panel("foreign", kql.Exists{Field: "card_id"}, metric("n", count)),
		panel("two", kql.And{}, metric("sum", amount), metric("ticket", view.Ratio(amount, count))), panel("shifted", nil, metric("before", before)),
	}, hours(1))
	require.NoError(t, err)
	_, values := figures(results[0].Table)
	require.Equal(t, [][]float64{{4}}, values)
	_, values = figures(results[2].Table)
	require.Equal(t, [][]float64{{50, 12.5}}, values)
	require.Equal(t, "sum", results[2].Table.Metrics[0].ID)
	require.Len(t, results[2].Table.Metrics, 2)
	require.InDelta(t, 9, *results[1].Table.Find("n", "A"), 0)
}

func TestATrendIsOfTheFirstFigureOverTime(t *testing.T) {
	panel := view.Panel{ID: "volume", Source: view.Transactions, Trend: "occurred_at", Layer: view.Layer{
		Metrics: []view.Value{metric("volume", amount), metric("n", count)},
	}}
	client := query.Client{Views: catalogue.DataViews(), Search: func(_ context.Context, requests []query.Request) ([]json.RawMessage, error) {
		require.Len(t, requests, 2)
		require.Contains(t, string(requests[1].Body), `"date_histogram"`)
		return []json.RawMessage{
			json.RawMessage(`{"hits":{"total":{"value":3}},"aggregations":{"g0m0":{"value":50}}}`),
			json.RawMessage(`{"aggregations":{"b":{"buckets":[{"key":1772622000000,"doc_count":2,"g0m0":{"value":20}},{"key":1772622060000,"doc_count":1,"g0m0":{"value":30}}]}}}`),
		}, nil
	}}
	result, err := client.Run(t.Context(), panel, hours(1))
	require.NoError(t, err)
	_, values := figures(result.Table)
	require.Equal(t, [][]float64{{50, 3}}, values)
	keys, values := figures(*result.Trend)
	require.Equal(t, [][]string{{"2026-03-04T11:00:00Z"}, {"2026-03-04T11:01:00Z"}}, keys)
	require.Equal(t, [][]float64{{20}, {30}}, values)
}

func TestMoments(t *testing.T) {
	for text, want := range map[string]string{
		"now": "2026-03-04T12:34:56.789Z", "now-24h": "2026-03-03T12:34:56.789Z", "now/d": "2026-03-04T00:00:00Z", "now-1d/d": "2026-03-03T00:00:00Z",
		"now/w": "2026-03-02T00:00:00Z", "now/M": "2026-03-01T00:00:00Z", "now-1M": "2026-02-04T12:34:56.789Z", "now+1y/y": "2027-01-01T00:00:00Z",
		"now/h": "2026-03-04T12:00:00Z", "2026-01-02": "2026-01-02T00:00:00Z", "2026-01-02T03:04:05.678999-03:00": "2026-01-02T06:04:05.678Z",
	} {
		moment, err := query.ParseMoment(text, time.Date(2026, 3, 4, 12, 34, 56, 789_999_999, time.UTC))
		require.NoError(t, err, text)
		require.Equal(t, want, moment.Format(time.RFC3339Nano), text)
	}
	for _, text := range []string{"", "yesterday", "now-", "now-1", "now-1x", "now-9999999h", "now-999999y", "2026-13-01", "1969-12-31", "now 1d"} {
		_, err := query.ParseMoment(text, noon)
		require.Error(t, err, text)
	}
	_, err := query.Between("now", "now-1h", noon)
	require.ErrorContains(t, err, "not before")
}

func TestTheIntervalIsKibanasForTheUsualRanges(t *testing.T) {
	for length, want := range map[time.Duration]time.Duration{
		15 * time.Minute: 30 * time.Second, time.Hour: time.Minute, 24 * time.Hour: 30 * time.Minute, 7 * 24 * time.Hour: 3 * time.Hour,
		30 * 24 * time.Hour: 12 * time.Hour, time.Second: time.Second, 200 * 365 * 24 * time.Hour: 365 * 24 * time.Hour,
	} {
		require.Equal(t, want, query.Interval(query.Range{From: noon.Add(-length), To: noon}), length)
	}
}

func TestAnIntervalTooSmallForItsRangeIsRefused(t *testing.T) {
	panel := view.Panel{ID: "p", Source: view.Transactions, Layer: view.Layer{
		Buckets: []view.Bucket{view.Time{Field: "occurred_at", Interval: "1s"}}, Metrics: []view.Value{metric("n", count)},
	}}
	_, err := query.Client{Views: catalogue.DataViews()}.Run(t.Context(), panel, hours(24))
	require.ErrorContains(t, err, "too many")
}
