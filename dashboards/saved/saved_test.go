package saved

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

var (
	approved = view.Aggregate{Function: view.Count, Filter: kql.Is{Field: "status", Value: "APPROVED"}}
	all      = view.Aggregate{Function: view.Count}
	amount   = view.Aggregate{Function: view.Sum, Field: "amount_minor"}
)

// columnsOfFormula returns the columns of a layer with one formula m, as JSON.
func columnsOfFormula(t *testing.T, figure view.Expression) (columns, string) {
	t.Helper()
	c := columnsOf(view.Layer{Metrics: []view.Value{{ID: "m", Label: "M", Figure: figure, Format: view.Format{Kind: view.Percent, Decimals: 2}}}}, "")
	text, err := json.Marshal(c.byID)
	require.NoError(t, err)
	return c, string(text)
}

func TestAFormulaComesWithItsParts(t *testing.T) {
	for _, tt := range []struct {
		rule   string
		figure view.Expression
		order  []string
		has    []string
	}{
		{"a ratio ends in a math column", view.Ratio(approved, all), []string{"m", "mX0", "mX1", "mX2"}, []string{
			`"formula":"count(kql='status: APPROVED') / count()"`, `"references":["mX2"]`,
			`"tinymathAst":{"args":["mX0","mX1"],"location":{"max":39,"min":0},"name":"divide","text":"count(kql='status: APPROVED') / count()","type":"function"}`,
		}},
		{"a single function points at its last part", view.MovingAverage{Of: amount, Window: 4}, []string{"m", "mX0", "mX1"}, []string{
			`"formula":"moving_average(sum(amount_minor), window=4)"`, `"references":["mX1"]`, `"operationType":"moving_average","params":{"window":4},"references":["mX0"]`,
		}},
		{"a math part inside a function is a column of its own", view.CumulativeSum{Of: view.Major(amount)}, []string{"m", "mX0", "mX1", "mX2"}, []string{
			`"tinymathAst":{"args":["mX0",100],"location":{"max":38,"min":15},"name":"divide","text":"sum(amount_minor) / 100","type":"function"}`,
			`"operationType":"cumulative_sum","params":{},"references":["mX1"]`,
		}},
		{"nested math parts are one tree", view.Ratio(view.Major(amount), all), []string{"m", "mX0", "mX1", "mX2"}, []string{
			`"args":[{"args":["mX0",100],"location":{"max":24,"min":1},"name":"divide","text":"sum(amount_minor) / 100","type":"function"},"mX1"]`,
			`"references":["mX0","mX1"]`,
		}},
		{"a share", view.Ratio(all, view.OverallSum{Of: all}), []string{"m", "mX0", "mX1", "mX2", "mX3"}, []string{
			`"operationType":"overall_sum","params":{},"references":["mX1"]`, `"args":["mX0","mX2"]`,
		}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			c, text := columnsOfFormula(t, tt.figure)
			require.Equal(t, tt.order, c.order)
			for _, part := range tt.has {
				require.Contains(t, text, part)
			}
		})
	}
}

func TestAnAggregateIsAnOperationWithItsSettings(t *testing.T) {
	figure := view.Aggregate{
		Function: view.Percentile, Field: "decision_micros", Rank: 95, Filter: approved.Filter, Shift: "1d", Within: "15m", Per: "s",
	}
	c := columnsOf(view.Layer{Metrics: []view.Value{{
		ID: "m", Label: "M", Figure: figure, Format: view.Format{Kind: view.Duration, Decimals: 1, Unit: view.Microseconds, As: view.Milliseconds},
	}}}, "")
	require.Equal(t, object{
		"operationType": "percentile", "sourceField": "decision_micros", "label": "M", "customLabel": true, "dataType": "number",
		"isBucketed": false, "scale": "ratio", "filter": object{"query": "status: APPROVED", "language": "kuery"},
		"timeShift": "1d", "reducedTimeRange": "15m", "timeScale": "s",
		"params": object{"percentile": 95, "format": object{
			"id": "duration", "params": object{"decimals": 1, "fromUnit": "microseconds", "toUnit": "asMilliseconds"},
		}},
	}, c.byID["m"])
}

