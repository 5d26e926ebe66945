package terminal_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/draw/terminal"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

var span = query.Range{
	From: time.Date(2026, 3, 4, 11, 0, 0, 0, time.UTC),
	To:   time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC),
}

func value(v float64) *float64 { return &v }

func TestFigures(t *testing.T) {
	for _, tt := range []struct {
		value  *float64
		format view.Format
		want   string
	}{
		{nil, view.Format{Kind: view.Percent}, "–"},
		{value(1234567), view.Format{Kind: view.Number}, "1,234,567"},
		{value(-1234.5), view.Format{Kind: view.Number, Decimals: 2}, "-1,234.50"},
		{value(-0.001), view.Format{Kind: view.Number, Decimals: 2}, "0.00"},
		{value(999), view.Format{}, "999"},
		{value(0.8813), view.Format{Kind: view.Percent, Decimals: 2}, "88.13 %"},
		{value(1687185.85), view.Format{Kind: view.Money, Decimals: 2, Unit: "BRL"}, "1,687,185.85 BRL"},
		{value(49600), view.Format{Kind: view.Duration, Decimals: 1, Unit: view.Microseconds, As: view.Milliseconds}, "49.6 ms"},
		{value(61500), view.Format{Kind: view.Duration, Decimals: 1, Unit: view.Milliseconds, As: view.Seconds}, "61.5 s"},
		{value(1772622000000), view.Format{Kind: view.Moment}, "2026-03-04 11:00:00Z"},
		{value(1e300), view.Format{Kind: view.Moment}, "–"},
	} {
		require.Equal(t, tt.want, terminal.Figure(tt.value, tt.format))
	}
}

// drawn draws one panel alone, without its title and range.
func drawn(t *testing.T, panel view.Panel, table query.Table) []string {
	t.Helper()
	panel.Title, panel.Grid = "Title", view.Grid{W: view.Columns}
	for _, metric := range panel.Layer.Metrics {
		table.Metrics = append(table.Metrics, query.Column{ID: metric.ID, Label: metric.Label, Format: metric.Format, Exact: metric.ID != "estimate"})
	}
	for _, bucket := range panel.Layer.Buckets {
		table.Buckets = append(table.Buckets, query.Column{Label: bucket.Title()})
	}
	text := terminal.Terminal{Width: 50}.Dashboard(view.Dashboard{Title: "B"}, span, []query.Result{{Panel: panel, Table: table, Range: span}})
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	require.Equal(t, []string{"B  2026-03-04 11:00:00Z to 2026-03-04 12:00:00Z", "", "Title"}, lines[:3])
	return lines[3:]
}

func rows(values ...any) []query.Row {
	var list []query.Row
	for i := 0; i < len(values); i += 2 {
		row := query.Row{}
		for _, name := range strings.Split(values[i].(string), "|") {
			row.Keys = append(row.Keys, query.Key{Text: name, Number: float64(i / 2)})
		}
		row.Values, _ = values[i+1].([]*float64)
		if v, single := values[i+1].(float64); single {
			row.Values = []*float64{&v}
		}
		list = append(list, row)
	}
	return list
}

