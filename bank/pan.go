package bank

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// PAN is a primary account number. Printed, logged or marshalled in any way it
// shows its last four digits only; Reveal is the one way to the digits, and only
// the vault and the issuing answer may call it.
//
// The digits stand behind a pointer because package fmt cannot call the methods of
// a value in an unexported field: it would print what is there, and there is only
// an address. It is a pointer to a string, for fmt follows pointers to structs.
// Compare two PANs by their digits, not with ==.
type PAN struct{ digits *string }

func reveal(digits *string) string {
	if digits == nil {
		return ""
	}
	return *digits
}

// The errors of parsing card data. They never repeat what was given.
var (
	ErrMalformedPAN = errors.New("bank: a card number is 13 to 19 digits with a valid check digit")
	ErrMalformedCVV = errors.New("bank: a security code is 3 digits, 4 for AMEX")
)

// ParsePAN returns the number written as 13 to 19 digits, spaces and dashes
// between groups allowed, whose Luhn check digit is right.
func ParsePAN(text string) (PAN, error) {
	if len(text) > 32 {
		return PAN{}, ErrMalformedPAN
	}
	digits := strings.NewReplacer(" ", "", "-", "").Replace(text)
	if len(digits) < 13 || len(digits) > 19 || !allDigits(digits) || !luhnValid(digits) {
		return PAN{}, ErrMalformedPAN
	}
	return PAN{&digits}, nil
}

// MakePAN returns the number made of prefix followed by body and the right check
// digit; both must be digits, 12 to 18 together, else ErrMalformedPAN.
func MakePAN(prefix, body string) (PAN, error) {
	partial := prefix + body
	if len(partial) < 12 || len(partial) > 18 || !allDigits(partial) {
		return PAN{}, ErrMalformedPAN
	}
	for check := byte('0'); check <= '9'; check++ {
		if candidate := partial + string(check); luhnValid(candidate) {
			return PAN{&candidate}, nil
		}
	}
	panic("bank: every number has one Luhn check digit")
}

func allDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// luhnValid implements the check of ISO/IEC 7812-1 annex B.
func luhnValid(digits string) bool {
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

// Reveal returns the digits. Callers: the vault, and the answer that issues a card.
func (p PAN) Reveal() string { return reveal(p.digits) }

// BIN returns the first six digits, or "" for the zero PAN.
func (p PAN) BIN() string {
	digits := p.Reveal()
	return digits[:min(6, len(digits))]
}

// Last4 returns the last four digits, or "" for the zero PAN.
func (p PAN) Last4() string {
	digits := p.Reveal()
	return digits[max(0, len(digits)-4):]
}

// Brand returns the scheme that the number's first digits belong to.
func (p PAN) Brand() Brand {
	digits := p.Reveal()
	for _, r := range brandRanges {
		if len(digits) >= len(r.from) && digits[:len(r.from)] >= r.from && digits[:len(r.to)] <= r.to {
			return r.brand
		}
	}
	return BrandUnknown
}

// brandRanges lists issuer ranges, narrow before wide. The Elo and Hipercard
// ranges lie inside those of other schemes.
var brandRanges = []struct {
	from, to string
	brand    Brand
}{
	{"506699", "506778", Elo}, {"509000", "509999", Elo}, {"636368", "636368", Elo}, {"650031", "650051", Elo},
	{"606282", "606282", Hipercard}, {"637095", "637095", Hipercard},
	{"34", "34", Amex}, {"37", "37", Amex},
	{"3528", "3589", JCB},
	{"300", "305", Diners}, {"36", "36", Diners}, {"38", "39", Diners},
	{"6011", "6011", Discover}, {"644", "649", Discover}, {"65", "65", Discover},
	{"51", "55", Mastercard}, {"2221", "2720", Mastercard},
	{"4", "4", Visa},
}

// String returns the number masked: stars and the last four digits.
func (p PAN) String() string {
	if p.digits == nil {
		return ""
	}
	return "************" + p.Last4()
}

// GoString masks %#v.
func (p PAN) GoString() string { return p.String() }

// Format masks every verb of package fmt.
func (p PAN) Format(s fmt.State, _ rune) { fmt.Fprint(s, p.String()) }

// LogValue masks the number in logs.
func (p PAN) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText masks the number in JSON, XML and every other text encoding.
func (p PAN) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// CVV is a card's security code. It is derived when needed and stored nowhere;
// printed, logged or marshalled it is three stars.
type CVV struct{ digits *string }

// ParseCVV returns the code written as three or four digits.
func ParseCVV(text string) (CVV, error) {
	if len(text) < 3 || len(text) > 4 || !allDigits(text) {
		return CVV{}, ErrMalformedCVV
	}
	return CVV{&text}, nil
}

// Reveal returns the digits. Callers: the vault, and the answer that issues a card.
func (c CVV) Reveal() string { return reveal(c.digits) }

// String returns three stars.
func (c CVV) String() string { return "***" }

// GoString masks %#v.
func (c CVV) GoString() string { return "***" }

// Format masks every verb of package fmt.
func (c CVV) Format(s fmt.State, _ rune) { fmt.Fprint(s, "***") }

// LogValue masks the code in logs.
func (c CVV) LogValue() slog.Value { return slog.StringValue("***") }

// MarshalText masks the code in every text encoding.
func (c CVV) MarshalText() ([]byte, error) { return []byte("***"), nil }

// CardData is what is printed on a card. It lives in one request and is masked
// wherever it might be printed.
type CardData struct {
	PAN        PAN
	HolderName string
	Expiry     Expiry
	CVV        CVV
}
