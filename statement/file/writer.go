package file

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/statement"
	"codebank.dev/statement/file/digest"
)

// bufferSize is how many bytes a Writer collects before it writes them.
const bufferSize = 64 << 10

// encoder writes the texts of one format. Each function appends to text. Nothing but the arguments goes into
// the bytes, so a file is the same whether it was made at once or in parts.
type encoder interface {
	begin(text []byte, header *Header) []byte
	line(text []byte, header *Header, line *entry) []byte
	// end appends what follows the lines, up to where the digest of the bytes stands.
	end(text []byte, header *Header, lines digest.Chain) []byte
	// seal appends the digest of all bytes before it, and the end of the file.
	seal(text []byte, header *Header, bytes string) []byte
}

// entry is a line with what all formats need of it.
type entry struct {
	*statement.Line
	eventID  string
	signed   int64
	currency money.Currency
}

// isPayout reports whether a line is what a merchant's sales have brought in, and no cash.
func (e *entry) isPayout() bool { return e.Kind == "DEPOSIT" && e.MerchantName != "" }

// progress is how far a Writer has come; State writes it.
type progress struct {
	Format   string
	Header   Header
	Totals   Totals // of the lines so far; Closing is the balance after the last one
	Sequence int64  // of the last line
	Chain    digest.Chain
	Bytes    []byte // the state of the hash of the bytes so far
	Size     int64  // bytes so far
}

// Writer writes one file. It is not for concurrent use. After an error every call returns it.
type Writer struct {
	progress
	out     io.Writer
	encoder encoder
	code    money.Currency
	hash    hash.Hash
	buffer  []byte
	err     error
	closed  bool
}

// NewWriter returns a writer of a file to out, which stays the caller's. Errors are those of Header.Check. A PDF
// is refused, because package pdf makes it.
func NewWriter(out io.Writer, format Format, header *Header) (*Writer, error) {
	w, err := newWriter(out, format, header)
	if err != nil {
		return nil, err
	}
	w.Totals = Totals{Opening: header.Totals.Opening, Closing: header.Totals.Opening}
	w.Chain = header.chain()
	w.put(w.encoder.begin(w.buffer, &w.Header))
	return w, nil
}

func newWriter(out io.Writer, format Format, header *Header) (*Writer, error) {
	if err := header.Check(format); err != nil {
		return nil, err
	}
	w := &Writer{progress: progress{Format: format.String(), Header: header.utc()}, out: out, hash: sha256.New()}
	var known bool
	if w.encoder, known = encoders[format]; !known {
		return nil, fault.Invalid("format", "The format is not written line by line.")
	}
	var err error
	w.code, err = money.ParseCurrency(header.Currency)
	return w, err
}

// encoders are the formats that are written line by line.
var encoders = map[Format]encoder{CSV: csvEncoder{}, OFX2: ofx2, OFX1: ofx1, CAMT053: camtEncoder{}}

func (h *Header) utc() Header {
	c := *h
	for _, moment := range []*time.Time{&c.Start, &c.End, &c.CompleteToTime, &c.CreatedAt} {
		*moment = moment.UTC()
	}
	return c
}

// Line writes the next line, which must be one that a customer sees, of the header's account and currency, in
// the range, and above the line before. The error is ErrNotAdded if its balance does not follow from the balance
// before, or one of out.
func (w *Writer) Line(line *statement.Line) error {
	if w.err != nil {
		return w.err
	}
	if err := w.add(line); err != nil {
		w.err = err
		return err
	}
	signed := signedOf(line)
	eventID := EventID(w.Header.Account, line.Sequence)
	w.Chain.Add(&digest.Line{EventID: eventID, Time: line.OccurredAt, Minor: signed, Currency: line.Currency})
	w.put(w.encoder.line(w.buffer, &w.Header, &entry{Line: line, eventID: eventID, signed: signed, currency: w.code}))
	return w.err
}

// EventID returns the id of an account's event.
func EventID(account id.ID, sequence int64) string {
	return account.String() + ":" + strconv.FormatInt(sequence, 10)
}

func signedOf(line *statement.Line) int64 {
	if line.Direction == "DEBIT" {
		return -line.Amount
	}
	return line.Amount
}

