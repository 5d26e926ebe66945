package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/stack/launch"
)

// The ranks are those of the tables of the sign test.
func TestTheIntervalOfAMedianHasTheRanksOfTheSignTest(t *testing.T) {
	for _, c := range []struct {
		values     int
		rank       int // of the lower end; 0 for no interval
		confidence float64
	}{
		{1, 0, 0}, {5, 0, 0}, {6, 1, 0.96875}, {7, 1, 0.984375}, {8, 1, 0.9921875}, {9, 2, 0.9609375},
		{10, 2, 0.978515625}, {12, 3, 0.961426}, {15, 4, 0.964844}, {20, 6, 0.958611},
	} {
		// Descending, so that the interval must sort them.
		values := make([]float64, c.values)
		for i := range values {
			values[i] = float64(c.values - i)
		}
		interval := medianInterval(values)
		if c.rank == 0 {
			require.Nil(t, interval, "%d values", c.values)
			continue
		}
		require.NotNil(t, interval, "%d values", c.values)
		require.InDelta(t, c.rank, interval.Low, 0, "%d values", c.values)
		require.InDelta(t, c.values+1-c.rank, interval.High, 0, "%d values", c.values)
		require.InDelta(t, c.confidence, interval.Confidence, 1e-6, "%d values", c.values)
	}
}

func TestOneOutlierDoesNotMoveTheInterval(t *testing.T) {
	calm := []float64{0.98, 1.02, 0.99, 1.01, 1.00, 1.03, 0.97, 1.00, 1.01}
	wild := append([]float64{7}, calm[1:]...)
	require.Less(t, medianInterval(wild).High, 1.05)
	require.InDelta(t, medianInterval(calm).Low, medianInterval(wild).Low, 0.02)
}

func TestAComparisonSaysWhatItsIntervalShows(t *testing.T) {
	for text, ratios := range map[string][]float64{
		"96.9 % interval of the median 0.980 … 1.030: no difference shown":  {0.98, 1.03, 1, 1, 1, 1},
		"96.9 % interval of the median 1.010 … 1.040: this build is faster": {1.01, 1.02, 1.03, 1.04, 1.02, 1.02},
		"96.9 % interval of the median 0.900 … 0.950: this build is SLOWER": {0.9, 0.95, 0.93, 0.93, 0.93, 0.93},
		"fewer than 6 rounds: no interval":                                  {2, 2, 2, 2, 2},
	} {
		require.Equal(t, text, compareRounds(ratios).text())
	}
	c := compareRounds([]float64{1.5, 0.5, 1})
	require.InDelta(t, 0.5, c.Lowest, 0)
	require.InDelta(t, 1.5, c.Highest, 0)
	require.Equal(t, "1.500 0.500 1.000", formatRounds([]float64{1.5, 0.5, 1}))
}

func TestTheOtherBuildMustBeThere(t *testing.T) {
	options := Options{Against: t.TempDir()}
	_, err := options.rows()
	require.ErrorContains(t, err, "has no program bank; build it in the other checkout with: go build -o ")
	require.NoError(t, os.WriteFile(filepath.Join(options.Against, launch.Bank), nil, 0o700))
	table, err := options.rows()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"purchases", "bulk", "hot"}, namesOf(table))
}

// A build is compared with itself. The run is too short to say anything about speed.
func TestTwoBuildsAreCompared(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no bank is started")
	}
	programs, err := launch.Build(t.Context())
	require.NoError(t, err)
	other := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(programs, launch.Bank), filepath.Join(other, launch.Bank)))
	base, err := launch.FreeBasePort()
	require.NoError(t, err)
	place := Place{Dir: t.TempDir(), BasePort: base, Progress: t.Output()}
	options := Options{
		Callers: 4, Cards: 20, Rounds: 6, Window: 250_000_000, Messages: 1, Scale: Sizes{1, 2}, Backlog: 1, Documents: 1, Drain: 1, Soak: 1,
		Against: other, Format: "table",
	}
	report, err := Run(t.Context(), options, place, []string{"bulk", "purchases"})
	require.NoError(t, err)
	t.Cleanup(func() {
		stack, err := launch.Open(launch.Config{Dir: place.Dir, BasePort: base})
		require.NoError(t, err)
		require.NoError(t, stack.Wipe())
	})
	require.Equal(t, other, report.Against)
	require.Len(t, report.Rows, 2)
	for _, row := range report.Rows {
		require.Empty(t, row.Error)
		require.Len(t, row.Figures, 1)
		f := row.Figures[0]
		require.Len(t, f.Values, 6)
		require.InDelta(t, f.Terms[0].Values[3]/f.Terms[1].Values[3], f.Values[3], 1e-9)
		require.NotNil(t, f.Comparison.Interval)
		require.LessOrEqual(t, f.Comparison.Interval.Low, f.Median)
		require.GreaterOrEqual(t, f.Comparison.Interval.High, f.Median)
	}
	require.Empty(t, report.Missed())
	var text strings.Builder
	require.NoError(t, report.Print(&text))
	require.Contains(t, text.String(), "round by round: ")
	t.Log(text.String())
}
