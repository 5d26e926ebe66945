package file_test

import (
	"bytes"
	"encoding/csv"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"codebank.dev/statement/file"
	"codebank.dev/statement/file/filetest"
)

// TestNoSpreadsheetSeesAFormula takes random files apart as spreadsheets of different countries do. No field with a
// text begins a formula.
func TestNoSpreadsheetSeesAFormula(t *testing.T) {
	const begins = "=+-@|%＝＋－＠\t\r\n"
	fields := regexp.MustCompile("[;\t\r\n\"]+")
	rapid.Check(t, func(t *rapid.T) {
		s := filetest.Random(t)
		text := s.Write(t, file.CSV)
		rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		require.NoError(t, err)
		texts := map[string]bool{"amount_minor": false, "amount": false, "balance_after_minor": false, "balance_after": false}
		for _, row := range rows {
			for i, cell := range row {
				if _, number := texts[file.Columns()[i]]; !number && cell != "" {
					require.False(t, strings.ContainsRune(begins, []rune(cell)[0]), "%q", cell)
				}
			}
		}
		// A semicolon, a tab, a line break or a quote may end a field, whatever quotes are around it.
		for _, cell := range fields.Split(string(text), -1) {
			require.False(t, cell != "" && strings.ContainsRune(begins, []rune(cell)[0]), "%q", cell)
		}
	})
}

// TestOrdinaryTextsHaveNoQuotes: quotes and apostrophes stand only where they are needed.
func TestOrdinaryTextsHaveNoQuotes(t *testing.T) {
	s := filetest.Sample()
	s.Lines[2].MerchantName, s.Lines[2].MerchantReference = "Müller's Café — 日本 🙂", "a-b+c=d"
	text := string(s.Write(t, file.CSV))
	require.Contains(t, text, ",Müller's Café — 日本 🙂,")
	require.Contains(t, text, ",a-b+c=d,")
}
