package svg_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/draw/drawtest"
	"codebank.dev/dashboards/draw/picture"
	"codebank.dev/dashboards/draw/svg"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

var update = flag.Bool("update", false, "write the golden files")

// golden are panels of one kind each, made here so that a change of the catalogue does not
// change them.
func golden() map[string]view.Panel {
	amount := view.Value{ID: "n", Label: "Payments", Figure: view.Aggregate{Function: view.Count}}
	rate := view.Value{
		ID: "rate", Label: "Approval rate", Figure: view.Ratio(view.Aggregate{Function: view.Count}, view.Aggregate{Function: view.Count}),
		Format: view.Format{Kind: view.Percent, Decimals: 2}, Thresholds: &view.Thresholds{First: 0.8, Second: 0.9, RisingIsGood: true},
	}
	clock := view.Time{Label: "Time", Interval: "auto"}
	status := view.Terms{Label: "Status", Fields: []string{"status"}, Size: 2}
	bands := view.Ranges{Label: "Amount in BRL", Ranges: []view.Range{{Label: "below 10"}, {Label: "10 to 50"}, {Label: "50 and more"}}}
	panel := func(chart view.Chart, metric view.Value, buckets ...view.Bucket) view.Panel {
		return view.Panel{ID: "p", Title: "Payments & rates", Source: view.Transactions, Chart: chart, Layer: view.Layer{Buckets: buckets, Metrics: []view.Value{metric}}}
	}
	gauge := panel(view.Gauge, rate)
	gauge.Gauge = view.Scale{Max: 1, Goal: 0.95}
	return map[string]view.Panel{
		"tile": panel(view.Metric, rate), "line": panel(view.Line, rate, clock), "stacked-bars": panel(view.BarStacked, amount, status, clock),
		"bars": panel(view.BarHorizontal, amount, view.Terms{Label: "Country", Fields: []string{"merchant_country"}, Size: 4}),
		"dots": panel(view.Bar, rate, bands), "donut": panel(view.Donut, amount, status), "gauge": gauge,
		"heatmap": panel(view.Heatmap, amount, status, view.Numbers{Label: "Hour", First: 0, Last: 5}),
	}
}

func TestPicturesAreAsTheGoldenFiles(t *testing.T) {
	for name, panel := range golden() {
		result := drawtest.Result(panel, drawtest.Usual)
		result.Table = firstRows(result.Table)
		before := drawtest.Result(panel, drawtest.Usual)
		for _, row := range before.Table.Rows {
			*row.Values[0] *= 0.97
		}
		drawn := svg.Panel(result, svg.Options{Width: 480, Before: &before.Table, Annotations: []draw.Annotation{{At: drawtest.At().From.Add(90 * time.Minute), Word: "Release"}}})
		same(t, name+".svg", drawn)
		if name == "tile" || name == "dots" {
			same(t, name+"-alone.svg", svg.Standalone(result, svg.Options{Width: 480}, picture.Light))
		}
	}
}

// firstRows keeps golden files short: the first intervals of time only.
func firstRows(t query.Table) query.Table {
	var rows []query.Row
	for _, row := range t.Rows {
		last := len(row.Keys) - 1
		if t.Interval == 0 || row.Keys[last].Moment().Before(drawtest.At().From.Add(4*time.Hour)) {
			rows = append(rows, row)
		}
	}
	t.Rows = rows
	return t
}

func same(t *testing.T, name string, drawn []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, drawn, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(drawn), "%s: if the picture is meant to change, run with -update", name)
	checkLayout(t, drawn)
}
