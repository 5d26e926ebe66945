package file_test

import (
	"io"
	"runtime"
	"testing"

	"codebank.dev/statement/file"
	"codebank.dev/statement/file/filetest"
	"github.com/stretchr/testify/require"
)

func BenchmarkCSV(b *testing.B)  { benchmark(b, file.CSV) }
func BenchmarkOFX2(b *testing.B) { benchmark(b, file.OFX2) }
func BenchmarkOFX1(b *testing.B) { benchmark(b, file.OFX1) }
func BenchmarkCAMT(b *testing.B) { benchmark(b, file.CAMT053) }

// benchmark writes statements of 10,000 lines; ns/line is what a line costs.
func benchmark(b *testing.B, format file.Format) {
	s := filetest.Long(b, 10_000)
	b.ReportAllocs()
	size := int64(0)
	for b.Loop() {
		w, err := file.NewWriter(io.Discard, format, &s.Header)
		require.NoError(b, err)
		for i := range s.Lines {
			if err := w.Line(&s.Lines[i]); err != nil {
				b.Fatal(err)
			}
		}
		require.NoError(b, w.Close())
		size = w.Written()
	}
	b.SetBytes(size)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(s.Lines)), "ns/line") // tidy:float a duration, not money
}

// TestAMillionLinesNeedNoMemory writes a million lines of each format. The heap may not grow by more than 8 MiB; it
// holds the lines of the test besides, which are made one by one.
func TestAMillionLinesNeedNoMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("a million lines, in the long run only")
	}
	const lines = 1_000_000
	s := filetest.Sample()
	line := s.Lines[0]
	s.Header.CompleteTo, s.Header.Totals = lines, file.Totals{Credits: lines * 5, Closing: lines * 5, Lines: lines}
	for _, format := range filetest.ByLine {
		heap := func() uint64 {
			runtime.GC()
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			return stats.HeapAlloc
		}
		before := heap()
		w, err := file.NewWriter(io.Discard, format, &s.Header)
		require.NoError(t, err)
		for i := range int64(lines) {
			line.Sequence, line.Amount, line.BalanceAfter = i+1, 5, 5*(i+1)
			require.NoError(t, w.Line(&line))
			if i == lines/2 {
				require.Less(t, int64(heap())-int64(before), int64(8<<20), format.String())
			}
		}
		require.NoError(t, w.Close())
	}
}
