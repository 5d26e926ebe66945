package money

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// The errors of ParseMajor.
var (
	// ErrNotDecimal says that a text is not a decimal number.
	ErrNotDecimal = errors.New("money: not a decimal number")
	// ErrSurplusDigits says that a number has more decimal places than its currency.
	ErrSurplusDigits = errors.New("money: more decimal places than the currency has")
)

// decimal is a number of JSON without an exponent. Beyond maxDigits no amount fits 64 bits.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// maxDigits bounds the text that ParseMajor looks at.
const maxDigits = 40

// ParseMajor returns the minor units of a decimal number of major units, such as "12.34" or "12.3" in BRL:
// exactly, without a float. It takes the numbers of JSON without an exponent. A decimal place that the
// currency does not have is ErrSurplusDigits, also if it is zero; a number that does not fit is ErrOverflow, and
// any other text is ErrNotDecimal. It is the inverse of FormatMinor.
func (c Currency) ParseMajor(text string) (int64, error) {
	if !decimal.MatchString(text) {
		return 0, ErrNotDecimal
	}
	whole, fraction, _ := strings.Cut(text, ".")
	switch missing := c.Exponent() - len(fraction); {
	case missing < 0:
		return 0, ErrSurplusDigits
	case len(text) > maxDigits:
		return 0, ErrOverflow
	default:
		fraction += strings.Repeat("0", missing)
	}
	minor, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil {
		return 0, ErrOverflow
	}
	return minor, nil
}
