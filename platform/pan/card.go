package pan

import (
	"errors"
	"time"
)

// ErrMalformedCVV says that a text is not a security code. It never repeats the text.
var ErrMalformedCVV = errors.New("pan: a security code is 3 digits, 4 for AMEX")

// CVV is a card's security code. It is shown as three stars. Reveal is the one way to
// the digits, for the callers that may reveal a Number.
type CVV struct{ secret }

// ParseCVV reads a code of three or four digits. Any other text is ErrMalformedCVV. CVV.Fits
// checks the length against a brand.
func ParseCVV(text string) (CVV, error) {
	if len(text) < 3 || len(text) > 4 || !allDigits(text) {
		return CVV{}, ErrMalformedCVV
	}
	return CVV{NewSecret(text)}, nil
}

// Fits reports whether the code has as many digits as the brand's codes.
func (c CVV) Fits(brand Brand) bool { return len(c.Reveal()) == brand.CVVLength() }

// ErrExpiry says that a month and a year are not an expiry.
var ErrExpiry = errors.New("pan: an expiry is a month, 1 to 12, of a year, 2000 to 9999")

// The years in which cards expire. They bound both what a bank issues and what
// a payer presents.
const (
	EarliestExpiryYear = 2000
	LatestExpiryYear   = 9999
)

// NewExpiry returns an expiry. It returns ErrExpiry when month or year is out of bounds.
func NewExpiry(month, year int) (Expiry, error) {
	if month < 1 || month > int(time.December) || year < EarliestExpiryYear || year > LatestExpiryYear {
		return Expiry{}, ErrExpiry
	}
	return Expiry{Month: month, Year: year}, nil
}

// Expiry is the last month in which a card is valid, as printed on it. Make one with
// NewExpiry.
type Expiry struct {
	Month int // 1 to 12
	Year  int // four digits, 2000 or later
}

// End returns the first moment at which the card is no longer valid, UTC.
func (e Expiry) End() time.Time {
	return time.Date(e.Year, time.Month(e.Month)+1, 1, 0, 0, 0, 0, time.UTC)
}

// CardData is what is printed on a card. It lives in one request; number and security
// code are masked wherever they might be printed.
type CardData struct {
	Number     Number
	HolderName string
	Expiry     Expiry
	CVV        CVV
}
