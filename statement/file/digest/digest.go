// Package digest computes the digest of a statement: a chain of SHA-256 over its lines. Anybody can compute
// it again from the lines of a file, whatever the format of the file, and with no other program than a
// hash:
//
//	h(0) = SHA-256("codebank-statement/1\n" bank "\n" account "\n" currency "\n" start "\n" end "\n" opening "\n" sequence "\n")
//	h(n) = SHA-256(h(n-1) event "\n" time "\n" amount "\n" currency "\n")
//
// h(n-1) are the 32 bytes of the hash before. Numbers are decimal, times are milliseconds since 1970 in UTC,
// amounts are minor units with a minus sign for a debit. start is the first moment of the statement and end
// the first one behind it; opening is the balance before the first line; sequence is the one that the
// statement is complete to. event is the event's id: account, colon, sequence. The digest of n lines is h(n)
// as 64 hexadecimal digits in lower case.
//
// A digest that stands in a file beside the lines finds accidents. It proves nothing against somebody who
// computes it anew, so a file is compared with the ledger too.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"time"
)

// Name begins the header of every chain. Another recipe has another name.
const Name = "codebank-statement/1"

// Header is what a chain begins with.
type Header struct {
	BankCode   string
	Account    string // UUID
	Currency   string // ISO 4217
	Start, End time.Time
	Opening    int64 // minor units
	// CompleteTo is the sequence up to which every event has been seen.
	CompleteTo int64
}

// Line is what the chain binds of a line.
type Line struct {
	EventID string
	Time    time.Time
	// Minor is the amount in minor units, negative for a debit.
	Minor    int64
	Currency string
}

// Chain is the digest of the lines so far. The zero Chain belongs to no statement; make one with New. It is a
// plain value: a copy goes on by itself.
type Chain [sha256.Size]byte

// ErrMalformed says that a text is not a digest.
var ErrMalformed = errors.New("digest: not 64 hexadecimal digits in lower case")

// New returns the chain of a statement without lines.
func New(header *Header) Chain {
	text := make([]byte, 0, 256)
	for _, part := range []string{Name, header.BankCode, header.Account, header.Currency} {
		text = append(append(text, part...), '\n')
	}
	for _, number := range []int64{header.Start.UnixMilli(), header.End.UnixMilli(), header.Opening, header.CompleteTo} {
		text = append(strconv.AppendInt(text, number, 10), '\n')
	}
	return sha256.Sum256(text)
}

// Add puts the next line into the chain.
func (c *Chain) Add(line *Line) {
	text := make([]byte, 0, 192)
	text = append(text, c[:]...)
	text = append(append(text, line.EventID...), '\n')
	text = append(strconv.AppendInt(text, line.Time.UnixMilli(), 10), '\n')
	text = append(strconv.AppendInt(text, line.Minor, 10), '\n')
	text = append(append(text, line.Currency...), '\n')
	*c = sha256.Sum256(text)
}

// String returns the digest as a file shows it.
func (c Chain) String() string { return hex.EncodeToString(c[:]) }

// Parse returns the chain of a digest's text.
func Parse(text string) (Chain, error) {
	var c Chain
	raw, err := hex.DecodeString(text)
	if err != nil || copy(c[:], raw) != len(c) || len(raw) != len(c) || c.String() != text {
		return Chain{}, ErrMalformed
	}
	return c, nil
}

// MarshalText implements encoding.TextMarshaler.
func (c Chain) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Chain) UnmarshalText(text []byte) (err error) {
	*c, err = Parse(string(text))
	return err
}
