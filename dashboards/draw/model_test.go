package draw_test

import (
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

var (
	count  = view.Aggregate{Function: view.Count}
	rate   = view.Value{ID: "rate", Label: "Rate", Figure: view.Ratio(count, count), Format: view.Format{Kind: view.Percent, Decimals: 1}, Thresholds: &view.Thresholds{First: 0.8, Second: 0.9, RisingIsGood: true}}
	number = view.Value{ID: "n", Label: "Payments", Figure: count}
	clock  = view.Time{Label: "Time"}
	from   = time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
)

// over returns a result of series over hours. Each series has a value for each hour; a
// value below 0 is none.
func over(chart view.Chart, metric view.Value, series map[string][]float64, names ...string) query.Result {
	result := query.Result{
		Panel: view.Panel{Source: view.Transactions, Chart: chart, Layer: view.Layer{Buckets: []view.Bucket{view.Terms{Label: "Name", Fields: []string{"status"}}, clock}, Metrics: []view.Value{metric}}},
		Range: query.Range{From: from, To: from.Add(150 * time.Minute)},
		Table: query.Table{Interval: time.Hour, Buckets: []query.Column{{Label: "Name", Field: "status"}, {Label: "Time"}}, Metrics: []query.Column{{ID: metric.ID, Label: metric.Label, Exact: true, Format: metric.Format}}},
	}
	for _, name := range names {
		for i, v := range series[name] {
			row := query.Row{Keys: []query.Key{{Text: name}, {Number: float64(from.Add(time.Duration(i) * time.Hour).UnixMilli())}}, Values: []*float64{nil}}
			if v >= 0 {
				row.Values[0] = &v
			}
			result.Table.Rows = append(result.Table.Rows, row)
		}
	}
	return result
}

func bounds(a draw.Axis) []string {
	return []string{a.Ticks[0].Text, a.Ticks[len(a.Ticks)-1].Text, a.Unit}
}

func TestRatesHaveTheRangeOfTheDataAndCountsBeginAtZero(t *testing.T) {
	rates := over(view.Line, rate, map[string][]float64{"a": {0.87, 0.93, 0.9}}, "a")
	require.Equal(t, []string{"86", "94", "%"}, bounds(draw.Of(rates, draw.Settings{}).Plot.Left))
	counts := over(view.Line, number, map[string][]float64{"a": {870, 930, 900}}, "a")
	require.Equal(t, []string{"0", "1,000", ""}, bounds(draw.Of(counts, draw.Settings{}).Plot.Left))
	stack := over(view.BarStacked, number, map[string][]float64{"a": {60, 70, 0}, "b": {50, 90, 10}}, "a", "b")
	plot := draw.Of(stack, draw.Settings{}).Plot
	require.Equal(t, []string{"0", "200", ""}, bounds(plot.Left), "of the stack, which is 160 high")
	require.Equal(t, []string{"0", "100", ""}, bounds(plot.Alone), "of the series by themselves")
}

func TestTicksAreRound(t *testing.T) {
	for want, ends := range map[string][2]float64{
		"0 to 1.00": {0, 0}, "0 to 8": {0, 7}, "-500 to 1,000": {-400, 900}, "0 to 2.0M": {0, 1_900_000}, "0 to 0.004": {0, 0.0035},
	} {
		axis := draw.Ticked(ends[0], ends[1], view.Format{Kind: view.Number, Decimals: 4}, 5)
		require.Equal(t, want, axis.Ticks[0].Text+" to "+axis.Ticks[len(axis.Ticks)-1].Text)
	}
	whole := draw.Ticked(0, 2, view.Format{Kind: view.Number}, 9)
	require.Len(t, whole.Ticks, 3, "a count has no half: %v", whole.Ticks)
}

func TestAnIntervalThatTheRangeOrTheIndexCutsIsIncomplete(t *testing.T) {
	result := over(view.Line, number, map[string][]float64{"a": {1, 2, 3}}, "a")
	require.Equal(t, []bool{false, false, true}, draw.Of(result, draw.Settings{}).Plot.X.Incomplete, "the range ends at 12:30")
	known := draw.Settings{CompleteTo: from.Add(90 * time.Minute)}
	require.Equal(t, []bool{false, true, true}, draw.Of(result, known).Plot.X.Incomplete)
	result.Range = query.Range{From: from.Add(time.Minute), To: from.Add(3*time.Hour - time.Millisecond)}
	require.Equal(t, []bool{true, false, false}, draw.Of(result, draw.Settings{}).Plot.X.Incomplete)
}

func TestTheAxisOfTimeIsInTheReadersZone(t *testing.T) {
	result := over(view.Line, number, map[string][]float64{"a": {1}}, "a")
	x := draw.Of(result, draw.Settings{Zone: time.FixedZone("", -3*3600)}).Plot.X
	require.Equal(t, "UTC-03:00", x.Zone)
	require.Equal(t, []string{"29 Nov 2026 07:00"}, x.Names)
}

func TestAChartHasSixSeriesAndTheOthersTogether(t *testing.T) {
	series, names := map[string][]float64{}, []string{}
	for i := range 30 {
		names = append(names, "store "+strconv.Itoa(i))
		series[names[i]] = []float64{float64(i), 1}
	}
	list := draw.Of(over(view.AreaStacked, number, series, names...), draw.Settings{}).Plot.Series
	require.Len(t, list, 7)
	require.Equal(t, "(24 others)", list[6].Name)
	require.Equal(t, draw.Others, list[6].Role)
	require.InDelta(t, 23*24/2, *list[6].Values[0], 0)
	roles := map[draw.Role]bool{}
	for _, s := range list {
		roles[s.Role] = true
	}
	require.Len(t, roles, 7, "no two series have the same colour")

	chart := draw.Of(over(view.Line, rate, series, names...), draw.Settings{})
	require.Len(t, chart.Plot.Series, 6, "rates cannot be added up")
	require.Contains(t, chart.Notes, "24 more series are not drawn")
}

// All other stores are a series of their own, whatever a store is called.
func TestAStoreIsNoSeriesWithAllOthers(t *testing.T) {
	result := over(view.BarStacked, number, map[string][]float64{"": {9, 9}, "Other": {1, 2}}, "Other", "")
	for i, row := range result.Table.Rows {
		if row.Keys[0].Text == "" {
			result.Table.Rows[i].Keys[0] = query.Key{Other: true, Label: query.AllOthers}
		} else {
			result.Table.Rows[i].Keys[0].Text = ""
			result.Table.Rows[i].Keys[0].Label = "a store without a text"
		}
	}
	list := draw.Of(result, draw.Settings{}).Plot.Series
	require.Len(t, list, 2)
	require.Equal(t, []string{"a store without a text", "(all others)"}, []string{list[0].Name, list[1].Name})
	require.InDelta(t, 1, *list[0].Values[0], 0)
	require.InDelta(t, 9, *list[1].Values[0], 0)
	require.Equal(t, draw.Others, list[1].Role)
}

func TestApprovedIsGoodAndDeclinedIsBadInEveryChart(t *testing.T) {
	for _, chart := range []view.Chart{view.BarStacked, view.Line, view.AreaStacked} {
		list := draw.Of(over(chart, number, map[string][]float64{"DECLINED": {1}, "APPROVED": {2}}, "DECLINED", "APPROVED"), draw.Settings{}).Plot.Series
		require.Equal(t, draw.Role("declined"), list[0].Role)
		require.Equal(t, draw.Role("approved"), list[1].Role)
	}
}

func TestATileSaysHowItsFigureChanged(t *testing.T) {
	tile := func(metric view.Value, now, then float64) string {
		table := func(v float64) query.Table {
			return query.Table{Metrics: []query.Column{{ID: metric.ID, Exact: true, Format: metric.Format}}, Rows: []query.Row{{Values: []*float64{&v}}}}
		}
		before := table(then)
		result := query.Result{Panel: view.Panel{Chart: view.Metric, Layer: view.Layer{Metrics: []view.Value{metric}}}, Table: table(now)}
		change := draw.Of(result, draw.Settings{Before: &before, Period: "the day before"}).Tiles[0].Change
		return change.Text() + " " + string(change.Status)
	}
	require.Equal(t, "↑ up 25.0 % on the day before ", tile(number, 125, 100))
	require.Equal(t, "↓ down 50.0 % on the day before ", tile(number, 50, 100))
	require.Equal(t, "→ unchanged on the day before ", tile(number, 7, 7))
	require.Equal(t, "↑ up on the day before ", tile(number, 7, 0), "no per cent of nothing")
	require.Equal(t, "↑ up 1.5 points on the day before good", tile(rate, 0.915, 0.9))
	require.Equal(t, "↓ down 2.0 points on the day before bad", tile(rate, 0.88, 0.9))
}

func TestNamesStayDifferentWhenTheyAreShortened(t *testing.T) {
	fits := func(text string) bool { return utf8.RuneCountInString(text) <= 8 }
	require.Equal(t, []string{"short", "a longe…"}, draw.Shorten([]string{"short", "a longer name"}, fits))
	require.Equal(t, []string{"stor…h 1", "stor…h 2"}, draw.Shorten([]string{"store in the north 1", "store in the north 2"}, fits))
	require.Equal(t, []string{"aaaaaa…1", "aaaaaa…2"}, draw.Shorten([]string{"aaaaaaaaaaaabaaaaaaaaaaaa", "aaaaaaaaaaaacaaaaaaaaaaaa"}, fits))
}

func TestTimeTicksAreRoundOnTheReadersClock(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	begin := time.Date(2026, 10, 24, 20, 30, 0, 0, berlin) // The clock goes back in this night.
	var texts []string
	for _, tick := range draw.TimeTicks(begin, begin.Add(25*time.Hour), time.Hour, 9) {
		texts = append(texts, tick.Text+" "+tick.Below)
	}
	require.Equal(t, []string{"21:00 24 Oct", "00:00 25 Oct", "03:00 ", "06:00 ", "09:00 ", "12:00 ", "15:00 ", "18:00 "}, texts)
}

func TestATableHasCellsForAPage(t *testing.T) {
	result := over(view.Table, view.Value{ID: "v", Label: "Volume", Figure: count, Format: view.Format{Kind: view.Money, Decimals: 2, Unit: "BRL"}}, map[string][]float64{"APPROVED": {1234.5, -1}}, "APPROVED")
	result.Panel.Drilldowns = []view.Drilldown{{To: "stores"}}
	table := draw.TableOf(result, draw.Settings{})
	require.Equal(t, []draw.TableColumn{{Label: "Name"}, {Label: "Time"}, {ID: "v", Label: "Volume", Unit: "BRL", Right: true}}, table.Columns)
	require.Equal(t, &draw.Link{Field: "status", Value: "APPROVED", Dashboards: []string{"stores"}}, table.Rows[0][0].Link)
	require.Equal(t, "1,234.50", table.Rows[0][2].Text, "the unit stands in the heading")
	require.Equal(t, draw.None, table.Rows[1][2].Text)
}

// Intervals without a figure are no chart: axes without a line would say that there is a 0.
func TestAChartWithoutAFigureSaysSo(t *testing.T) {
	result := query.Result{Panel: view.Panel{Chart: view.Line}, Table: query.Table{
		Buckets: []query.Column{{Label: "Time"}}, Metrics: []query.Column{{Label: "p50"}},
		Rows: []query.Row{{Keys: []query.Key{{}}, Values: []*float64{nil}}},
	}}
	require.Equal(t, draw.Empty, draw.Of(result, draw.Settings{}).Kind)

	result.Table.Rows[0].Values[0] = value(0)
	require.Equal(t, draw.Plot, draw.Of(result, draw.Settings{}).Kind)
}