// add counts a line, if it can follow the ones before.
func (w *Writer) add(line *statement.Line) error {
	h := &w.Header
	switch {
	case line.Sequence <= w.Sequence || line.Sequence > h.CompleteTo:
		return ErrNotAdded.Wrap(fmt.Errorf("line %d is not between %d and %d", line.Sequence, w.Sequence, h.CompleteTo))
	case line.Unsound || !line.Shown() || line.Amount < 0 || line.Currency != h.Currency:
		return ErrNotAdded.Wrap(fmt.Errorf("line %d is not for this statement", line.Sequence))
	case line.OccurredAt.Before(h.Start) || !line.OccurredAt.Before(h.End) || !whole(line.OccurredAt):
		return ErrNotAdded.Wrap(fmt.Errorf("line %d is of %v, outside of the range", line.Sequence, line.OccurredAt))
	}
	sum := &w.Totals.Credits
	if line.Direction == "DEBIT" {
		sum = &w.Totals.Debits
	}
	var err, overflow error
	*sum, err = money.Add(*sum, line.Amount)
	w.Totals.Closing, overflow = money.Add(w.Totals.Closing, signedOf(line))
	if err != nil || overflow != nil || w.Totals.Closing != line.BalanceAfter {
		return ErrNotAdded.Wrap(fmt.Errorf("line %d has the balance %d after it, and not %d", line.Sequence, line.BalanceAfter, w.Totals.Closing))
	}
	w.Totals.Lines++
	w.Sequence = line.Sequence
	return nil
}

// put takes over the buffer with a new text at its end.
func (w *Writer) put(buffer []byte) {
	w.buffer = buffer
	if len(w.buffer) >= bufferSize {
		w.flush()
	}
}

func (w *Writer) flush() {
	if w.err == nil {
		w.hash.Write(w.buffer)
		w.Size += int64(len(w.buffer))
		_, w.err = w.out.Write(w.buffer)
	}
	w.buffer = w.buffer[:0]
}

// Written returns how many bytes the file has so far, with those that a Writer still holds.
func (w *Writer) Written() int64 { return w.Size + int64(len(w.buffer)) }

// Flush writes what the Writer still holds.
func (w *Writer) Flush() error {
	w.flush()
	return w.err
}

// State writes what the Writer still holds, and returns how far it has come. Resume goes on from there. The
// Writer may be used further.
func (w *Writer) State() ([]byte, error) {
	if w.flush(); w.err != nil {
		return nil, w.err
	}
	if w.closed {
		return nil, errClosed
	}
	state, err := w.hash.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return nil, err
	}
	w.Bytes = state
	return json.Marshal(&w.progress)
}

var errClosed = fault.New(fault.Internal, "FILE_CLOSED", "The file is complete.")

// Resume returns a writer that goes on behind a State. out gets the bytes that follow. The error is that of
// another version's state, or of Header.Check.
func Resume(out io.Writer, state []byte) (*Writer, error) {
	var p progress
	if err := json.Unmarshal(state, &p); err != nil {
		return nil, fmt.Errorf("state of a file: %w", err)
	}
	format, _ := ParseFormat(p.Format)
	w, err := newWriter(out, format, &p.Header)
	if err != nil {
		return nil, err
	}
	w.progress = p
	if err := w.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(p.Bytes); err != nil {
		return nil, fmt.Errorf("state of a file: %w", err)
	}
	return w, nil
}

// Close writes the end of the file: the totals and the digests. The error is ErrNotAdded if the lines do not
// give the header's totals; then the file has no end. Close does not close out.
func (w *Writer) Close() error {
	if w.err != nil || w.closed {
		return w.err
	}
	if w.closed = true; w.Totals != w.Header.Totals {
		w.err = ErrNotAdded.Wrap(fmt.Errorf("the lines give %+v, and not %+v", w.Totals, w.Header.Totals))
		return w.err
	}
	w.put(w.encoder.end(w.buffer, &w.Header, w.Chain))
	w.flush()
	w.put(w.encoder.seal(w.buffer, &w.Header, hex.EncodeToString(w.hash.Sum(nil))))
	w.flush()
	return w.err
}

// Seal returns how a file of the format ends: the digest of all bytes before, in hexadecimal, and what follows it.
// The length does not depend on the digest. It is nil for a format that is not written line by line.
func Seal(format Format, header *Header, bytes string) []byte {
	if encoder, ok := encoders[format]; ok {
		return encoder.seal(nil, header, bytes)
	}
	return nil
}

// Columns returns the names of the columns of a CSV.
func Columns() []string { return slices.Clone(csvColumns) }

// Digest returns the digest of the lines so far, which the end of the file shows.
func (w *Writer) Digest() digest.Chain { return w.Chain }
