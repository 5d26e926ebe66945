package checkout

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// Card data passes through this side on its way to the bank and stays nowhere. The
// three secret types below print, log and marshal masked in every form; their
// Reveal is the one way to the content, and only two callers have a use for it: the
// adapter that speaks to the bank, and for Token the store that keeps it.
//
// The text stands behind a pointer because package fmt cannot call the methods of a
// value in an unexported field: it would print what is there, and there is only an
// address. It is a pointer to a string, for fmt follows one to a struct. Compare two
// secrets by what Reveal returns, not with ==.

// secret is text that must not be printed; nil is none.
type secret *string

func reveal(s secret) string {
	if s == nil {
		return ""
	}
	return *s
}

// The errors of parsing card data. They never repeat what was given.
var (
	errCardNumber   = errors.New("checkout: a card number is 13 to 19 digits with a valid check digit")
	errSecurityCode = errors.New("checkout: a security code is 3 digits, 4 for AMEX")
)

// CardNumber is a primary account number: 13 to 19 digits with a valid check digit.
type CardNumber struct{ secret secret }

// ParseCardNumber returns the number written as 13 to 19 digits, spaces and dashes
// between groups allowed, whose Luhn check digit is right. The error does not
// repeat the text.
func ParseCardNumber(text string) (CardNumber, error) {
	if len(text) > 32 {
		return CardNumber{}, errCardNumber
	}
	digits := strings.NewReplacer(" ", "", "-", "").Replace(text)
	if len(digits) < 13 || len(digits) > 19 || !isDigits(digits) || luhnSum(digits)%10 != 0 {
		return CardNumber{}, errCardNumber
	}
	return CardNumber{&digits}, nil
}

// luhnSum is the weighted sum of ISO/IEC 7812-1 annex B; a valid number's is a
// multiple of ten.
func luhnSum(digits string) int {
	sum, double := 0, false
	for i := len(digits) - 1; i >= 0; i-- {
		d := int(digits[i] - '0')
		if double {
			d *= 2
		}
		sum += d/10 + d%10
		double = !double
	}
	return sum
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// Reveal returns the digits.
func (n CardNumber) Reveal() string { return reveal(n.secret) }

// Last4 returns the last four digits, or "" for the zero CardNumber.
func (n CardNumber) Last4() string {
	digits := n.Reveal()
	return digits[max(0, len(digits)-4):]
}

// isAmex reports whether the number is of the scheme whose security code has four digits.
func (n CardNumber) isAmex() bool {
	return strings.HasPrefix(n.Reveal(), "34") || strings.HasPrefix(n.Reveal(), "37")
}

// String returns the number masked: twelve stars and the last four digits.
func (n CardNumber) String() string { return MaskedNumber(n.Last4()) }

// GoString masks %#v.
func (n CardNumber) GoString() string { return n.String() }

// Format masks every verb of package fmt.
func (n CardNumber) Format(s fmt.State, _ rune) { fmt.Fprint(s, n.String()) }

// LogValue masks the number in logs.
func (n CardNumber) LogValue() slog.Value { return slog.StringValue(n.String()) }

// MarshalText masks the number in JSON, XML and every other text encoding.
func (n CardNumber) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// MaskedNumber returns a card number as it may be shown: twelve stars and the last
// four digits, or "" when there are none.
func MaskedNumber(last4 string) string {
	if last4 == "" {
		return ""
	}
	return "************" + last4
}

// hidden is what a secret of fixed look prints as.
const hidden = "***"

// SecurityCode is a card's CVV: three digits, four for AMEX.
type SecurityCode struct{ secret secret }

// ParseSecurityCode returns the code of the card with that number, written as three
// digits, or four for AMEX. The error does not repeat the text.
func ParseSecurityCode(text string, number CardNumber) (SecurityCode, error) {
	length := 3
	if number.isAmex() {
		length = 4
	}
	if len(text) != length || !isDigits(text) {
		return SecurityCode{}, errSecurityCode
	}
	return SecurityCode{&text}, nil
}

// Reveal returns the digits.
func (c SecurityCode) Reveal() string { return reveal(c.secret) }

// String returns three stars.
func (c SecurityCode) String() string { return hidden }

// GoString masks %#v.
func (c SecurityCode) GoString() string { return hidden }

// Format masks every verb of package fmt.
func (c SecurityCode) Format(s fmt.State, _ rune) { fmt.Fprint(s, hidden) }

// LogValue masks the code in logs.
func (c SecurityCode) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText masks the code in every text encoding.
func (c SecurityCode) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Token stands for card data at the bank, once. Whoever holds it can pay with it, so
// it is masked like the data itself. The zero Token is none.
type Token struct{ secret secret }

// NewToken returns the token that the bank wrote as text; "" is none.
func NewToken(text string) Token {
	if text == "" {
		return Token{}
	}
	return Token{&text}
}

// Reveal returns the token as the bank wrote it.
func (t Token) Reveal() string { return reveal(t.secret) }

// IsZero reports whether there is no token.
func (t Token) IsZero() bool { return t.Reveal() == "" }

// String returns three stars.
func (t Token) String() string { return hidden }

// GoString masks %#v.
func (t Token) GoString() string { return hidden }

// Format masks every verb of package fmt.
func (t Token) Format(s fmt.State, _ rune) { fmt.Fprint(s, hidden) }

// LogValue masks the token in logs.
func (t Token) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText masks the token in every text encoding.
func (t Token) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Expiry is the last month in which a card is good, as printed on it. Whether it has
// passed is for the bank to say: a decline is an answer the payer can read.
type Expiry struct {
	Month int32 // 1 to 12
	Year  int32 // four digits
}

// CardData is what a payer types. It lives in one request.
type CardData struct {
	Number       CardNumber
	HolderName   string
	Expiry       Expiry
	SecurityCode SecurityCode
}