func TestTermsAreOrderedByAColumnIfItIsShown(t *testing.T) {
	shown := view.Terms{Label: "Store", Fields: []string{"merchant_name"}, Size: 5, By: &all}
	hidden := shown
	hidden.By, hidden.Ascending = &amount, true
	alone := shown
	alone.By = nil
	several := view.Terms{Label: "Partition", Fields: []string{"bank_code", "partition"}, Size: 1}
	c := columnsOf(view.Layer{
		Buckets: []view.Bucket{shown, hidden, alone, several},
		Metrics: []view.Value{{ID: "m", Label: "M", Figure: all}},
	}, "")
	params := func(id string) object { return c.byID[id]["params"].(object) }
	require.Equal(t, object{"type": "column", "columnId": "m"}, params("bucket-1")["orderBy"])
	require.Equal(t, "desc", params("bucket-1")["orderDirection"])
	require.Equal(t, object{"type": "custom"}, params("bucket-2")["orderBy"])
	require.Equal(t, "amount_minor", params("bucket-2")["orderAgg"].(object)["sourceField"])
	require.Equal(t, "asc", params("bucket-2")["orderDirection"])
	require.Equal(t, "alphabetical", params("bucket-3")["orderBy"].(object)["type"])
	require.Equal(t, []string{"partition"}, params("bucket-4")["secondaryFields"])
	require.Equal(t, []string{"bucket-1", "bucket-2", "bucket-3", "bucket-4", "m"}, c.order)
}

func TestAMetricWithATrendHasALinkedLayer(t *testing.T) {
	made, needed := embedded(view.Panel{
		ID: "p", Title: "P", Definition: "D.", Approximate: "a bit.", Chart: view.Metric, Source: view.Transactions, Trend: "occurred_at", From: "now/d",
		Layer: view.Layer{Metrics: []view.Value{{ID: "m", Label: "M", Figure: view.Ratio(approved, all)}}},
	}, view.DataView{})
	text, err := json.Marshal(made)
	require.NoError(t, err)
	for _, part := range []string{
		`"linkToLayers":["layer"]`, `"trendlineLayerId":"trend"`, `"trendlineMetricAccessor":"trend-m"`, `"trendlineTimeAccessor":"trend-bucket-1"`,
		`"trend-mX2"`, `"timeRange":{"from":"now/d","to":"now"}`, `"description":"D. Approximate: a bit."`,
	} {
		require.Contains(t, string(text), part)
	}
	require.Equal(t, []reference{
		{"transactions", "indexpattern-datasource-layer-layer", "index-pattern"}, {"transactions", "indexpattern-datasource-layer-trend", "index-pattern"},
	}, needed)
}

func TestColoursBeginAtTheirThresholds(t *testing.T) {
	text, err := json.Marshal(palette(view.Thresholds{First: 0.8, Second: 0.9, RisingIsGood: true}))
	require.NoError(t, err)
	require.Contains(t, string(text), `"colorStops":[{"color":"#cc5642","stop":null},{"color":"#d6bf57","stop":0.8},{"color":"#209280","stop":0.9}]`)
	text, err = json.Marshal(palette(view.Thresholds{First: 10, Second: 60}))
	require.NoError(t, err)
	require.Contains(t, string(text), `"colorStops":[{"color":"#209280","stop":null},{"color":"#d6bf57","stop":10},{"color":"#cc5642","stop":60}]`)
}

func TestEveryChartIsDrawn(t *testing.T) {
	kinds := map[view.Chart]string{
		view.Metric: "lnsMetric", view.Line: "lnsXY", view.Area: "lnsXY", view.AreaStacked: "lnsXY", view.Bar: "lnsXY", view.BarStacked: "lnsXY",
		view.BarPercentage: "lnsXY", view.BarHorizontal: "lnsXY", view.Donut: "lnsPie", view.Table: "lnsDatatable", view.Heatmap: "lnsHeatmap",
		view.Gauge: "lnsMetric",
	}
	for chart, kind := range kinds {
		t.Run(string(chart), func(t *testing.T) {
			l := lensOf(view.Panel{Chart: chart, Layer: view.Layer{
				Buckets: []view.Bucket{view.Filters{Label: "F"}, view.Numbers{Label: "N", Field: "hour", Last: 23}},
				Metrics: []view.Value{{ID: "m", Label: "M", Figure: all, Right: true}},
			}, References: []view.Reference{{Label: "R", Value: 5}}}, view.DataView{})
			require.Equal(t, kind, l.kind)
			text, err := json.Marshal(l.visual)
			require.NoError(t, err)
			require.Contains(t, string(text), `"m"`)
			if kind == "lnsXY" {
				require.Contains(t, string(text), `"seriesType":"`+seriesTypes[chart]+`","splitAccessor":"bucket-1","xAccessor":"bucket-2"`)
				require.Contains(t, string(text), `"layerType":"referenceLine"`)
				require.Contains(t, string(text), `"axisMode":"right"`)
				require.NotEmpty(t, seriesTypes[chart])
			}
		})
	}
}

