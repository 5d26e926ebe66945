package verify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"codebank.dev/statement/file/read"
)

// Events is a ledger. It returns the events of an account up to a sequence, from the first one on, with those among
// them that no customer sees. An error ends them. An event is valid until the next one.
type Events func(ctx context.Context, account id.ID, through int64) iter.Seq2[*statement.Line, error]

// Ledger compares a file with a ledger, and adds what it finds to the report of File. It does nothing if File could
// not read the file. An error is one of reading the file or the ledger.
func Ledger(ctx context.Context, report *Report, ledger Events) error {
	if report.facts == nil || report.facts.Header.Check(report.facts.Format) != nil {
		return nil
	}
	c := &comparison{ctx: ctx, report: report, in: report.in, ledger: ledger, header: report.facts.Header}
	if err := c.compareLines(); err != nil {
		return err
	}
	report.Ledger = true
	if c.different {
		return nil
	}
	return c.compareBytes()
}

// comparison compares one file with a ledger.
type comparison struct {
	ctx    context.Context
	report *Report
	in     io.ReadSeeker
	ledger Events
	header file.Header
	// different says that there is a difference, so that bytes need not be compared.
	different bool
	// ledger's facts
	opening int64
	last    statement.Line
}

func (c *comparison) differs(finding Finding) {
	c.different = true
	c.report.find(finding)
}

// shown returns the lines of the ledger that belong into the file. It keeps the balance before them and the last event.
func (c *comparison) shown() iter.Seq2[*statement.Line, error] {
	return func(yield func(*statement.Line, error) bool) {
		for line, err := range c.ledger(c.ctx, c.header.Account, c.header.CompleteTo) {
			if err != nil {
				yield(nil, err)
				return
			}
			c.last = *line
			if line.OccurredAt.Before(c.header.Start) {
				c.opening = line.BalanceAfter
				continue
			}
			if line.Shown() && line.OccurredAt.Before(c.header.End) && !yield(line, nil) {
				return
			}
		}
	}
}

// errDiffers ends the reading of a file at the first line that differs.
var errDiffers = errors.New("verify: a line differs")

// compareLines reads file and ledger side by side.
func (c *comparison) compareLines() error {
	if _, err := c.in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	next, stop := iter.Pull2(c.shown())
	defer stop()
	var number int64
	_, err := read.File(c.in, func(line *read.Line) error {
		number = line.Number
		expected, err, more := next()
		if err != nil {
			return err
		}
		if problem := c.against(line, expected, more); problem != "" {
			c.differs(Finding{Line: line.Number, EventID: line.EventID, Problem: problem})
			return errDiffers
		}
		return nil
	})
	if errors.Is(err, errDiffers) {
		return nil
	}
	if err != nil {
		return c.report.unreadable(err)
	}
	if expected, err, more := next(); err != nil {
		return err
	} else if more {
		c.differs(Finding{Line: number + 1, EventID: c.idOf(expected), Problem: "the file ends, and the ledger has this line"})
		return nil
	}
	c.compareFacts()
	return nil
}

func (c *comparison) idOf(line *statement.Line) string {
	return file.EventID(c.header.Account, line.Sequence)
}

// against compares a line with the ledger's.
func (c *comparison) against(line *read.Line, expected *statement.Line, more bool) string {
	if !more {
		return "the ledger has no such line up to here"
	}
	minor := expected.Amount
	if expected.Direction == "DEBIT" {
		minor = -minor
	}
	switch {
	case line.EventID != c.idOf(expected):
		return "the ledger has the event " + c.idOf(expected) + " here"
	case !line.Time.Equal(expected.OccurredAt):
		return "the ledger has the time " + expected.OccurredAt.Format(file.TimeLayout) + ", and the file " + line.Time.Format(file.TimeLayout)
	case line.Minor != minor:
		return fmt.Sprintf("the ledger has the amount %d in minor units, and the file %d", minor, line.Minor)
	case line.Currency != expected.Currency:
		return "the ledger has the currency " + expected.Currency + ", and the file " + line.Currency
	}
	return ""
}

// compareFacts compares what stands beside the lines.
func (c *comparison) compareFacts() {
	switch h := &c.header; {
	case c.last.Sequence != h.CompleteTo:
		c.differs(Finding{Problem: fmt.Sprintf("the file is complete to the sequence %d, and the ledger ends at %d", h.CompleteTo, c.last.Sequence)})
	case h.CompleteTo > 0 && !c.last.OccurredAt.Equal(h.CompleteToTime):
		c.differs(Finding{Problem: "the last event is of " + c.last.OccurredAt.Format(file.TimeLayout) + " in the ledger, and of " + h.CompleteToTime.Format(file.TimeLayout) + " in the file"})
	case c.opening != h.Totals.Opening:
		c.differs(Finding{Problem: fmt.Sprintf("the opening balance is %d in the ledger, and %d in the file", c.opening, h.Totals.Opening)})
	}
}

// compareBytes writes the file anew with the ledger's lines.
func (c *comparison) compareBytes() error {
	if _, err := c.in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	same := &sameBytes{in: bufio.NewReader(c.in)}
	writer, err := file.NewWriter(same, c.report.facts.Format, &c.header)
	if err != nil {
		return err
	}
	var number int64
	for line, err := range c.shown() {
		if err != nil {
			return err
		}
		number++
		if err = writer.Line(line); err == nil {
			err = writer.Flush() // So that a difference is known with its line.
		}
		if finding, found := c.byteFinding(err, Finding{Line: number, EventID: c.idOf(line)}); found {
			c.report.find(finding)
			return nil
		} else if err != nil {
			return err
		}
	}
	err = writer.Close()
	if finding, found := c.byteFinding(err, Finding{}); found {
		c.report.find(finding)
		return nil
	}
	return err
}

// byteFinding makes a finding of what the writer reports, with its place.
func (c *comparison) byteFinding(err error, place Finding) (Finding, bool) {
	switch {
	case errors.Is(err, errDiffers):
		place.Problem = "a text is not as the ledger has it, or a program has saved the file anew"
	case errors.Is(err, file.ErrNotAdded):
		place.Problem = "the ledger's own lines do not give the totals of the file: " + err.Error()
	default:
		return place, false
	}
	return place, true
}

// sameBytes is written to, and fails where the bytes differ from the input's.
type sameBytes struct {
	in  *bufio.Reader
	own []byte
}

func (s *sameBytes) Write(expected []byte) (int, error) {
	if cap(s.own) < len(expected) {
		s.own = make([]byte, len(expected))
	}
	s.own = s.own[:len(expected)]
	n, err := io.ReadFull(s.in, s.own)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	if n < len(expected) || string(s.own) != string(expected) {
		return 0, errDiffers
	}
	return n, nil
}
