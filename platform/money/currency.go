package money

import (
	"cmp"
	"slices"

	iso "github.com/bojanz/currency"
)

// Currency is an ISO 4217 alphabetic code. Make one with ParseCurrency; the zero
// value is no currency.
type Currency [3]byte

// CodeError says why a code is not accepted as a currency. errors.Is finds ErrUnknownCurrency in
// it.
type CodeError struct {
	// Reason is a sentence that may be shown to the caller.
	Reason string
}

// Error implements error.
func (e *CodeError) Error() string { return "money: " + e.Reason }

// Is reports whether target is ErrUnknownCurrency.
func (e *CodeError) Is(target error) bool { return target == ErrUnknownCurrency }

// The reasons why a code of ISO 4217 is not accepted.
const (
	unitOfAccount = " is a unit of account, not a currency in which cards are issued."
	metal         = " is a metal, not a currency that anybody pays with."
	notACode      = "This is no ISO 4217 currency code."
)

// notPaidWith lists the codes of ISO 4217 that no card account can be in: funds codes, bond
// units, metals, and the codes that stand for nothing. Banks convert amounts in a unit of
// account into money before a card pays, so an account in one would have no purchases.
var notPaidWith = map[string]string{
	"BOV": unitOfAccount, "CHE": unitOfAccount, "CHW": unitOfAccount, "CLF": unitOfAccount, "COU": unitOfAccount,
	"MXV": unitOfAccount, "USN": unitOfAccount, "UYI": unitOfAccount, "UYW": unitOfAccount, "XAD": unitOfAccount,
	"XBA": unitOfAccount, "XBB": unitOfAccount, "XBC": unitOfAccount, "XBD": unitOfAccount, "XDR": unitOfAccount,
	"XSU": unitOfAccount, "XUA": unitOfAccount,
	"XAG": metal, "XAU": metal, "XPD": metal, "XPT": metal,
	"XTS": " is a code for tests, not a currency that anybody pays with.",
	"XXX": " stands for no currency.",
}

// withdrawn lists codes that ISO 4217 no longer has. Existing accounts may be in them, so stored
// amounts stay readable, but no new account is opened in one. A code is never removed from the
// list.
var withdrawn = map[string]currency{
	"ANG": {exponent: 2, gone: " was withdrawn from ISO 4217 in 2025; XCG took its place."},
	"BGN": {exponent: 2, gone: " was withdrawn from ISO 4217 in 2026; EUR took its place."},
	"CUC": {exponent: 2, gone: " was withdrawn from ISO 4217 in 2021; CUP took its place."},
	"HRK": {exponent: 2, gone: " was withdrawn from ISO 4217 in 2023; EUR took its place."},
	"SLL": {exponent: 2, gone: " was withdrawn from ISO 4217 in 2023; SLE took its place."},
	"ZWL": {exponent: 2, gone: " was withdrawn from ISO 4217 in 2024; ZWG took its place."},
}

// currencies holds every code that an amount may be in. The current ones and their decimal
// places are ISO 4217 list one, as the library keeps it.
var currencies = buildCurrencies()

type currency struct {
	text     string
	exponent int
	gone     string // why no new account is opened in it; empty for a current currency
}

func buildCurrencies() map[Currency]currency {
	table := make(map[Currency]currency)
	for code, old := range withdrawn {
		old.text = code
		table[Currency([]byte(code))] = old
	}
	for _, code := range iso.GetCurrencyCodes() {
		digits, known := iso.GetDigits(code)
		if _, never := notPaidWith[code]; never || !known || len(code) != len(Currency{}) {
			continue
		}
		table[Currency([]byte(code))] = currency{text: code, exponent: int(digits)}
	}
	return table
}

// ParseCurrency returns the currency of an upper-case ISO 4217 code, current or withdrawn. The
// error of any other code is a CodeError.
func ParseCurrency(code string) (Currency, error) {
	if len(code) != len(Currency{}) {
		return Currency{}, &CodeError{Reason: notACode}
	}
	c := Currency([]byte(code))
	if _, ok := currencies[c]; ok {
		return c, nil
	}
	if why, ok := notPaidWith[code]; ok {
		return Currency{}, &CodeError{Reason: code + why}
	}
	return Currency{}, &CodeError{Reason: notACode}
}

// ParseCurrentCurrency is ParseCurrency for new accounts: for a withdrawn code too the error is
// a CodeError.
func ParseCurrentCurrency(code string) (Currency, error) {
	c, err := ParseCurrency(code)
	if err != nil {
		return Currency{}, err
	}
	if gone := currencies[c].gone; gone != "" {
		return Currency{}, &CodeError{Reason: code + gone}
	}
	return c, nil
}

// CurrentCurrencies returns the currencies in which accounts are opened, sorted by code.
func CurrentCurrencies() []Currency {
	var current []Currency
	for c, of := range currencies {
		if of.gone == "" {
			current = append(current, c)
		}
	}
	slices.SortFunc(current, func(a, b Currency) int { return cmp.Compare(a.String(), b.String()) })
	return current
}

// MustCurrency is ParseCurrency for codes in source. It panics if a code is unknown.
func MustCurrency(code string) Currency {
	c, err := ParseCurrency(code)
	if err != nil {
		panic("money: " + code + " is no ISO 4217 code")
	}
	return c
}

// String returns the code, or "" for no currency. A stored code that only a later version knows
// keeps its text. String allocates nothing for a known code.
func (c Currency) String() string {
	if known, ok := currencies[c]; ok {
		return known.text
	}
	if c == (Currency{}) {
		return ""
	}
	return string(c[:])
}

// Exponent returns how many decimal places the minor unit has: 2 for BRL, 0 for JPY.
func (c Currency) Exponent() int { return currencies[c].exponent }
