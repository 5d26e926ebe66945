package bench_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/stack/bench"
	"codebank.dev/stack/launch"
)

// quick are the rows that need no Java.
var quick = []string{"purchases", "orders", "bulk", "hot", "transfers", "latency", "encode", "scale"}

// A quick run says nothing about speed. It shows that the rows work, that the report is
// complete, and that both output formats can be parsed.
func TestTheRowsWithoutJavaRunAndTheirReportIsComplete(t *testing.T) {
	base, err := launch.FreeBasePort()
	require.NoError(t, err)
	place := bench.Place{Dir: t.TempDir(), BasePort: base, Progress: t.Output()}
	options := bench.Options{Callers: 8, Cards: 50, Rounds: 2, Window: 100_000_000, Messages: 2, Scale: bench.Sizes{1, 2}, Backlog: 1, Documents: 1, Drain: 1, Soak: 1, Quick: true, Format: "table"}
	report, err := bench.Run(t.Context(), options, place, quick)
	require.NoError(t, err)
	t.Cleanup(func() {
		stack, err := launch.Open(launch.Config{Dir: place.Dir, BasePort: base})
		require.NoError(t, err)
		require.NoError(t, stack.Wipe())
	})

	require.Len(t, report.Rows, len(quick))
	names := map[string]int{}
	for i, row := range report.Rows {
		require.Equal(t, quick[i], row.Name)
		require.Empty(t, row.Error)
		require.NotEmpty(t, row.Figures)
		goals := 0
		for _, f := range row.Figures {
			require.Zero(t, names[f.Name], "two figures named %s", f.Name)
			names[f.Name] = len(f.Values)
			require.NotEmpty(t, f.Values)
			for _, term := range f.Terms {
				require.Len(t, term.Values, len(f.Values), "%s: %s", f.Name, term.Name)
			}
			if f.Goal != nil {
				goals++
			}
		}
		require.Positive(t, goals, row.Name)
	}
	requireDurable(t, report)
	requireReadable(t, report, names)
}

func requireDurable(t *testing.T, report *bench.Report) {
	t.Helper()
	require.Subset(t, report.Settings, []bench.Setting{{Name: "fsync", Value: "on"}, {Name: "synchronous_commit", Value: "on"}})
}

// requireReadable parses the report as JSON and as lines of Go benchmarks.
func requireReadable(t *testing.T, report *bench.Report, rounds map[string]int) {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, report.PrintJSON(&text))
	var read bench.Report
	require.NoError(t, json.Unmarshal(text.Bytes(), &read))
	require.Len(t, read.Rows, len(report.Rows))

	text.Reset()
	require.NoError(t, report.Print(&text))
	line := regexp.MustCompile(`(?m)^Benchmark(\w+) (\d+)((?: \S+ \S+)+)$`)
	found := map[string]int{}
	for _, match := range line.FindAllStringSubmatch(text.String(), -1) {
		found[match[1]]++
		units := map[string]bool{}
		fields := strings.Fields(match[3])
		for i := 0; i < len(fields); i += 2 {
			_, err := strconv.ParseFloat(fields[i], 64)
			require.NoError(t, err)
			require.False(t, units[fields[i+1]], "the unit %s is twice in %q", fields[i+1], match[0])
			units[fields[i+1]] = true
		}
	}
	require.Equal(t, rounds, found)
}

func TestInvalidOptionsAreRefused(t *testing.T) {
	place := bench.Place{Dir: t.TempDir(), Progress: t.Output()}
	good := bench.Options{Callers: 1, Cards: 1, Rounds: 1, Window: 1, Messages: 1, Scale: bench.Sizes{1, 2}, Backlog: 1, Documents: 1, Drain: 1, Soak: 1, Format: "table"}
	_, err := bench.Run(t.Context(), good, place, []string{"purchase"})
	require.ErrorContains(t, err, `there is no row "purchase"; the rows are [purchases`)
	bad := good
	bad.Format = "xml"
	_, err = bench.Run(t.Context(), bad, place, nil)
	require.ErrorContains(t, err, "-o xml")
	bad = good
	bad.Rounds = 0
	_, err = bench.Run(t.Context(), bad, place, nil)
	require.Error(t, err)
}

func TestMedians(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{4, 2}, 2}, {[]float64{9, 1, 5}, 5}} {
		require.InDelta(t, c.want, bench.Median(c.values), 0)
	}
}

func TestSizesAreParsedAsTheyAreWritten(t *testing.T) {
	var sizes bench.Sizes
	require.NoError(t, sizes.Set("10,2000"))
	require.Equal(t, bench.Sizes{10, 2000}, sizes)
	require.Equal(t, "10,2000", sizes.String())
	require.Error(t, sizes.Set("10,"))
	require.Error(t, sizes.Set("0"))
}
