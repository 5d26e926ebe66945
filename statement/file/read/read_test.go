package read_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"codebank.dev/statement/file"
	"codebank.dev/statement/file/filetest"
	"codebank.dev/statement/file/read"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestEveryFormatHasTheStatement reads random statements back: lines and totals are those of the account.
func TestEveryFormatHasTheStatement(t *testing.T) {
	for _, format := range filetest.ByLine {
		t.Run(format.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s := filetest.Random(t)
				text := s.Write(t, format)
				require.Equal(t, format, read.Detect(text[:min(len(text), 256)]))
				sum, next := s.Header.Totals.Opening, 0
				facts, err := read.File(bytes.NewReader(text), func(line *read.Line) error {
					expected := s.Lines[next]
					next++
					require.EqualValues(t, next, line.Number)
					require.Equal(t, file.EventID(s.Header.Account, expected.Sequence), line.EventID)
					require.Equal(t, expected.OccurredAt, line.Time)
					require.Equal(t, expected.Currency, line.Currency)
					sum += line.Minor
					require.Equal(t, expected.BalanceAfter, sum)
					if format == file.CSV {
						require.Equal(t, &expected, line.Full, "texts come back as they were")
					}
					return nil
				})
				require.NoError(t, err)
				require.Len(t, s.Lines, next)
				expected := s.Header
				if format == file.CAMT053 {
					expected.Language = file.English
				}
				require.Equal(t, expected, facts.Header)
				require.Equal(t, s.Header.Totals.Closing, sum)
			})
		})
	}
}

func TestOtherFilesAreNoStatements(t *testing.T) {
	s := filetest.Sample()
	for name, text := range map[string]string{
		"nothing":             "",
		"a text":              "hello",
		"only the columns":    string(s.Write(t, file.CSV)[:400]),
		"an XML":              `<?xml version="1.0"?><x/>`,
		"a PDF":               "%PDF-1.7",
		"a camt of another":   string(bytes.Replace(s.Write(t, file.CAMT053), []byte("001.08"), []byte("001.02"), 1)),
		"half of an OFX":      string(s.Write(t, file.OFX2)[:900]),
		"half of a camt":      string(s.Write(t, file.CAMT053)[:1900]),
		"a declaration in it": string(bytes.Replace(s.Write(t, file.CAMT053), []byte("<BkToCstmrStmt>"), []byte("<!DOCTYPE x><BkToCstmrStmt>"), 1)),
		"endless":             string(s.Write(t, file.CSV)) + string(bytes.Repeat([]byte{'x'}, 2<<20)),
	} {
		_, err := read.File(bytes.NewReader([]byte(text)), nil)
		require.ErrorIs(t, err, read.ErrNotAStatement, name)
	}
}

// endless is line breaks without an end. It counts how many were read.
type endless struct{ read int }

func (e *endless) Read(buffer []byte) (int, error) {
	for i := range buffer {
		buffer[i] = '\n'
	}
	e.read += len(buffer)
	if e.read > 64<<20 {
		return 0, errors.New("nobody stops")
	}
	return len(buffer), nil
}

func TestATextWithoutAnEndIsNotHeld(t *testing.T) {
	s := filetest.Sample()
	table, document := s.Write(t, file.CSV), s.Write(t, file.CAMT053)
	for name, beginning := range map[string][]byte{
		"a cell of a CSV":      append(table[:bytes.IndexByte(table, '\n')+1], '"'),
		"an element of a camt": document[:bytes.Index(document, []byte("<BkToCstmrStmt>"))],
	} {
		var rest endless
		_, err := read.File(io.MultiReader(bytes.NewReader(beginning), &rest), nil)
		require.ErrorIs(t, err, read.ErrNotAStatement, name)
		require.ErrorContains(t, err, "too long", name)
		require.Less(t, rest.read, 4<<20, name)
	}
}

// FuzzFile: what can be read is bounded and named, and reading it twice gives the same.
func FuzzFile(f *testing.F) {
	s := filetest.Sample()
	for _, format := range filetest.ByLine {
		f.Add(s.Write(f, format))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		count := int64(0)
		facts, err := read.File(bytes.NewReader(text), func(line *read.Line) error {
			count++
			require.Equal(t, count, line.Number)
			require.Positive(t, line.Sequence)
			require.Len(t, line.Currency, 3)
			return nil
		})
		if err != nil {
			require.ErrorIs(t, err, read.ErrNotAStatement)
			require.NotEmpty(t, err.Error())
			return
		}
		again, err := read.File(bytes.NewReader(text), nil)
		require.NoError(t, err)
		require.Equal(t, facts, again)
		require.NotZero(t, facts.Format)
		require.Len(t, facts.Bytes, 64)
	})
}
