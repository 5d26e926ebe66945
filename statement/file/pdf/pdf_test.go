package pdf_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"codebank.dev/statement/file"
	"codebank.dev/statement/file/filetest"
	"codebank.dev/statement/file/pdf"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden file anew")

// TestThePDFIsTheSameEachTime compares with a file of the repository, so that a change of the pages is seen: it makes
// files that exist unverifiable, and needs another name in package digest.
func TestThePDFIsTheSameEachTime(t *testing.T) {
	s := filetest.Sample()
	s.Header.Language = file.Portuguese
	text := s.Write(t, file.PDF)
	require.Equal(t, text, s.Write(t, file.PDF))
	golden := filepath.Join("testdata", "statement.pdf")
	if *update {
		require.NoError(t, os.WriteFile(golden, text, 0o644))
	}
	expected, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.True(t, bytes.Equal(expected, text), "go test ./file/pdf -update, and look at testdata/statement.pdf")
}

func TestThePDFCarriesItsCSV(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := filetest.Random(t)
		csv, ok := pdf.Attachment(s.Write(t, file.PDF))
		require.True(t, ok)
		require.Equal(t, s.Write(t, file.CSV), csv)
	})
}

func TestATextLikeAnAttachmentIsNone(t *testing.T) {
	s := filetest.Sample()
	s.Lines[0].Description = "<< /Type /EmbeddedFile /Subtype /text#2Fcsv /Length 3 >>\nstream\nabc\nendstream\nendobj\ntrailer\nstartxref\n1\n"
	csv, ok := pdf.Attachment(s.Write(t, file.PDF))
	require.True(t, ok)
	require.Equal(t, s.Write(t, file.CSV), csv)
	requirePages(t, s.Write(t, file.PDF), 1)
}

func TestWhatIsNoCSVIsRefused(t *testing.T) {
	s := filetest.Sample()
	for _, format := range []file.Format{file.OFX1, file.OFX2, file.CAMT053} {
		require.Error(t, pdf.Write(&bytes.Buffer{}, s.Write(t, format)))
	}
	require.Error(t, pdf.Write(&bytes.Buffer{}, nil))
	s.Header.Totals.Lines = file.MaxPDFLines + 1
	require.ErrorIs(t, s.Header.Check(file.PDF), file.ErrTooLongForPDF)
	require.NoError(t, s.Header.Check(file.CSV))
}

// TestThePagesAreReadable reads the texts back with another program.
func TestThePagesAreReadable(t *testing.T) {
	s := filetest.Long(t, 75)
	s.Lines[70].CounterpartyName, s.Lines[70].Description = "Ação & Reação", "שלום 🙂 abc"
	pages := requirePages(t, s.Write(t, file.PDF), 3)
	for _, text := range []string{
		"Code Bank 001", "Account statement", filetest.Account.String(), "Opening balance", "Complete to", "event no. 76", "Page 1 of 3",
		"Transfer", "Maria Aparecida dos Santos",
	} {
		require.Contains(t, pages[0], text)
	}
	require.Contains(t, pages[2], "Page 3 of 3")
	all := strings.Join(pages, "\n")
	require.Contains(t, all, "Ação & Reação")
	require.Contains(t, all, "□")
	for i := range s.Lines {
		require.Contains(t, all, "event no. "+strconv.FormatInt(s.Lines[i].Sequence, 10))
	}
	s.Header.Language, s.Header.Currency = file.Portuguese, "KWD"
	for i := range s.Lines {
		s.Lines[i].Currency = "KWD"
	}
	portuguese := requirePages(t, s.Write(t, file.PDF), 3)
	require.Contains(t, portuguese[0], "Extrato da conta")
	require.Contains(t, portuguese[0], "+1,000")
	require.Contains(t, portuguese[1], "Página 2 de 3")

	empty := filetest.Sample()
	empty.Range(empty.Header.End, empty.Header.End.AddDate(0, 1, 0))
	require.Contains(t, requirePages(t, empty.Write(t, file.PDF), 1)[0], "No money moved in this period.")
}

// requirePages returns the texts of the pages, by pdftotext of Debian's package poppler-utils.
func requirePages(t *testing.T, text []byte, count int) []string {
	t.Helper()
	program, err := exec.LookPath("pdftotext")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("pdftotext is not here: install poppler-utils")
	}
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), program, "-layout", "-", "-")
	command.Stdin = bytes.NewReader(text)
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	require.NoError(t, err)
	require.Empty(t, problems.String())
	pages := strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
	require.Len(t, pages, count)
	return pages
}

// FuzzAttachment: what is found lies in the PDF.
func FuzzAttachment(f *testing.F) {
	f.Add([]byte("<< /Type /EmbeddedFile /Subtype /text#2Fcsv /Length 3 /Params << >> >>\nstream\nabc\nendstream"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if csv, ok := pdf.Attachment(text); ok {
			require.True(t, bytes.Contains(text, csv))
		}
	})
}
