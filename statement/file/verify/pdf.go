package verify

import (
	"bytes"
	"io"

	"codebank.dev/statement/file"
	"codebank.dev/statement/file/pdf"
)

// maxPDF is more than the largest PDF that package pdf makes.
const maxPDF = 256 << 20

// ofPDF verifies a PDF by the lines that it carries: the attached CSV, and that the pages are what the CSV gives.
func ofPDF(in io.Reader) (*Report, error) {
	whole, err := io.ReadAll(io.LimitReader(in, maxPDF+1))
	if err != nil {
		return nil, err
	}
	csv, found := pdf.Attachment(whole)
	if len(whole) > maxPDF || !found {
		return &Report{Format: file.PDF.String(), Findings: []Finding{{
			Problem: "the PDF does not carry its lines as an attachment, so its text is unverified",
		}}}, nil
	}
	report, err := ofLines(bytes.NewReader(csv))
	if err != nil {
		return nil, err
	}
	report.Format = file.PDF.String()
	if report.facts == nil || report.facts.Format != file.CSV || !report.Sound() {
		if report.Sound() {
			report.find(Finding{Problem: "the attachment is no CSV"})
		}
		return report, nil
	}
	var anew bytes.Buffer
	if err := pdf.Write(&anew, csv); err != nil {
		report.find(Finding{Problem: "no pages can be made of the attached lines: " + err.Error()})
	} else if !bytes.Equal(anew.Bytes(), whole) {
		report.find(Finding{Problem: "the pages are not those that the attached lines give: their text is unverified"})
	}
	return report, nil
}
