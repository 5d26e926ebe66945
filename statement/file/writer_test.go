package file_test

import (
	"bytes"
	"encoding/csv"
	"testing"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"github.com/stretchr/testify/require"
)

var account = id.Derive(id.ID{}, "account")

// sample returns a statement of three lines.
func sample() (*file.Header, []statement.Line) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	header := &file.Header{
		BankCode: "001", Account: account, Kind: file.Wallet, Currency: "BRL", Start: start, End: start.AddDate(0, 1, 0),
		CompleteTo: 9, CompleteToTime: start.Add(50 * time.Hour), CreatedAt: start.AddDate(0, 1, 1), Language: file.English,
		Totals: file.Totals{Opening: 10_000, Credits: 5_000, Debits: 12_345, Closing: 2_655, Lines: 3},
	}
	line := func(sequence, amount, balance int64, direction string) statement.Line {
		return statement.Line{
			Sequence: sequence, Kind: "TRANSFER", Direction: direction, Status: "APPROVED", Amount: amount, Currency: "BRL", BalanceAfter: balance,
			OccurredAt: start.Add(time.Duration(sequence)*time.Hour + 7*time.Millisecond), TransactionID: id.Derive(account, "t", string(rune('0'+sequence))).String(),
		}
	}
	lines := []statement.Line{line(3, 5_000, 15_000, "CREDIT"), line(4, 12_000, 3_000, "DEBIT"), line(9, 345, 2_655, "DEBIT")}
	lines[0].Kind, lines[0].Description = "DEPOSIT", `=HYPERLINK("http://example.com")`
	lines[1].Description, lines[1].CounterpartyName, lines[1].CounterpartyAccountID = "Aluguel; +novembro", "Ana \"Nana\" Souza, filha", account.String()
	lines[2].Kind, lines[2].MerchantName, lines[2].MerchantCity, lines[2].MerchantCountry, lines[2].MerchantCategoryCode = "PURCHASE", "Café São João", "São Paulo", "BR", "5814"
	lines[2].MerchantReference, lines[2].CardBrand, lines[2].CardLast4 = "'42\nمرحبا 🙂", "VISA", "1111"
	return header, lines
}

// whole writes a file at once.
func whole(t testing.TB, format file.Format, header *file.Header, lines []statement.Line) []byte {
	var out bytes.Buffer
	w, err := file.NewWriter(&out, format, header)
	require.NoError(t, err)
	for i := range lines {
		require.NoError(t, w.Line(&lines[i]))
	}
	require.NoError(t, w.Close())
	require.EqualValues(t, out.Len(), w.Written())
	return out.Bytes()
}

var byLine = []file.Format{file.CSV}

func TestPartsAreTheWhole(t *testing.T) {
	header, lines := sample()
	for _, format := range byLine {
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
		require.Equal(t, string(whole(t, format, header, lines)), out.String(), format.String())
	}
}

func TestCSVIsATable(t *testing.T) {
	header, lines := sample()
	rows, err := csv.NewReader(bytes.NewReader(whole(t, file.CSV, header, lines))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, "record", rows[0][0])
	require.Equal(t, []string{"opening", "", "2026-11-01T00:00:00.000Z", "", "", "", "", "BRL", "10000", "100.00"}, rows[1][:10])
	require.Equal(t, []string{
		"line", account.String() + ":3", "2026-11-01T03:00:00.007Z", "DEPOSIT", "CREDIT", "5000", "50.00", "BRL", "15000", "150.00",
		`'=HYPERLINK("http://example.com")`,
	}, rows[2][:11])
	require.Equal(t, "Aluguel; +novembro", rows[3][10])
	require.Equal(t, "''42\n'مرحبا 🙂"[:5], rows[4][15][:5])
	require.Equal(t, []string{"closing", "", "2026-12-01T00:00:00.000Z", "", "", "", "", "BRL", "2655", "26.55"}, rows[5][:10])
	require.Equal(t, []string{"total", "", "", "debits", "", "-12345", "-123.45", "BRL"}, rows[7][:8])
}

func TestLinesMustGiveTheTotals(t *testing.T) {
	header, lines := sample()
	wrong := map[string]func([]statement.Line) []statement.Line{
		"a line is missing":     func(l []statement.Line) []statement.Line { return l[:2] },
		"the first is missing":  func(l []statement.Line) []statement.Line { return l[1:] },
		"one is twice":          func(l []statement.Line) []statement.Line { return append(l, l[2]) },
		"another currency":      func(l []statement.Line) []statement.Line { l[1].Currency = "USD"; return l },
		"another balance":       func(l []statement.Line) []statement.Line { l[1].BalanceAfter++; return l },
		"above complete_to":     func(l []statement.Line) []statement.Line { l[2].Sequence = 10; return l },
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
