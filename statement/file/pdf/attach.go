package pdf

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
	"unicode/utf16"

	"codebank.dev/statement/file"
)

// beginning begins the object of the attachment, and its length follows.
const beginning = "<< /Type /EmbeddedFile /Subtype /text#2Fcsv /Length "

// attach adds a CSV to a document, and what the document says of itself, by an update at its end as PDF has it: new
// objects, a new catalog, and a table of their places that refers to the table before.
func attach(pages, csv []byte, h *file.Header) []byte {
	size, startXref := trailerOf(pages)
	sum := sha256.Sum256(csv)
	out := bytes.NewBuffer(pages)
	places := make([]int, 0, 4)
	object := func(number int, format string, args ...any) {
		places = append(places, out.Len())
		fmt.Fprintf(out, "%d 0 obj\n", number)
		fmt.Fprintf(out, format, args...)
		out.WriteString("\nendobj\n")
	}
	object(1, "<< /Type /Catalog /Pages 2 0 R /Lang (%s) /ViewerPreferences << /DisplayDocTitle true >> /AF [%d 0 R] "+
		"/Names << /EmbeddedFiles << /Names [(%s) %d 0 R] >> >> >>", h.Language, size+1, Name, size+1)
	object(size, "%s%d /Params << /Size %d /ModDate %s >> >>\nstream\n%s\nendstream", beginning, len(csv), len(csv), date(h.CreatedAt), csv)
	object(size+1, "<< /Type /Filespec /F (%s) /UF (%s) /Desc (The lines of the statement) /AFRelationship /Data /EF << /F %d 0 R >> >>", Name, Name, size)
	object(size+2, "<< /Title %s /Author %s /Producer (Code Bank) /CreationDate %s >>",
		text(wordsIn[h.Language].title+" "+h.Start.Format(time.DateOnly)), text("Code Bank "+h.BankCode), date(h.CreatedAt))
	table := out.Len()
	fmt.Fprintf(out, "xref\n1 1\n%010d 00000 n \n%d 3\n", places[0], size)
	for _, place := range places[1:] {
		fmt.Fprintf(out, "%010d 00000 n \n", place)
	}
	id := hex.EncodeToString(sum[:16])
	fmt.Fprintf(out, "trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R /ID [<%s> <%s>] /Prev %d >>\nstartxref\n%d\n%%%%EOF\n", size+3, size+2, id, id, startXref, table)
	return out.Bytes()
}

// trailerOf returns the number of objects of a document and the place of its table.
func trailerOf(pages []byte) (size, startXref int) {
	trailer := pages[bytes.LastIndex(pages, []byte("trailer\n")):]
	_, _ = fmt.Sscanf(string(trailer), "trailer\n<<\n/Size %d", &size)
	_, after, _ := bytes.Cut(trailer, []byte("startxref\n"))
	_, _ = fmt.Sscanf(string(after), "%d", &startXref)
	return size, startXref
}

// date returns a time as PDF writes it.
func date(moment time.Time) string { return moment.UTC().Format("(D:20060102150405Z)") }

// text returns a text as PDF writes it, in UTF-16.
func text(value string) string {
	raw := []byte{0xfe, 0xff}
	for _, unit := range utf16.Encode([]rune(value)) {
		raw = append(raw, byte(unit>>8), byte(unit))
	}
	return "<" + hex.EncodeToString(raw) + ">"
}

// Attachment returns the CSV that Write has attached to a PDF. ok is false if there is none.
func Attachment(pdf []byte) (csv []byte, ok bool) {
	at := bytes.Index(pdf, []byte(beginning)) // The first one: a text of the CSV may look like another.
	if at < 0 {
		return nil, false
	}
	rest := pdf[at+len(beginning):]
	number, rest, found := bytes.Cut(rest, []byte(" "))
	length, err := strconv.Atoi(string(number))
	_, rest, stream := bytes.Cut(rest, []byte(">>\nstream\n"))
	if !found || !stream || err != nil || length < 0 || length > len(rest) {
		return nil, false
	}
	return rest[:length], true
}
