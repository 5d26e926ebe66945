package draw_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/draw/drawtest"
	"codebank.dev/dashboards/view"
)

// overTime returns the chart of a panel over four hours.
func overTime(t *testing.T, own []view.Annotation, of ...draw.Annotation) draw.Chart {
	t.Helper()
	panel := view.Panel{ID: "p", Chart: view.Line, Annotations: own, Layer: view.Layer{
		Buckets: []view.Bucket{view.Time{Label: "Time", Field: "occurred_at"}},
		Metrics: []view.Value{{ID: "n", Label: "Payments", Figure: view.Aggregate{Function: view.Count}}},
	}}
	chart := draw.Of(drawtest.Result(panel, drawtest.Usual), draw.Settings{Annotations: of})
	require.NotEmpty(t, chart.Plot.X.Starts)
	return chart
}

func TestAnAnnotationBelongsToTheChartsWhoseRangeItTouches(t *testing.T) {
	at := drawtest.At()
	chart := overTime(t, nil,
		draw.Annotation{At: at.From.Add(-2 * time.Hour), To: at.From.Add(2 * time.Hour), Word: "Outage", Text: "No power."},
		draw.Annotation{At: at.From.Add(time.Hour), Word: "Release"},
		draw.Annotation{At: at.From.Add(-48 * time.Hour), To: at.From.Add(-47 * time.Hour), Word: "Before"},
		draw.Annotation{At: at.To.Add(48 * time.Hour), Word: "After"})
	var words []string
	for _, a := range chart.Plot.X.Annotations {
		words = append(words, a.Word)
	}
	require.Equal(t, []string{"Outage", "Release"}, words)
	require.Contains(t, chart.Summary, "; marked: Outage ")
	on := 0
	for place := range chart.Plot.X.Starts {
		for _, a := range chart.Plot.X.On(place) {
			if a.Word == "Release" {
				on++
				require.False(t, a.At.Before(chart.Plot.X.Starts[place]))
			}
		}
	}
	require.Equal(t, 1, on, "a moment belongs to one interval")
}

func TestAWordThatIsFrequentIsNamedOnceAndTheRareOnesComeFirst(t *testing.T) {
	at := drawtest.At()
	var all []draw.Annotation
	for i := range 5 {
		all = append(all, draw.Annotation{At: at.From.Add(time.Duration(i) * 30 * time.Minute), Word: "Pay-day"})
	}
	all = append(all, draw.Annotation{At: at.To.Add(-time.Hour), Word: "Outage"})
	marked := overTime(t, nil, all...).Plot.X.Marked()
	require.Len(t, marked, 2)
	require.Equal(t, "Outage", marked[0].Label())
	require.Equal(t, "Pay-day ×5", marked[1].Label())
}

func TestAnAnnotationOfThePanelGivesWayToThatOfTheOperator(t *testing.T) {
	noon := drawtest.At().From.Add(time.Hour)
	own := []view.Annotation{{ID: "a", Label: "Pay-day", At: noon}, {ID: "b", Label: "Release", At: noon}}
	chart := overTime(t, own, draw.Annotation{At: noon.Add(30 * time.Minute), Word: "Pay-day", Text: "Salaries are paid."})
	require.Len(t, chart.Plot.X.Annotations, 2)
	for _, a := range chart.Plot.X.Annotations {
		if a.Word == "Pay-day" {
			require.Equal(t, "Salaries are paid.", a.Text)
		}
	}
}
