// Package money holds amounts as whole minor units of an ISO 4217 currency. Arithmetic is
// checked: an overflow or a mix of currencies is an error, never a number. The package has no
// floats.
package money

import (
	"errors"
	"math"
	"strconv"
)

// The errors of checked arithmetic and of parsing.
var (
	// ErrOverflow says that a result does not fit 64 bits.
	ErrOverflow = errors.New("money: overflow")
	// ErrCurrencyMismatch says that two amounts to be added have different currencies.
	ErrCurrencyMismatch = errors.New("money: currencies differ")
	// ErrUnknownCurrency says that a code is not accepted as a currency; a CodeError has the
	// reason.
	ErrUnknownCurrency = errors.New("money: unknown currency")
)

// Amount is a number of minor units (cents, yen, fils) of one currency. The zero
// Amount has no currency and adds to nothing.
type Amount struct {
	Minor    int64
	Currency Currency
}

// Add returns a+b, or ErrCurrencyMismatch or ErrOverflow.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.Currency != b.Currency {
		return Amount{}, ErrCurrencyMismatch
	}
	sum, err := Add(a.Minor, b.Minor)
	return Amount{Minor: sum, Currency: a.Currency}, err
}

// Times returns a multiplied by n, or ErrOverflow.
func (a Amount) Times(n int64) (Amount, error) {
	product, err := Multiply(a.Minor, n)
	return Amount{Minor: product, Currency: a.Currency}, err
}

// String returns the amount with its currency's decimal places, for example "BRL 12.34".
func (a Amount) String() string {
	return a.Currency.String() + " " + a.Currency.FormatMinor(a.Minor)
}

// Add returns a+b, or ErrOverflow when the sum does not fit 64 bits.
func Add(a, b int64) (int64, error) {
	sum := a + b
	if (sum > a) != (b > 0) && b != 0 {
		return 0, ErrOverflow
	}
	return sum, nil
}

// Subtract returns a-b, or ErrOverflow when the difference does not fit 64 bits.
func Subtract(a, b int64) (int64, error) {
	difference := a - b
	if (difference < a) != (b > 0) && b != 0 {
		return 0, ErrOverflow
	}
	return difference, nil
}

// Multiply returns a×b, or ErrOverflow when the product does not fit 64 bits.
func Multiply(a, b int64) (int64, error) {
	if a == 0 || b == 0 {
		return 0, nil
	}
	if a == math.MinInt64 || b == math.MinInt64 {
		return 0, ErrOverflow
	}
	product := a * b
	if product/b != a {
		return 0, ErrOverflow
	}
	return product, nil
}

// FormatMinor returns minor units written with the currency's decimal places and
// a point, for example 1234 as "12.34" in BRL and "1234" in JPY.
func (c Currency) FormatMinor(minor int64) string {
	places := c.Exponent()
	digits := strconv.FormatUint(magnitude(minor), 10)
	for len(digits) <= places {
		digits = "0" + digits
	}
	if places > 0 {
		digits = digits[:len(digits)-places] + "." + digits[len(digits)-places:]
	}
	if minor < 0 {
		return "-" + digits
	}
	return digits
}

// magnitude returns |minor| without the overflow that -MinInt64 would be.
func magnitude(minor int64) uint64 {
	if minor < 0 {
		return -uint64(minor)
	}
	return uint64(minor)
}
