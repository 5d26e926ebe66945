// Package read reads statement files that package file has written: CSV, OFX 2, OFX 1.0.2 and camt.053. It holds
// one line at a time. It reads what a verification needs and leaves out what only people read, except in a CSV,
// whose lines are read in full. Files come from anybody, so sizes are bounded.
package read

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"codebank.dev/statement/file/digest"
)

// Facts are what a file says of itself.
type Facts struct {
	Format file.Format
	Header file.Header
	// Lines is the digest of the lines as the file has it.
	Lines digest.Chain
	// Bytes is the digest of the bytes as the file has it, 64 hexadecimal digits.
	Bytes string
}

// Line is a line of a file.
type Line struct {
	// Number is the line's place among the lines of the file, from 1.
	Number int64
	digest.Line
	// Sequence is the one that the event's id ends in.
	Sequence int64
	// Full is the whole line. Only a CSV has it.
	Full *statement.Line
}

// ErrNotAStatement says that a file was not written by package file, or is damaged so that it cannot be read.
var ErrNotAStatement = errors.New("not a statement file")

// LineError says which line cannot be read.
type LineError struct {
	// Number is the line's place among the lines of the file, from 1. It is 0 for what stands before and
	// behind the lines.
	Number int64
	// EventID is the id of its event, if it could be read.
	EventID string
	// Problem is what is wrong.
	Problem string
}

// Error says where the problem is.
func (e *LineError) Error() string {
	switch {
	case e.Number == 0:
		return e.Problem
	case e.EventID == "":
		return fmt.Sprintf("line %d: %s", e.Number, e.Problem)
	}
	return fmt.Sprintf("line %d (event %s): %s", e.Number, e.EventID, e.Problem)
}

// Is reports that every LineError is ErrNotAStatement.
func (e *LineError) Is(target error) bool { return target == ErrNotAStatement }

// maxText is the longest element or row in bytes.
const maxText = 1 << 20

// Detect returns the format of a file by its first bytes, some 256, and 0 if it is none of package file.
func Detect(beginning []byte) file.Format {
	switch {
	case bytes.HasPrefix(beginning, []byte("record,event_id,")):
		return file.CSV
	case bytes.HasPrefix(beginning, []byte("OFXHEADER:100")):
		return file.OFX1
	case bytes.HasPrefix(beginning, []byte("%PDF-")):
		return file.PDF
	case !bytes.HasPrefix(beginning, []byte("<?xml ")):
		return 0
	case bytes.Contains(beginning, []byte("<?OFX ")):
		return file.OFX2
	case bytes.Contains(beginning, []byte(file.CAMTNamespace)):
		return file.CAMT053
	}
	return 0
}

// File reads a file that is no PDF, and calls each with its lines in their order. each may be nil. A line is valid
// until each returns, and its error is returned as it is. Any other error is ErrNotAStatement, mostly a LineError
// with the place, or one of in. The facts are complete but not compared with anything.
func File(in io.Reader, each func(*Line) error) (*Facts, error) {
	buffered := bufio.NewReaderSize(in, 64<<10)
	beginning, err := buffered.Peek(256)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if each == nil {
		each = func(*Line) error { return nil }
	}
	s := &scan{each: each, facts: Facts{Format: Detect(beginning)}}
	switch s.facts.Format {
	case file.CSV:
		err = s.csv(buffered)
	case file.OFX1, file.OFX2:
		err = s.ofx(buffered)
	case file.CAMT053:
		err = s.camt(buffered)
	default:
		return nil, ErrNotAStatement
	}
	if err != nil {
		return nil, err
	}
	return &s.facts, nil
}

// scan is a file that is being read.
type scan struct {
	facts  Facts
	number int64 // of the line that is being read, 0 before the first one
	each   func(*Line) error
	code   money.Currency
}

// problem returns an error at a line, or beside the lines.
func (s *scan) problem(eventID, format string, args ...any) error {
	return &LineError{Number: s.number, EventID: eventID, Problem: fmt.Sprintf(format, args...)}
}

// field is a problem of a named value that stands beside the lines.
func field(name, value string) error {
	return &LineError{Problem: fmt.Sprintf("%s has the value %q", name, cut(value))}
}

// cut shortens a value for an error.
func cut(value string) string {
	if len(value) > 80 {
		return value[:80] + "…"
	}
	return value
}

// setCurrency takes over the currency of the file.
func (s *scan) setCurrency(name, value string) (err error) {
	if s.code, err = money.ParseCurrency(value); err != nil {
		return field(name, value)
	}
	s.facts.Header.Currency = value
	return nil
}

// line passes a line on.
func (s *scan) line(line *Line) error {
	account, number, _ := strings.Cut(line.EventID, ":")
	sequence, ok := integer(number)
	if !ok || sequence < 1 {
		return s.problem(line.EventID, "its event id is not an account, a colon and a sequence")
	}
	if _, err := id.Parse(account); err != nil {
		return s.problem(line.EventID, "its event id does not begin with an account")
	}
	line.Number, line.Sequence = s.number, sequence
	return s.each(line)
}

// integer returns a number that is written the one way it can be: no plus sign, no leading zero.
func integer(text string) (int64, bool) {
	number, err := strconv.ParseInt(text, 10, 64)
	return number, err == nil && strconv.FormatInt(number, 10) == text
}

// major returns the minor units of a decimal that has exactly the places of the currency.
func (s *scan) major(text string) (int64, bool) {
	minor, err := strconv.ParseInt(strings.Replace(text, ".", "", 1), 10, 64)
	return minor, err == nil && s.code.FormatMinor(minor) == text
}

// moment returns a time that is written as layout says and no other way.
func moment(layout, text string) (time.Time, bool) {
	at, err := time.Parse(layout, text)
	return at, err == nil && at.Format(layout) == text
}

// words are the named values of MKTGINFO and AddtlStmtInf, in their order.
var words = []string{"complete-to", "complete-to-time", "opening", "lines", "credits", "debits", "digest", "file-digest"}

// facts reads what file.appendFacts has written. name is the element.
func (s *scan) words(name, text string) error {
	parts := strings.Split(text, " ")
	if len(parts) != len(words)+1 || parts[0] != digest.Name {
		return field(name, text)
	}
	header := &s.facts.Header
	for i, word := range words {
		key, value, _ := strings.Cut(parts[i+1], "=")
		if key != word || !s.word(header, word, value) {
			return field(name+" "+word, parts[i+1])
		}
	}
	return nil
}

func (s *scan) word(header *file.Header, word, value string) (ok bool) {
	switch word {
	case "complete-to":
		header.CompleteTo, ok = integer(value)
	case "complete-to-time":
		header.CompleteToTime, ok = moment(file.TimeLayout, value)
	case "opening":
		header.Totals.Opening, ok = integer(value)
	case "lines":
		header.Totals.Lines, ok = integer(value)
	case "credits":
		header.Totals.Credits, ok = integer(value)
	case "debits":
		header.Totals.Debits, ok = integer(value)
	case "digest":
		var err error
		s.facts.Lines, err = digest.Parse(value)
		ok = err == nil
	case "file-digest":
		_, err := digest.Parse(value)
		s.facts.Bytes, ok = value, err == nil
	}
	return ok
}
