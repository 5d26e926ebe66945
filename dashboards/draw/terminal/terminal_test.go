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
	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/draw/drawtest"
	"codebank.dev/dashboards/draw/terminal"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

var span = query.Range{
	From: time.Date(2026, 3, 4, 11, 0, 0, 0, time.UTC),
	To:   time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC),
}

func value(v float64) *float64 { return &v }

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
			[]string{"a " + strings.Repeat("█", 38) + " 3  75.0 %", "b " + strings.Repeat("█", 13) + strings.Repeat(" ", 25) + " 1  25.0 %"}},
		"a line over time": {
			view.Panel{Chart: view.Line, Layer: view.Layer{Metrics: n, Buckets: []view.Bucket{clock}}},
			query.Table{Rows: rows("t0", 0.0, "t1", 1.0, "t2", 8.0), Interval: 90 * time.Minute},
			[]string{"n  ▁█  last 8, highest 8", "scale 0 to 8", "1 Jan 1970 00:00 to 1 Jan 1970 00:00 UTC, each", "1h30m, the first and the last incomplete"}},
		"shares over time": {
			view.Panel{Chart: view.BarPercentage, Layer: view.Layer{Metrics: n, Buckets: []view.Bucket{store, clock}}},
			query.Table{Rows: rows("a|t0", 1.0)}, []string{"a  last 100.0 %  highest 100.0 %", "█", "scale 0 to 100 %", "1 Jan 1970 00:00 to 1 Jan 1970 00:00 UTC,", "incomplete"}},
		"a table": {
			view.Panel{Chart: view.Table, Layer: view.Layer{Metrics: n, Buckets: []view.Bucket{store}}},
			query.Table{Rows: rows("Bakery", 1234.0, "Other", []*float64{nil})}, []string{"Store       n", "Bakery  1,234", "Other       –"}},
		"a heatmap": {
			view.Panel{Chart: view.Heatmap, Layer: view.Layer{Metrics: n, Buckets: []view.Bucket{store, store}}},
			query.Table{Rows: rows("Mo|0", 0.0, "Mo|1", 4.0, "Tu|0", 2.0)},
			[]string{"Mo    ███", "Tu ▒▒▒···", "   0  1", "across: Store", "light 0, dark 4"}},
		"a scale with its goal": {
			view.Panel{Chart: view.Gauge, Gauge: view.Scale{Max: 100, Goal: 90}, Layer: view.Layer{Metrics: n}},
			query.Table{Rows: []query.Row{{Values: []*float64{value(49)}}}},
			[]string{"49  goal 90", strings.Repeat("█", 25) + strings.Repeat("░", 20) + "┃░░░░"}},
		"nothing": {
			view.Panel{Chart: view.Table, Layer: view.Layer{Metrics: n}}, query.Table{Notes: []string{"a note"}}, []string{"Nothing in this range", "a note"}},
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
	wide := terminal.Terminal{Width: 80}.Dashboard(view.Dashboard{Title: "Board"}, span, results)
	require.Contains(t, wide, "left"+strings.Repeat(" ", 37)+"right\n")
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

func TestNoLineIsWiderThanTheTerminalAndNoFigureIsCut(t *testing.T) {
	squeezed := strings.NewReplacer(" ", "", "\n", "")
	for _, board := range catalogue.Dashboards() {
		for _, c := range drawtest.Cases() {
			results := drawtest.Results(board, c)
			for _, width := range []int{1, 40, 80, 237} {
				screen := terminal.Terminal{Width: width, Definitions: true}
				for line := range strings.Lines(screen.Dashboard(board, drawtest.At(), results)) {
					require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), width, "%s, %s: %s", board.ID, c, line)
				}
				if width != 40 && width != 80 {
					continue
				}
				for _, result := range results {
					text := squeezed.Replace(screen.Dashboard(view.Dashboard{}, drawtest.At(), []query.Result{result}))
					for _, figure := range figures(result) {
						require.Contains(t, text, squeezed.Replace(figure), "%s, %s, %d", result.Panel.ID, c, width)
					}
				}
			}
		}
	}
}

