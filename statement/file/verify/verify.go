// Package verify says whether a statement file is as it was made, and whether its bank's ledger agrees. File does
// the first from the file alone: it computes totals and digests from the file's own lines and bytes. Ledger does
// the second: it compares line by line with the events of the account, and then writes the file anew from the
// ledger and compares every byte. So a change is found even if somebody has computed the digests anew.
package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"codebank.dev/platform/money"
	"codebank.dev/statement/file"
	"codebank.dev/statement/file/digest"
	"codebank.dev/statement/file/read"
)

// Finding is something that is not as it should be.
type Finding struct {
	// Line is the place among the lines of the file, from 1, and 0 for what stands beside the lines.
	Line int64 `json:"line,omitempty"`
	// EventID is the id of the line's event, if it is known.
	EventID string `json:"event_id,omitempty"`
	// Problem is what differs.
	Problem string `json:"problem"`
}

// String says where and what.
func (f Finding) String() string {
	return (&read.LineError{Number: f.Line, EventID: f.EventID, Problem: f.Problem}).Error()
}

// Report is the outcome of a verification.
type Report struct {
	Format       string    `json:"format"`
	BankCode     string    `json:"bank_code"`
	Account      string    `json:"account"`
	Currency     string    `json:"currency"`
	Start        time.Time `json:"start_time"`
	End          time.Time `json:"end_time"`
	CompleteTo   int64     `json:"complete_to_sequence"`
	OpeningMinor int64     `json:"opening_minor"`
	ClosingMinor int64     `json:"closing_minor"`
	Lines        int64     `json:"lines"`
	// Digest is the digest of the lines, computed from them.
	Digest string `json:"digest"`
	// Ledger says that the file was compared with the ledger.
	Ledger bool `json:"compared_with_ledger"`
	// Findings are empty if all is well.
	Findings []Finding `json:"findings"`

	facts *read.Facts
	in    io.ReadSeeker // the lines
}

// Sound reports whether nothing was found.
func (r *Report) Sound() bool { return len(r.Findings) == 0 }

func (r *Report) find(finding Finding) { r.Findings = append(r.Findings, finding) }

// File verifies a file by itself. An error is one of reading; a file that cannot be understood has a report with a
// finding. in stays in use for Ledger.
func File(in io.ReadSeeker) (*Report, error) {
	beginning := make([]byte, 256)
	n, err := io.ReadFull(in, beginning)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if read.Detect(beginning[:n]) == file.PDF {
		return ofPDF(in)
	}
	return ofLines(in)
}

