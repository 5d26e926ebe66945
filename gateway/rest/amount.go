package rest

import (
	"encoding/json"
	"errors"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	"codebank.dev/platform/serve"
)

// readAmount returns a member of a body that is an amount in major units of a currency, as minor units: a JSON
// number or a string with one, such as 12.34 or "12.34". It is read from the text, exactly. Zero if it is not
// given. Errors: fault.InvalidArgument with the name of the member.
func readAmount(body serve.Object, name string, currency money.Currency) (int64, error) {
	if !body.Has(name) {
		return 0, nil
	}
	text := string(body[name])
	if text[0] == '"' {
		var err error
		if text, err = body.Text(name); err != nil {
			return 0, err
		}
	}
	minor, err := currency.ParseMajor(text)
	switch {
	case errors.Is(err, money.ErrSurplusDigits):
		return 0, fault.Invalid(name, "The amount has more decimal places than "+currency.String()+".")
	case errors.Is(err, money.ErrOverflow):
		return 0, fault.Invalid(name, "The amount is too large.")
	case err != nil:
		return 0, fault.Invalid(name, "An amount is a decimal number such as 12.34, without an exponent.")
	case minor <= 0:
		return 0, fault.Invalid(name, "The amount must be more than 0.")
	}
	return minor, field.Amount(name, minor)
}

// majorUnits returns an amount in major units as a JSON number with the currency's decimal places. The code is
// one that the bank has sent.
func majorUnits(minor int64, code string) json.Number {
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return "0"
	}
	return json.Number(currency.FormatMinor(minor))
}