// figures are the texts that have to be in a drawing, whatever its width.
func figures(result query.Result) []string {
	chart := draw.Of(result, draw.Settings{})
	list := []string{chart.Title}
	for _, tile := range chart.Tiles {
		list = append(list, tile.Figure)
		for _, small := range tile.Small {
			list = append(list, small.Label+" "+small.Figure)
		}
	}
	for _, row := range chart.Bars.Rows {
		for _, bar := range row.Bars {
			list = append(list, bar.Text)
		}
	}
	for _, slice := range chart.Donut.Slices {
		list = append(list, slice.Text, slice.Share)
	}
	for _, row := range chart.Table.Rows[:min(len(chart.Table.Rows), 20)] {
		for _, cell := range row {
			if cell.Right {
				list = append(list, cell.Text)
			}
		}
	}
	for _, s := range chart.Plot.Series {
		if chart.Plot.X.Time && len(s.Texts) > 0 && !s.OfWhole {
			list = append(list, "last"+s.Texts[len(s.Texts)-1])
		}
	}
	if chart.Kind == draw.Gauge {
		list = append(list, chart.Gauge.Figure, chart.Gauge.GoalText)
	}
	return list
}

// The names of series stay different however long they are.
func TestSeriesOfOneChartShareWidthAndStayApart(t *testing.T) {
	for _, c := range []drawtest.Case{drawtest.Usual, drawtest.LongNames, drawtest.Many} {
		for _, panel := range catalogue.Dashboards()[1].Panels {
			if panel.ID != "rate-by-brand" {
				continue
			}
			text := terminal.Terminal{Width: 80}.Dashboard(view.Dashboard{}, drawtest.At(), []query.Result{drawtest.Result(panel, c)})
			names, widths, previous := map[string]bool{}, map[int]bool{}, ""
			for line := range strings.Lines(text) {
				if begin := strings.IndexAny(line, "▁▂▃▄▅▆▇█·"); begin >= 0 && strings.ContainsAny(line, "▁▂▃▄▅▆▇█") {
					end := strings.LastIndexAny(line, "▁▂▃▄▅▆▇█·")
					widths[utf8.RuneCountInString(line[begin:end])] = true
				}
				if before, _, found := strings.Cut(line, "last "); found {
					if before == "" {
						before = previous // The name has a line of its own.
					}
					names[strings.TrimRight(before, " ▁▂▃▄▅▆▇█·\n")] = true
				}
				previous = line
			}
			require.Len(t, widths, 1, text)
			require.GreaterOrEqual(t, len(names), 6, text)
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

func TestAnnotationsAreNamedBelowAChartOverTime(t *testing.T) {
	panel := view.Panel{ID: "p", Title: "P", Chart: view.Line, Layer: view.Layer{
		Buckets: []view.Bucket{view.Time{Label: "Time", Field: "occurred_at"}},
		Metrics: []view.Value{{ID: "n", Label: "Payments", Figure: view.Aggregate{Function: view.Count}}},
	}}
	from := drawtest.At().From.Truncate(24 * time.Hour)
	list := []draw.Annotation{{At: drawtest.At().From.Add(time.Hour), To: drawtest.At().From.Add(90 * time.Minute), Word: "Outage"}}
	for i := range 5 {
		list = append(list, draw.Annotation{At: drawtest.At().From.Add(time.Duration(i) * time.Minute), Word: "Pay-day"})
	}
	text := terminal.Terminal{Width: 80, Annotations: list}.Dashboard(view.Dashboard{Title: "B"}, drawtest.At(), []query.Result{drawtest.Result(panel, drawtest.Usual)})
	require.Contains(t, text, "Outage "+list[0].Span())
	require.Contains(t, text, "Pay-day ×5, "+from.Format("2 Jan")+" to "+from.Format("2 Jan"))
}
