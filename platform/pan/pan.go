// Package pan has the data of a payment card: the primary account number (PAN), the
// security code (CVV), the expiry and the brand. Number and code are masked however
// they are printed, logged or marshalled.
package pan

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// ErrMalformed says that a text is not a card number. It never repeats the text.
var ErrMalformed = errors.New("pan: a card number is 13 to 19 digits with a valid check digit")

// Shortest is the least number of digits of a card number.
const Shortest = 13

const (
	longest = 19
	// longestText leaves room for separators between the digits.
	longestText = 32
)

// Number is a primary account number (ISO/IEC 7812): 13 to 19 digits, the last of which
// is a check digit. It is shown as twelve stars and its last four digits. Reveal is the
// one way to all digits; only the bank's vault, the answer that issues a card, and the
// client that sends card data to the bank may call it.
type Number struct{ secret }

var separators = strings.NewReplacer(" ", "", "-", "")

// Parse reads a number of 13 to 19 digits with the right check digit. Spaces and dashes
// between groups are allowed. Any other text is ErrMalformed.
func Parse(text string) (Number, error) {
	if len(text) > longestText {
		return Number{}, ErrMalformed
	}
	digits := separators.Replace(text)
	if len(digits) < Shortest || len(digits) > longest || !allDigits(digits) || !luhnValid(digits) {
		return Number{}, ErrMalformed
	}
	return Number{NewSecret(digits)}, nil
}

// Make returns the number that consists of prefix, body and the right check digit.
// prefix and body must be digits, 12 to 18 together; otherwise the error is
// ErrMalformed.
func Make(prefix, body string) (Number, error) {
	partial := prefix + body
	if len(partial) < Shortest-1 || len(partial) > longest-1 || !allDigits(partial) {
		return Number{}, ErrMalformed
	}
	for check := byte('0'); check <= '9'; check++ {
		if candidate := partial + string(check); luhnValid(candidate) {
			return Number{NewSecret(candidate)}, nil
		}
	}
	panic("pan: every number has one check digit")
}

func allDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// luhnValid implements the check of ISO/IEC 7812-1 annex B (Luhn's formula).
func luhnValid[T string | []byte](digits T) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// BIN returns the first six digits, which name the issuer, or "" for the zero Number.
func (n Number) BIN() string {
	digits := n.Reveal()
	return digits[:min(6, len(digits))]
}

// Last4 returns the last four digits, or "" for the zero Number.
func (n Number) Last4() string {
	digits := n.Reveal()
	return digits[max(0, len(digits)-4):]
}

// Masked returns a card number as it may be shown: twelve stars and the last four
// digits, or "" when there are none.
func Masked(last4 string) string {
	if last4 == "" {
		return ""
	}
	return "************" + last4
}

// String returns the number masked.
func (n Number) String() string { return Masked(n.Last4()) }

// GoString masks %#v.
func (n Number) GoString() string { return n.String() }

// Format masks every verb of package fmt.
func (n Number) Format(state fmt.State, _ rune) { fmt.Fprint(state, n.String()) }

// LogValue masks the number in logs.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.String()) }

// MarshalText masks the number in JSON, XML and every other text encoding.
func (n Number) MarshalText() ([]byte, error) { return []byte(n.String()), nil }
