package file_test

import (
	"bytes"
	"encoding/csv"
	"testing"

	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"codebank.dev/statement/file/filetest"
	"github.com/stretchr/testify/require"
)

func TestPartsAreTheWhole(t *testing.T) {
	sample := filetest.Sample()
	header, lines := &sample.Header, sample.Lines
	for _, format := range filetest.ByLine {
		var out bytes.Buffer
		w, err := file.NewWriter(&out, format, header)
		require.NoError(t, err)
		for i := range lines {
			state, err := w.State()
			require.NoError(t, err)
			require.Less(t, len(state), 2048)
			w, err = file.Resume(&out, state)
			require.NoError(t, err)
			require.NoError(t, w.Line(&lines[i]))
		}
		require.NoError(t, w.Close())
		require.Equal(t, string(sample.Write(t, format)), out.String(), format.String())
	}
}

func TestCSVIsATable(t *testing.T) {
	sample := filetest.Sample()
	rows, err := csv.NewReader(bytes.NewReader(sample.Write(t, file.CSV))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, "record", rows[0][0])
	require.Equal(t, []string{"opening", "", "2026-11-01T00:00:00.000Z", "", "", "", "", "BRL", "10000", "100.00"}, rows[1][:10])
	require.Equal(t, []string{
		"line", filetest.Account.String() + ":3", "2026-11-01T00:00:00.007Z", "DEPOSIT", "CREDIT", "5000", "50.00", "BRL", "15000", "150.00",
		`'=HYPERLINK("http://example.com")`,
	}, rows[2][:11])
	require.Equal(t, "Aluguel; +novembro", rows[3][10])
	require.Equal(t, "''42\n'مرحبا 🙂"[:5], rows[4][15][:5])
	require.Equal(t, []string{"closing", "", "2026-11-01T06:00:00.007Z", "", "", "", "", "BRL", "2655", "26.55"}, rows[5][:10])
	require.Equal(t, []string{"total", "", "", "debits", "", "-12345", "-123.45", "BRL"}, rows[7][:8])
}

func TestLinesMustGiveTheTotals(t *testing.T) {
	sample := filetest.Sample()
	header, lines := &sample.Header, sample.Lines
	wrong := map[string]func([]statement.Line) []statement.Line{
		"a line is missing":     func(l []statement.Line) []statement.Line { return l[:2] },
		"the first is missing":  func(l []statement.Line) []statement.Line { return l[1:] },
		"one is twice":          func(l []statement.Line) []statement.Line { return append(l, l[2]) },
		"another currency":      func(l []statement.Line) []statement.Line { l[1].Currency = "USD"; return l },
		"another balance":       func(l []statement.Line) []statement.Line { l[1].BalanceAfter++; return l },
		"above complete_to":     func(l []statement.Line) []statement.Line { l[2].Sequence = 11; return l },
		"out of the range":      func(l []statement.Line) []statement.Line { l[2].OccurredAt = header.End; return l },
		"a decline":             func(l []statement.Line) []statement.Line { l[2].Status = "DECLINED"; return l },
		"parts of milliseconds": func(l []statement.Line) []statement.Line { l[2].OccurredAt = l[2].OccurredAt.Add(1); return l },
	}
	for name, change := range wrong {
		w, err := file.NewWriter(&bytes.Buffer{}, file.CSV, header)
		require.NoError(t, err)
		for _, line := range change(append([]statement.Line(nil), lines...)) {
			if err = w.Line(&line); err != nil {
				break
			}
		}
		if err == nil {
			err = w.Close()
		}
		require.ErrorIs(t, err, file.ErrNotAdded, name)
		require.ErrorIs(t, w.Close(), file.ErrNotAdded, name)
	}
}
