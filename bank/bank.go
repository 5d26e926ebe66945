// Package bank is the language of the business: accounts, cards, entries,
// commands, the book they are decided on, and the ports through which the outside
// is reached. It is pure: no I/O, no clock, no environment. Every rule about money
// lives here or in a command's Decide, never in SQL and never in a handler.
//
// The life of a purchase, and the file to open for each step:
//
//	purchase.Service   checks the request, resolves immutable facts   purchase/
//	ledger.Executor    queues it, batches it, answers it              ledger/
//	Book               what a batch reads, decides on and changes     book.go
//	Store              one durable transaction per batch              postgres/, inmem/
//	outbox.Relay       committed events to the broker                 outbox/
package bank

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"
)

// ID is a UUID. The zero ID means "none".
type ID [16]byte

// ErrMalformedID says that a text is no UUID in its canonical form.
var ErrMalformedID = errors.New("bank: malformed id")

// ParseID returns the ID written as 36 characters of canonical lower-case UUID
// text. Other spellings of the same UUID are refused, so that one id has one text.
func ParseID(text string) (ID, error) {
	var id ID
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return ID{}, ErrMalformedID
	}
	for i, at := range [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34} {
		high, okHigh := nibble(text[at])
		low, okLow := nibble(text[at+1])
		if !okHigh || !okLow {
			return ID{}, ErrMalformedID
		}
		id[i] = high<<4 | low
	}
	return id, nil
}

func nibble(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// NewID returns a random UUID (version 4) read from random.
func NewID(random io.Reader) (ID, error) {
	var id ID
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return ID{}, err
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id, nil
}

// DeriveID returns the UUID (version 5) of the parts within a namespace. Parts are
// joined by a zero byte, which no validated text holds, so that no two lists of
// parts share an id.
func DeriveID(namespace ID, parts ...string) ID {
	hash := sha1.New()
	hash.Write(namespace[:])
	for i, part := range parts {
		if i > 0 {
			hash.Write([]byte{0})
		}
		io.WriteString(hash, part)
	}
	var id ID
	copy(id[:], hash.Sum(nil))
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Append appends the canonical text of id to dst.
func (id ID) Append(dst []byte) []byte {
	var text [36]byte
	hex.Encode(text[0:8], id[0:4])
	text[8] = '-'
	hex.Encode(text[9:13], id[4:6])
	text[13] = '-'
	hex.Encode(text[14:18], id[6:8])
	text[18] = '-'
	hex.Encode(text[19:23], id[8:10])
	text[23] = '-'
	hex.Encode(text[24:36], id[10:16])
	return append(dst, text[:]...)
}

// String returns the canonical text, 36 characters.
func (id ID) String() string { return string(id.Append(make([]byte, 0, 36))) }

// IsZero reports whether id is "none".
func (id ID) IsZero() bool { return id == ID{} }

// namespace is the root of every derived id of Code Bank.
var namespace = ID{0x9b, 0x1d, 0x5c, 0x2e, 0x4f, 0x6a, 0x4c, 0x1b, 0x8d, 0x37, 0x60, 0x52, 0xa4, 0xe1, 0x7f, 0x90}

// Code is a bank's own code, three digits.
type Code string

// ParseCode returns the code written as three digits.
func ParseCode(text string) (Code, error) {
	if len(text) != 3 {
		return "", errors.New("bank: a bank code is three digits")
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return "", errors.New("bank: a bank code is three digits")
		}
	}
	return Code(text), nil
}

// TransactionID returns the id of the transaction that a caller's request makes:
// the same bank, caller and request id always give the same transaction.
func (c Code) TransactionID(caller, requestID string) ID {
	return DeriveID(namespace, string(c), "transaction", caller, requestID)
}

// VoidID returns the id of the transaction by which a purchase is voided. It is
// derived from the purchase, so that a purchase can be voided once only.
func (c Code) VoidID(purchase ID) ID {
	return DeriveID(namespace, string(c), "void", purchase.String())
}

// SettlementAccount returns the internal account that collects a merchant's sales
// in one currency. Internal accounts carry no running balance and are never locked.
func (c Code) SettlementAccount(merchant, currency string) ID {
	return DeriveID(namespace, string(c), "settlement", merchant, currency)
}
