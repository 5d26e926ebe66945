package verify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"codebank.dev/statement/file/filetest"
	"codebank.dev/statement/file/read"
	"codebank.dev/statement/file/verify"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// alone verifies a file by itself.
func alone(t require.TestingT, text []byte) *verify.Report {
	report, err := verify.File(bytes.NewReader(text))
	require.NoError(t, err)
	return report
}

// compared verifies a file by itself and with a ledger.
func compared(t require.TestingT, text []byte, ledger *filetest.Statement) *verify.Report {
	report := alone(t, text)
	require.NoError(t, verify.Ledger(context.Background(), report, ledger.Ledger))
	return report
}

func TestFilesAreSound(t *testing.T) {
	for _, format := range filetest.ByLine {
		rapid.Check(t, func(t *rapid.T) {
			s := filetest.Random(t)
			report := compared(t, s.Write(t, format), s)
			require.Empty(t, report.Findings)
			require.True(t, report.Ledger)
			require.EqualValues(t, len(s.Lines), report.Lines)
			require.Equal(t, s.Header.Totals.Closing, report.ClosingMinor)
		})
	}
}

// TestEveryFormatHasTheSameDigest: the digest of the lines does not depend on the format.
func TestEveryFormatHasTheSameDigest(t *testing.T) {
	s := filetest.Sample()
	digests := make(map[string]bool)
	for _, format := range filetest.ByLine {
		digests[alone(t, s.Write(t, format)).Digest] = true
	}
	require.Len(t, digests, 1)
}

// TestEveryChangedDigitIsFound changes each digit of a file, in every format, and each letter of a digest.
func TestEveryChangedDigitIsFound(t *testing.T) {
	s := filetest.Sample()
	for _, kind := range []file.AccountKind{file.Wallet, file.Card} {
		s.Header.Kind = kind
		for _, format := range filetest.ByLine {
			text := s.Write(t, format)
			require.Empty(t, alone(t, text).Findings)
			changed := 0
			for i, c := range text {
				if c < '0' || c > '9' {
					continue
				}
				altered := bytes.Clone(text)
				altered[i] = '0' + (c-'0'+1)%10
				require.False(t, alone(t, altered).Sound(), "%s: the digit at %d: …%s…", format, i, altered[max(0, i-40):min(len(text), i+40)])
				changed++
			}
			require.Greater(t, changed, 200)
		}
	}
}

// TestEveryLostByteIsFound takes each byte away, and cuts the file at each place.
func TestEveryLostByteIsFound(t *testing.T) {
	s := filetest.Sample()
	for _, format := range filetest.ByLine {
		text := s.Write(t, format)
		for i := range text {
			require.False(t, alone(t, append(bytes.Clone(text[:i]), text[i+1:]...)).Sound(), "%s: without the byte at %d", format, i)
			require.False(t, alone(t, text[:i]).Sound(), "%s: cut at %d", format, i)
		}
		require.False(t, alone(t, append(bytes.Clone(text), '\n')).Sound(), "%s: something behind the end", format)
	}
}

// linesOf returns where the text of each line begins and ends.
func linesOf(t *testing.T, format file.Format, text []byte) [][2]int {
	begin, end := map[file.Format]string{file.CSV: "line,", file.OFX2: "<STMTTRN>\r\n", file.OFX1: "<STMTTRN>\r\n", file.CAMT053: "<Ntry>"}[format],
		map[file.Format]string{file.CSV: "\r\n", file.OFX2: "</STMTTRN>\r\n", file.OFX1: "</STMTTRN>\r\n", file.CAMT053: "</Ntry>\n"}[format]
	var found [][2]int
	for at := 0; ; {
		from := bytes.Index(text[at:], []byte(begin))
		if from < 0 {
			require.Len(t, found, 3)
			return found
		}
		from += at
		at = from + bytes.Index(text[from:], []byte(end)) + len(end)
		found = append(found, [2]int{from, at})
	}
}

