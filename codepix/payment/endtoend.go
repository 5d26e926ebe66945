package payment

import (
	"errors"
	"strings"
)

// ID is an end-to-end id: the identity of a payment, made by the sending bank out of its own transaction. It is E or, of a
// return, D; then 00000 and the code of the bank; then 23 letters and digits. The empty ID is none.
type ID string

const (
	paymentLetter = 'E'
	returnLetter  = 'D'
	// bankPrefix fills up the code of a bank to the eight digits that identify a participant of Pix.
	bankPrefix = "00000"
	codeLength = 3
	nameLength = 23
	idLength   = 1 + len(bankPrefix) + codeLength + nameLength
)

// ErrID says that a text is no end-to-end id.
var ErrID = errors.New("payment: an end-to-end id is E or D, 00000, the three digits of a bank, and 23 letters and digits")

// ParseID returns the id that a text is. Error: ErrID.
func ParseID(text string) (ID, error) {
	if len(text) != idLength || text[0] != paymentLetter && text[0] != returnLetter || text[1:1+len(bankPrefix)] != bankPrefix {
		return "", ErrID
	}
	rest := text[1+len(bankPrefix):]
	if !IsBankCode(rest[:codeLength]) || strings.ContainsFunc(rest[codeLength:], isNoLetterOrDigit) {
		return "", ErrID
	}
	return ID(text), nil
}

// IsReturn reports whether the id is that of a return.
func (i ID) IsReturn() bool { return i != "" && i[0] == returnLetter }

// Bank returns the code of the bank that has made the id; empty for none.
func (i ID) Bank() string {
	if len(i) != idLength {
		return ""
	}
	return string(i[1+len(bankPrefix):][:codeLength])
}

// IsBankCode reports whether a text is three digits.
func IsBankCode(text string) bool {
	return len(text) == codeLength && strings.Trim(text, "0123456789") == ""
}

func isNoLetterOrDigit(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	return !letter && (r < '0' || r > '9')
}
