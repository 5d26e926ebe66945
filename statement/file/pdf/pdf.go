// Package pdf makes the PDF of a statement, for people. It is made of the statement's finished CSV and carries
// that CSV as an attachment, so that a program can read its lines too. The same CSV always gives the same PDF,
// byte by byte: whoever has the attachment can make the pages anew and compare them. Nothing in it is compressed,
// so that the bytes do not depend on the version of a compressor.
//
// The fonts are those of the DejaVu project, of which the used characters are embedded. What is written from right
// to left is laid out so, but Arabic letters are not joined. A character that the fonts do not have, such as most
// emoji, is a small square.
package pdf

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"codeberg.org/go-fonts/dejavu/dejavusanscondensed"
	"codeberg.org/go-fonts/dejavu/dejavusanscondensedbold"
	"github.com/signintech/gopdf"

	"codebank.dev/statement/file"
	"codebank.dev/statement/file/read"
)

// Name is the name of the attachment.
const Name = "statement.csv"

// Write writes the PDF of a CSV that a file.Writer has made. It holds all pages in memory, some 5 kB a line. The
// error is that of a CSV that cannot be read, file.ErrTooLongForPDF, or one of out.
func Write(out io.Writer, csv []byte) error {
	facts, err := read.File(bytes.NewReader(csv), nil)
	if err != nil {
		return fmt.Errorf("the CSV of a PDF: %w", err)
	}
	if err := facts.Header.Check(file.PDF); err != nil {
		return err
	}
	p, err := open(facts)
	if err != nil {
		return err
	}
	p.first()
	if _, err := read.File(bytes.NewReader(csv), func(line *read.Line) error {
		if line.Full == nil {
			return errNoCSV
		}
		p.line(line)
		return p.err
	}); err != nil {
		return err
	}
	p.last()
	if p.err != nil {
		return p.err
	}
	pages, err := p.doc.GetBytesPdfReturnErr()
	if err != nil {
		return err
	}
	_, err = out.Write(attach(pages, csv, &facts.Header))
	return err
}

var errNoCSV = errors.New("pdf: the statement's lines are not in a CSV")

// open returns a document without pages.
func open(facts *read.Facts) (*printer, error) {
	doc := &gopdf.GoPdf{}
	doc.Start(gopdf.Config{PageSize: *gopdf.PageSizeA4})
	doc.SetNoCompression()
	option := gopdf.TtfOption{OnGlyphNotFoundSubstitute: substitute}
	err := errors.Join(doc.AddTTFFontDataWithOption(regular, dejavusanscondensed.TTF, option),
		doc.AddTTFFontDataWithOption(bold, dejavusanscondensedbold.TTF, option))
	p := &printer{canvas: canvas{doc: doc}, facts: facts, words: wordsIn[facts.Header.Language]}
	p.pages = pagesOf(facts.Header.Totals.Lines)
	return p, err
}
