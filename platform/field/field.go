// Package field checks the fields of requests, the same in every service. A check that
// fails returns fault.InvalidArgument with the name of the field, as the contract has
// it, and a text that says what is allowed. All checks are pure.
package field

import (
	"errors"
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// The longest texts that a request may hold, in characters.
const (
	MaxWord        = 64
	MaxName        = 80 // of a merchant or a product
	MaxCity        = 60
	MaxDescription = 140
	MaxHolderName  = 60
)

// MaxMinor is the largest amount, limit or price that a request may name, in minor units:
// fifteen digits. Sums of thousands of such amounts fit 64 bits. Checked arithmetic refuses a
// sum that does not fit.
const MaxMinor = 999_999_999_999_999

const (
	maxAttempt     = 1000
	categoryLength = 4
	countryLength  = 2
	digits         = "0123456789"
	capitals       = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// Required returns the refusal of an empty field that is required.
func Required(field string) error { return fault.Invalid(field, "This field is required.") }

// Amount returns nil when minor is 1 to MaxMinor.
func Amount(field string, minor int64) error {
	if minor <= 0 {
		return fault.Invalid(field, "The amount must be 1 or more.")
	}
	return Limit(field, minor)
}

// Limit returns nil when minor is 0 to MaxMinor.
func Limit(field string, minor int64) error {
	if minor < 0 {
		return fault.Invalid(field, "The amount must not be negative.")
	}
	if minor > MaxMinor {
		return fault.Invalid(field, "The amount is too large.")
	}
	return nil
}

// Currency returns the currency of an ISO 4217 code in which a new account may be opened. If
// the standard has or had a code that is refused, the refusal says why.
func Currency(field, code string) (money.Currency, error) {
	currency, err := money.ParseCurrentCurrency(code)
	return currency, currencyRefusal(field, err)
}

// KnownCurrency is Currency for a request about an existing account, whose currency may be
// withdrawn by now.
func KnownCurrency(field, code string) (money.Currency, error) {
	currency, err := money.ParseCurrency(code)
	return currency, currencyRefusal(field, err)
}

// currencyRefusal turns the error of a parser of currencies into the refusal of a field.
func currencyRefusal(field string, err error) error {
	var refused *money.CodeError
	if errors.As(err, &refused) {
		return fault.Invalid(field, refused.Reason)
	}
	return err
}

// Attempt returns nil when attempt is 0 (not given) to 1000.
func Attempt(field string, attempt int32) error {
	if attempt < 0 || attempt > maxAttempt {
		return fault.Invalid(field, "The attempt is 1 to 1000, or 0 when not told.")
	}
	return nil
}

// CategoryCode returns nil when code is a merchant category code: four digits (ISO 18245).
func CategoryCode(field, code string) error {
	if len(code) != categoryLength || strings.Trim(code, digits) != "" {
		return fault.Invalid(field, "An ISO 18245 category code is four digits.")
	}
	return nil
}

// Country returns nil when code is two upper-case letters (ISO 3166-1 alpha-2).
func Country(field, code string) error {
	if len(code) != countryLength || strings.Trim(code, capitals) != "" {
		return fault.Invalid(field, "An ISO 3166-1 country code is two upper-case letters.")
	}
	return nil
}

// ID returns the id that the name of a resource holds behind prefix ("cards/" and the
// like). The zero id is not one.
func ID(field, prefix, name string) (id.ID, error) {
	text, ok := strings.CutPrefix(name, prefix)
	parsed, err := id.Parse(text)
	if !ok || err != nil || parsed.IsZero() {
		return id.ID{}, fault.Invalid(field, "The name must be "+prefix+" and a lower-case UUID.")
	}
	return parsed, nil
}

// PageSize returns how many items a page has if a request asks for size. It is usual for size
// 0, and never more than most.
func PageSize(field string, size int32, usual, most int) (int, error) {
	switch {
	case size < 0:
		return 0, fault.Invalid(field, "The page size is 0 or more; 0 leaves it to the service.")
	case size == 0:
		return usual, nil
	}
	return min(int(size), most), nil
}