func TestCharts(t *testing.T) {
	n := []view.Value{{ID: "n", Label: "n"}}
	store := view.Terms{Label: "Store", Fields: []string{"merchant_name"}}
	clock := view.Time{Label: "Time"}
	for name, tt := range map[string]struct {
		panel view.Panel
		table query.Table
		want  []string
	}{
		"a figure, an estimate behind it": {
			view.Panel{Chart: view.Metric, Layer: view.Layer{Metrics: []view.Value{{ID: "n"}, {ID: "estimate", Label: "cards"}}}},
			query.Table{Rows: []query.Row{{Values: []*float64{value(1234), value(5)}}}}, []string{"1,234  cards ≈ 5"}},
		"a figure without value": {
			view.Panel{Chart: view.Metric, Layer: view.Layer{Metrics: n}}, query.Table{Rows: []query.Row{{Values: []*float64{nil}}}}, []string{"–"}},
		"bars, the longest as wide as there is room": {
			view.Panel{Chart: view.Bar, Layer: view.Layer{Metrics: n, Buckets: []view.Bucket{store}}},
			query.Table{Rows: rows("a", 43.0, "b", 10.0, "c", []*float64{nil})},
			[]string{"a " + strings.Repeat("█", 45) + " 43", "b " + strings.Repeat("█", 10) + strings.Repeat(" ", 35) + " 10", "c" + strings.Repeat(" ", 48) + "–"}},
		"slices with their shares": {
			view.Panel{Chart: view.Donut, Layer: view.Layer{Metrics: n, Buckets: []view.Bucket{store}}},
			query.Table{Rows: rows("a", 3.0, "b", 1.0)},
			[]string{"a " + strings.Repeat("█", 37) + " 3   75.0 %", "b " + strings.Repeat("█", 12) + strings.Repeat(" ", 25) + " 1   25.0 %"}},
		"a line over time": {
			view.Panel{Chart: view.Line, Layer: view.Layer{Metrics: n, Buckets: []view.Bucket{clock}}},
			query.Table{Rows: rows("t0", 0.0, "t1", 1.0, "t2", 8.0), Interval: 90 * time.Minute},
			[]string{"n  ▁█ max 8, last 8", "1970-01-01 00:00:00Z to 1970-01-01 00:00:00Z, eac…"}},
		"shares over time": {
			view.Panel{Chart: view.BarPercentage, Layer: view.Layer{Metrics: n, Buckets: []view.Bucket{store, clock}}},
			query.Table{Rows: rows("a|t0", 1.0)}, []string{"a █ max 100.0 %, last 100.0 %", "1970-01-01 00:00:00Z to 1970-01-01 00:00:00Z, eac…"}},
		"a table": {
			view.Panel{Chart: view.Table, Layer: view.Layer{Metrics: n, Buckets: []view.Bucket{store}}},
			query.Table{Rows: rows("Bakery", 1234.0, "Other", []*float64{nil})}, []string{"Store       n", "Bakery  1,234", "Other       –"}},
		"a heatmap": {
			view.Panel{Chart: view.Heatmap, Layer: view.Layer{Metrics: n, Buckets: []view.Bucket{store, store}}},
			query.Table{Rows: rows("Mo|0", 0.0, "Mo|1", 4.0, "Tu|0", 2.0)},
			[]string{"Mo    ███", "Tu ▒▒▒···", "   0", "light 0, dark 4"}},
		"a scale with its goal": {
			view.Panel{Chart: view.Gauge, Gauge: view.Scale{Max: 100, Goal: 90}, Layer: view.Layer{Metrics: n}},
			query.Table{Rows: []query.Row{{Values: []*float64{value(49)}}}},
			[]string{"49  goal 90", strings.Repeat("█", 25) + strings.Repeat("░", 20) + "┃░░░░"}},
		"nothing": {
			view.Panel{Chart: view.Table, Layer: view.Layer{Metrics: n}}, query.Table{Notes: []string{"a note"}}, []string{"nothing in this range", "a note"}},
		"control characters in a name are replaced": {
			view.Panel{Chart: view.Table, Layer: view.Layer{Metrics: n, Buckets: []view.Bucket{store}}},
			query.Table{Rows: rows("\x1b[31mred\nline", 1.0)}, []string{"Store          n", "\uFFFD[31mred line  1"}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, drawn(t, tt.panel, tt.table)) })
	}
}

func TestPanelsStandSideBySideWhereThereIsRoom(t *testing.T) {
	panel := func(title string, x int) query.Result {
		return query.Result{Panel: view.Panel{Title: title, Chart: view.Text, Text: "text of " + title, Grid: view.Grid{X: x, W: 24}}}
	}
	results := []query.Result{panel("right", 24), panel("left", 0)}
	wide := terminal.Terminal{Width: 60}.Dashboard(view.Dashboard{Title: "Board"}, span, results)
	require.Contains(t, wide, "left"+strings.Repeat(" ", 27)+"right\n")
	narrow := terminal.Terminal{Width: 40}.Dashboard(view.Dashboard{Title: "Board"}, span, results)
	require.Contains(t, narrow, "left\ntext of left\n\nright\n")
}