// ofLines verifies a file that a file.Writer has written.
func ofLines(in io.ReadSeeker) (*Report, error) {
	report := &Report{Findings: []Finding{}, in: in}
	facts, err := read.File(in, nil)
	if err != nil {
		return report, report.unreadable(err)
	}
	report.take(facts)
	if err := facts.Header.Check(facts.Format); err != nil {
		report.find(Finding{Problem: "the facts of the file contradict each other: " + err.Error()})
		return report, nil
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	own := newOwn(facts)
	if _, err := read.File(in, own.line); err != nil {
		return report, report.unreadable(err)
	}
	own.end()
	report.Digest, report.Lines = own.chain.String(), own.totals.Lines
	report.Findings = append(report.Findings, own.findings...)
	return report, report.compareBytes(in)
}

// unreadable makes a finding of an error that is about the file's content. It returns any other.
func (r *Report) unreadable(err error) error {
	var at *read.LineError
	switch {
	case errors.As(err, &at):
		r.find(Finding{Line: at.Number, EventID: at.EventID, Problem: at.Problem})
	case errors.Is(err, read.ErrNotAStatement):
		r.find(Finding{Problem: "it is not a statement file of this bank: no format has such a beginning"})
	default:
		return err
	}
	return nil
}

func (r *Report) take(facts *read.Facts) {
	r.facts = facts
	h := &facts.Header
	r.Format, r.BankCode, r.Account, r.Currency = facts.Format.String(), h.BankCode, h.Account.String(), h.Currency
	r.Start, r.End, r.CompleteTo = h.Start, h.End, h.CompleteTo
	r.OpeningMinor, r.ClosingMinor, r.Lines = h.Totals.Opening, h.Totals.Closing, h.Totals.Lines
}

// own computes what the lines of a file come to.
type own struct {
	facts    *read.Facts
	chain    digest.Chain
	totals   file.Totals
	sequence int64
	findings []Finding
}

func newOwn(facts *read.Facts) *own {
	h := &facts.Header
	return &own{
		facts: facts, totals: file.Totals{Opening: h.Totals.Opening, Closing: h.Totals.Opening},
		chain: digest.New(&digest.Header{
			BankCode: h.BankCode, Account: h.Account.String(), Currency: h.Currency, Start: h.Start, End: h.End,
			Opening: h.Totals.Opening, CompleteTo: h.CompleteTo,
		}),
	}
}

// line adds a line up. Only the first line that contradicts the rest is a finding, because others follow from it.
func (o *own) line(line *read.Line) error {
	problem := o.add(line)
	o.chain.Add(&line.Line)
	o.totals.Lines++
	if problem != "" && len(o.findings) == 0 {
		o.findings = append(o.findings, Finding{Line: line.Number, EventID: line.EventID, Problem: problem})
	}
	return nil
}

func (o *own) add(line *read.Line) string {
	h := &o.facts.Header
	before := o.sequence
	o.sequence = line.Sequence
	sum, amount := &o.totals.Credits, line.Minor
	if amount < 0 || line.Full != nil && line.Full.Direction == "DEBIT" {
		sum, amount = &o.totals.Debits, -amount
	}
	var err, overflow error
	*sum, err = money.Add(*sum, amount)
	o.totals.Closing, overflow = money.Add(o.totals.Closing, line.Minor)
	switch {
	case err != nil || overflow != nil:
		return "the amounts are too large to be added"
	case line.EventID != file.EventID(h.Account, line.Sequence):
		return "its event is of another account"
	case line.Sequence <= before:
		return fmt.Sprintf("its sequence does not come after %d", before)
	case line.Sequence > h.CompleteTo:
		return fmt.Sprintf("its sequence is above %d, which the file is complete to", h.CompleteTo)
	case line.Time.Before(h.Start) || !line.Time.Before(h.End):
		return "its time is outside of the statement's range"
	case line.Full != nil && line.Full.BalanceAfter != o.totals.Closing:
		return fmt.Sprintf("its balance is %d, and the amounts up to it give %d", line.Full.BalanceAfter, o.totals.Closing)
	}
	return ""
}

// end compares what the lines come to with what the file says.
func (o *own) end() {
	said := &o.facts.Header.Totals
	for _, total := range []struct {
		name           string
		said, computed int64
	}{
		{"number of lines", said.Lines, o.totals.Lines},
		{"sum of credits", said.Credits, o.totals.Credits},
		{"sum of debits", said.Debits, o.totals.Debits},
		{"closing balance", said.Closing, o.totals.Closing},
	} {
		if total.said != total.computed {
			o.findings = append(o.findings, Finding{Problem: fmt.Sprintf("the %s is %d, and the lines give %d", total.name, total.said, total.computed)})
		}
	}
	if o.chain != o.facts.Lines {
		o.findings = append(o.findings, Finding{Problem: "the digest of the lines is " + o.facts.Lines.String() + ", and the lines give " + o.chain.String()})
	}
}

// compareBytes computes the digest of the file's bytes, and compares it and what follows with the end of the file.
func (r *Report) compareBytes(in io.ReadSeeker) error {
	size, err := in.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	end := file.Seal(r.facts.Format, &r.facts.Header, r.facts.Bytes)
	hash := sha256.New()
	if _, err := io.CopyN(hash, in, size-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	rest, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if computed := hex.EncodeToString(hash.Sum(nil)); !bytes.Equal(rest, end) {
		r.find(Finding{Problem: "the end of the file is not as it was written"})
	} else if computed != r.facts.Bytes {
		r.find(Finding{Problem: "the digest of the file's bytes is " + r.facts.Bytes + ", and they give " + computed + ": some text was changed, or a program has saved the file anew"})
	}
	return nil
}