// TestLinesThatAreMovedAreFound drops, doubles and exchanges lines in the text of the file.
func TestLinesThatAreMovedAreFound(t *testing.T) {
	s := filetest.Sample()
	for _, format := range filetest.ByLine {
		text := s.Write(t, format)
		at := linesOf(t, format, text)
		piece := func(i int) []byte { return text[at[i][0]:at[i][1]] }
		before, after := text[:at[0][0]], text[at[2][1]:]
		join := func(lines ...[]byte) []byte {
			return bytes.Join([][]byte{before, bytes.Join(lines, nil), after}, nil)
		}
		require.Equal(t, text, join(piece(0), piece(1), piece(2)))
		for name, altered := range map[string][]byte{
			"the first is missing":      join(piece(1), piece(2)),
			"one is missing":            join(piece(0), piece(2)),
			"the last is missing":       join(piece(0), piece(1)),
			"all are missing":           join(),
			"one is twice":              join(piece(0), piece(1), piece(1), piece(2)),
			"two are exchanged":         join(piece(1), piece(0), piece(2)),
			"the last comes first":      join(piece(2), piece(0), piece(1)),
			"the first comes once more": join(piece(0), piece(1), piece(2), piece(0)),
		} {
			require.False(t, alone(t, altered).Sound(), "%s: %s", format, name)
		}
	}
}

// TestWhoComputesTheDigestsAnewIsFound alters a statement before it is written. So the file is sound by itself, and
// only the ledger contradicts it, at the first line that was altered.
func TestWhoComputesTheDigestsAnewIsFound(t *testing.T) {
	start := filetest.Sample().Header.Start
	forgeries := map[string]struct {
		line  int64
		alter func(s *filetest.Statement)
	}{
		"another amount":            {2, func(s *filetest.Statement) { s.Events[3].Amount--; raise(s, 3, 1) }},
		"another time":              {3, func(s *filetest.Statement) { s.Events[6].OccurredAt = s.Events[6].OccurredAt.Add(time.Millisecond) }},
		"a line less in the middle": {2, func(s *filetest.Statement) { s.Events[3].Kind = "HOLD"; raise(s, 3, 12_000) }},
		"the last line less":        {3, func(s *filetest.Statement) { s.Events[6].Kind = "HOLD"; raise(s, 6, 345) }},
		"a line more":               {2, func(s *filetest.Statement) { forge(s, 3, 4) }},
		"a line more at the end":    {4, func(s *filetest.Statement) { forge(s, 9, 10) }},
		"another opening balance":   {0, func(s *filetest.Statement) { raise(s, 0, 5) }},
		"complete to more":          {0, func(s *filetest.Statement) { s.Events[8].Sequence = 10 }},
		"complete to later":         {0, func(s *filetest.Statement) { s.Events[8].OccurredAt = start.Add(20 * time.Hour) }},
		"another description":       {1, func(s *filetest.Statement) { s.Events[2].Description = "Salary" }},
		"another counterparty":      {2, func(s *filetest.Statement) { s.Events[3].CounterpartyName = "Bob" }},
		"another end-to-end id":     {2, func(s *filetest.Statement) { s.Events[3].EndToEndID = "E1" }},
		"another bank":              {2, func(s *filetest.Statement) { s.Events[3].CounterpartyBankCode = "003" }},
		"another merchant":          {3, func(s *filetest.Statement) { s.Events[6].MerchantName = "Bar" }},
	}
	for name, forgery := range forgeries {
		for _, format := range filetest.ByLine {
			genuine, forged := filetest.Sample(), filetest.Sample()
			forgery.alter(&forged)
			forged.Range(forged.Header.Start, forged.Header.End)
			text := forged.Write(t, format)
			require.Empty(t, alone(t, text).Findings, "%s: %s", format, name)
			report := compared(t, text, &genuine)
			require.Len(t, report.Findings, 1, "%s: %s", format, name)
			require.Equal(t, forgery.line, report.Findings[0].Line, "%s: %s: %v", format, name, report.Findings)
			require.Contains(t, report.Findings[0].String(), report.Findings[0].Problem)
		}
	}
}

// raise adds to the balances from an event on.
func raise(s *filetest.Statement, from int, by int64) {
	for i := from; i < len(s.Events); i++ {
		s.Events[i].BalanceAfter += by
	}
}

// forge puts a credit of 1 in at a place.
func forge(s *filetest.Statement, at int, sequence int64) {
	line := s.Events[at-1]
	line.Sequence, line.Kind, line.Direction, line.Amount, line.Status = sequence, "DEPOSIT", "CREDIT", 1, "APPROVED"
	line.BalanceAfter++
	rest := s.Events[at:]
	s.Events = append(append(append([]statement.Line(nil), s.Events[:at]...), line), rest...)
	for i := at + 1; i < len(s.Events); i++ {
		s.Events[i].Sequence++
	}
	raise(s, at+1, 1)
}