func TestColoursAreForTerminals(t *testing.T) {
	lights := &view.Thresholds{First: 0.8, Second: 0.9, RisingIsGood: true}
	figure := func(v float64) string {
		result := query.Result{
			Panel: view.Panel{Title: "Rate", Chart: view.Metric, Grid: view.Grid{W: 48}, Layer: view.Layer{Metrics: []view.Value{{Thresholds: lights}}}},
			Table: query.Table{Metrics: []query.Column{{Exact: true, Format: view.Format{Decimals: 1}}}, Rows: []query.Row{{Values: []*float64{&v}}}},
		}
		return terminal.Terminal{Colours: true}.Dashboard(view.Dashboard{}, span, []query.Result{result})
	}
	require.Contains(t, figure(0.5), "\x1b[31m0.5\x1b[0m")
	require.Contains(t, figure(0.8), "\x1b[33m0.8\x1b[0m", "a bound belongs to what is above it")
	require.Contains(t, figure(0.9), "\x1b[32m0.9\x1b[0m")
}

func TestNoLineOfAnyDashboardIsWiderThanTheTerminal(t *testing.T) {
	for _, board := range catalogue.Dashboards() {
		var results []query.Result
		for _, panel := range board.Panels {
			result := query.Result{Panel: panel, Range: span}
			row := query.Row{}
			for _, bucket := range panel.Layer.Buckets {
				result.Table.Buckets = append(result.Table.Buckets, query.Column{Label: bucket.Title()})
				row.Keys = append(row.Keys, query.Key{Text: strings.Repeat("long name ", 12)})
			}
			for _, metric := range panel.Layer.Metrics {
				result.Table.Metrics = append(result.Table.Metrics, query.Column{Label: metric.Label, Format: metric.Format})
				row.Values = append(row.Values, value(1e15))
			}
			result.Table.Rows = []query.Row{row, row}
			results = append(results, result)
		}
		for _, width := range []int{1, 30, 80, 100, 237} {
			for line := range strings.Lines(terminal.Terminal{Width: width, Definitions: true}.Dashboard(board, span, results)) {
				require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), width, line)
			}
		}
	}
}

func TestASumThatIsRoundedIsMarked(t *testing.T) {
	panel := view.Panel{
		ID: "volume", Title: "Volume", Source: view.Transactions, Chart: view.Metric, Grid: view.Grid{W: view.Columns},
		Layer: view.Layer{Metrics: []view.Value{{
			ID: "sum", Label: "Approved", Figure: view.Major(view.Aggregate{Function: view.Sum, Field: "amount_minor"}),
			Format: view.Format{Kind: view.Money, Decimals: 2, Unit: "BRL"},
		}}},
	}
	for sum, want := range map[string]string{"123456": "\n1,234.56 BRL\n", "9.007199254740994E15": "\n≈ 90,071,992,547,409.94 BRL\nApproved: a figure here is rounded"} {
		client := query.Client{Views: catalogue.DataViews(), Search: func(context.Context, []query.Request) ([]json.RawMessage, error) {
			return []json.RawMessage{json.RawMessage(`{"hits":{"total":{"value":1}},"_shards":{"total":1},"aggregations":{"g0m0":{"value":` + sum + `}}}`)}, nil
		}}
		at := query.Range{From: time.Unix(0, 0), To: time.Unix(3600, 0)}
		results, err := client.RunAll(t.Context(), []view.Panel{panel}, at)
		require.NoError(t, err)
		drawn := terminal.Terminal{}.Dashboard(view.Dashboard{Title: "Board"}, at, results)
		require.Contains(t, drawn, want)
	}
}
