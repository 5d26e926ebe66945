package site

import (
	"errors"
	"strings"

	"codebank.dev/platform/language"
	"codebank.dev/platform/money"
	"codebank.dev/web/design"
)

// symbols are the signs of currencies that readers know without their code.
var symbols = map[string]string{"BRL": "R$", "USD": "US$", "EUR": "€", "GBP": "£", "JPY": "¥"}

// Symbol returns the sign of a currency, or its code.
func Symbol(currency string) string {
	if symbol, known := symbols[currency]; known {
		return symbol
	}
	return currency
}

// marks returns the sign between groups of three digits, and the one before the decimal places.
func marks(tag language.Tag) (group, point string) {
	if tag == language.Portuguese {
		return ".", ","
	}
	return ",", "."
}

// FormatMoney returns an amount of minor units as readers of a language write it. A debt has a minus sign.
func FormatMoney(tag language.Tag, minor int64, code string) design.Money {
	// A code that only a later version knows is shown as it is, without decimal places.
	currency, _ := money.ParseCurrency(code)
	text := currency.FormatMinor(minor)
	text, negative := strings.CutPrefix(text, "-")
	whole, cents, decimal := strings.Cut(text, ".")
	group, point := marks(tag)
	m := design.Money{Symbol: Symbol(code), Whole: grouped(whole, group)}
	if decimal {
		m.Cents = point + cents
	}
	if negative {
		m.Sign = "−"
	}
	return m
}

// grouped puts a sign between groups of three digits.
func grouped(digits, sign string) string {
	const size = 3
	var text strings.Builder
	for i, digit := range digits {
		if left := len(digits) - i; i > 0 && left%size == 0 {
			text.WriteString(sign)
		}
		text.WriteRune(digit)
	}
	return text.String()
}

// Money returns an amount of minor units in the visitor's language.
func (v *Visit) Money(minor int64, currency string) *design.Money {
	m := FormatMoney(v.language, minor, currency)
	return &m
}

// Movement is Money for an amount that came or went: what came has a plus sign and the tone of a credit.
func (v *Visit) Movement(minor int64, currency string) design.Money {
	m := FormatMoney(v.language, minor, currency)
	if minor > 0 {
		m.Sign, m.Tone = "+", "good"
	}
	return m
}

// The ways in which an amount is wrong.
var (
	// ErrAmount says that a text is no amount that can be moved.
	ErrAmount = errors.New("site: no amount")
	// ErrAmountPlaces says that an amount has more decimal places than its currency.
	ErrAmountPlaces = errors.New("site: more decimal places than the currency has")
)

// maxAmountText bounds the text that ParseAmount looks at.
const maxAmountText = 40

// ParseAmount returns the minor units of an amount as a reader of a language writes it: 1.234,56 in Portuguese,
// 1,234.56 in English, with or without the groups and the symbol. The other language's sign before the decimal places
// is taken too if nobody can read it as a group: 12.50 in Portuguese. Zero and less are ErrAmount.
func ParseAmount(tag language.Tag, text, code string) (int64, error) {
	currency, err := money.ParseCurrency(code)
	if err != nil || len(text) > maxAmountText {
		return 0, ErrAmount
	}
	text = strings.ReplaceAll(strings.TrimSpace(text), "\u00a0", " ")
	text = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(text, Symbol(code)), code))
	group, point := marks(tag)
	whole, places, decimal := strings.Cut(text, point)
	if !decimal {
		if head, tail, found := cutLast(text, group); found && len(tail) != 3 && !strings.Contains(head, group) {
			whole, places, decimal = head, tail, true
		}
	}
	if whole, err = ungrouped(whole, group); err != nil {
		return 0, err
	}
	if decimal {
		whole += "." + places
	}
	minor, err := currency.ParseMajor(whole)
	switch {
	case errors.Is(err, money.ErrSurplusDigits):
		return 0, ErrAmountPlaces
	case err != nil || minor <= 0:
		return 0, ErrAmount
	}
	return minor, nil
}

// cutLast is strings.Cut at the last sign.
func cutLast(text, sign string) (before, behind string, found bool) {
	at := strings.LastIndex(text, sign)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(sign):], true
}

// ungrouped returns digits without the signs between their groups, which must stand where they belong.
func ungrouped(text, sign string) (string, error) {
	parts := strings.Split(text, sign)
	for i, part := range parts {
		if len(parts) > 1 && (i > 0 && len(part) != 3 || i == 0 && (part == "" || len(part) > 3)) {
			return "", ErrAmount
		}
	}
	digits := strings.Join(parts, "")
	if trimmed := strings.TrimLeft(digits, "0"); trimmed != "" {
		return trimmed, nil
	}
	if digits == "" {
		return "", ErrAmount
	}
	return "0", nil
}

// Amount returns the amount in a field of the form. The text is what is wrong with it, for people; "" if nothing is.
func (v *Visit) Amount(name, currency string) (minor int64, wrong string) {
	minor, err := ParseAmount(v.language, v.Value(name), currency)
	switch {
	case err == nil:
		return minor, ""
	case errors.Is(err, ErrAmountPlaces):
		return 0, v.Say("amount.places", currency)
	case v.Value(name) == "":
		return 0, v.Say("amount.empty")
	}
	return 0, v.Say("amount.wrong", v.Say("amount.example"))
}