// TestAnotherAccountIsFound compares with a ledger that does not have the account.
func TestAnotherAccountIsFound(t *testing.T) {
	s, other := filetest.Sample(), filetest.Sample()
	other.Header.Account = id.Derive(filetest.Account, "x")
	report := compared(t, s.Write(t, file.CSV), &other)
	require.Equal(t, "line 1 (event "+filetest.Account.String()+":3): the ledger has no such line up to here", report.Findings[0].String())
}

// TestAnErrorOfTheLedgerIsNoFinding: a ledger that is away says nothing about the file.
func TestAnErrorOfTheLedgerIsNoFinding(t *testing.T) {
	s := filetest.Sample()
	away := errors.New("away")
	text := s.Write(t, file.CSV)
	for after := range 9 {
		report := alone(t, text)
		err := verify.Ledger(context.Background(), report, func(ctx context.Context, account id.ID, through int64) iter.Seq2[*statement.Line, error] {
			return func(yield func(*statement.Line, error) bool) {
				count := 0
				for line := range s.Ledger(ctx, account, through) {
					if count++; count > after {
						yield(nil, away)
						return
					}
					if !yield(line, nil) {
						return
					}
				}
			}
		})
		require.ErrorIs(t, err, away)
		require.Empty(t, report.Findings)
		require.False(t, report.Ledger)
	}
}

func TestWhatIsNoStatementIsSaid(t *testing.T) {
	report := compared(t, []byte("hello"), &filetest.Statement{})
	require.Equal(t, "it is not a statement file of this bank: no format has such a beginning", report.Findings[0].String())
	require.False(t, report.Ledger)
}

// TestAPDFIsVerifiedByItsLines: the attached lines are compared like a CSV, and the pages with what they give.
func TestAPDFIsVerifiedByItsLines(t *testing.T) {
	s := filetest.Sample()
	text := s.Write(t, file.PDF)
	report := compared(t, text, &s)
	require.Empty(t, report.Findings)
	require.True(t, report.Ledger)
	require.Equal(t, "PDF", report.Format)
	require.EqualValues(t, 3, report.Lines)

	var digits []int
	for i, c := range text {
		if c >= '0' && c <= '9' {
			digits = append(digits, i)
		}
	}
	require.Greater(t, len(digits), 1_000)
	for i := 0; i < len(digits); i += 1 + len(digits)/60 {
		altered := bytes.Clone(text)
		altered[digits[i]] = '0' + (altered[digits[i]]-'0'+1)%10
		require.False(t, alone(t, altered).Sound(), "the digit at %d", digits[i])
	}
	csv := bytes.Index(text, []byte("record,event_id"))
	for i := csv + 500; i < csv+900; i += 7 {
		altered := bytes.Clone(text)
		altered[i] ^= 1
		require.False(t, alone(t, altered).Sound(), "the byte at %d", i)
	}

	forged := filetest.Sample()
	forged.Events[3].Amount--
	raise(&forged, 3, 1)
	forged.Range(forged.Header.Start, forged.Header.End)
	require.Empty(t, alone(t, forged.Write(t, file.PDF)).Findings)
	report = compared(t, forged.Write(t, file.PDF), &s)
	require.Len(t, report.Findings, 1)
	require.EqualValues(t, 2, report.Findings[0].Line)

	// Somebody puts genuine lines below other pages.
	other := bytes.Replace(forged.Write(t, file.PDF), forged.Write(t, file.CSV), s.Write(t, file.CSV), 1)
	require.Contains(t, alone(t, other).Findings[0].Problem, "the pages are not those")
	require.Contains(t, alone(t, []byte("%PDF-1.7 of somebody else")).Findings[0].Problem, "its text is unverified")
}

// FuzzFile: a file is sound, or there is a finding, and whoever changes a sound file makes it unsound.
func FuzzFile(f *testing.F) {
	s := filetest.Sample()
	for _, format := range filetest.ByLine {
		f.Add(s.Write(f, format))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		report := alone(t, text)
		if _, err := read.File(bytes.NewReader(text), nil); err != nil {
			require.False(t, report.Sound())
		}
		for _, finding := range report.Findings {
			require.NotEmpty(t, strings.TrimSpace(fmt.Sprint(finding)))
		}
		if report.Sound() {
			require.False(t, alone(t, append(text, 'x')).Sound())
		}
	})
}