// Kibana drops a formula that divides by 0 as a whole, so both sides of the condition must be
// safe.
func TestASmallFigureIsNeverNull(t *testing.T) {
	earlier := all
	earlier.Shift = view.Previous
	for _, tt := range []struct {
		rule   string
		figure view.Expression
		want   string
	}{
		{"a count always has a value", all, "count()"},
		{"a share of a fixed number", view.Major(amount), "sum(amount_minor) / 100"},
		{"a change", view.Difference(view.Ratio(all, earlier), view.Constant(1)),
			"ifelse(gt(count(shift='previous'), 0), (count() / pick_max(count(shift='previous'), 1)) - 1, 0)"},
		{"a difference of rates", view.Difference(view.Ratio(approved, all), view.Ratio(approved, earlier)),
			"ifelse(gt(count() * count(shift='previous'), 0), (count(kql='status: APPROVED') / pick_max(count(), 1)) - (count(kql='status: APPROVED') / pick_max(count(shift='previous'), 1)), 0)"},
		{"the largest value", view.Aggregate{Function: view.Max, Field: "dead_letters"}, "defaults(max(dead_letters), 0)"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			require.Equal(t, tt.want, view.Formula(orZero(tt.figure)))
		})
	}
	made := tile(view.Layer{Metrics: []view.Value{{ID: "a", Figure: all}, {ID: "b", Figure: view.Ratio(all, earlier)}, {ID: "c", Figure: all}}})
	require.Len(t, made.Metrics, 2, "a tile has room for two figures")
	_, text := columnsOfFormula(t, made.Metrics[1].Figure)
	require.Contains(t, text, `"name":"pick_max"`)
	require.Contains(t, text, `"name":"gt","text":"gt(count(shift='previous'), 0)"`)
}

func TestValuesHaveTheirColours(t *testing.T) {
	source := view.DataView{Colours: map[string]map[string]view.Colour{"status": {"DECLINED": view.Bad}}}
	l := lensOf(view.Panel{Chart: view.BarStacked, Layer: view.Layer{
		Buckets: []view.Bucket{view.Terms{Label: "Status", Fields: []string{"status"}, Size: 5}, view.Time{Label: "Time", Field: "occurred_at", Interval: "auto"}},
		Metrics: []view.Value{{ID: "m", Label: "M", Figure: all, Colour: view.Good}},
	}}, source)
	text, err := json.Marshal(l.visual)
	require.NoError(t, err)
	require.Contains(t, string(text), `"color":{"colorCode":"#cc5642","type":"colorCode"},"rule":{"type":"matchExactly","values":["DECLINED"]}`)
	require.Contains(t, string(text), `"yConfig":[{"color":"#209280","forAccessor":"m"}]`)
}

func TestADataViewHasWordsAndAmountsInMajorUnits(t *testing.T) {
	view := view.DataView{
		Source: view.Transactions, Labels: map[string]string{"amount_minor": "Amount", "status": "Status"}, Amounts: []string{"amount_minor"},
		Decimals: map[string]int{"JPY": 0, "KWD": 3, "CLP": 0},
		Words:    view.Words{"status": {"B": "Bee", "A": "Ay"}},
	}
	text, err := json.Marshal(dataView(view).attributes)
	require.NoError(t, err)
	require.Contains(t, string(text), `"status":{"id":"static_lookup","params":{"lookupEntries":[{"key":"A","value":"Ay"},{"key":"B","value":"Bee"}],"unknownKeyValue":""}}`)
	require.Contains(t, string(text), `"amount":{"customLabel":"Amount"},"amount_minor":{"customLabel":"Amount in minor units"},"status":{"customLabel":"Status"}`)
	require.Contains(t, string(text), `"runtimeFieldMap":{"amount":{"script":{"source":"if (doc['amount_minor'].size() \u003e 0) { double unit = 100.0; `+
		`if (doc['currency'].size() \u003e 0) { String currency = doc['currency'].value; if (['CLP', 'JPY'].contains(currency)) { unit = 1.0; } `+
		`if (['KWD'].contains(currency)) { unit = 1000.0; } } emit(doc['amount_minor'].value / unit); }"},"type":"double"}}`)
}

func TestAPanelOfTextIsByValue(t *testing.T) {
	made, needed := panel(view.Panel{ID: "note", Title: "Note", Definition: "D.", Chart: view.Text, Text: "**x**"}, context{})
	text, err := json.Marshal(made)
	require.NoError(t, err)
	require.Contains(t, string(text), `"params":{"fontSize":12,"markdown":"**x**","openLinksInNewTab":false}`)
	require.Empty(t, needed)
}

func TestAnObjectOfATypeWithoutStampIsRefused(t *testing.T) {
	_, err := made{kind: "canvas"}.body()
	require.ErrorContains(t, err, "canvas")
	for kind := range Stamps {
		body, err := made{kind: kind}.body()
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(string(body), "}\n"))
	}
}
