package bank

import (
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
)

const (
	maxTokenLength = 128
	maxPerMinute   = 10_000
)

// Check returns nil when the merchant is well formed. Otherwise it returns fault.InvalidArgument
// with the name of the field below prefix, as field.First chooses it.
func (m *Merchant) Check(prefix string) error {
	return field.First(
		field.Word(prefix+".id", m.ID),
		m.checkName(prefix+".name"),
		optional(m.CategoryCode, prefix+".category_code", field.CategoryCode),
		field.OptionalText(prefix+".city", m.City, field.MaxCity),
		optional(m.Country, prefix+".country", field.Country),
	)
}

func (m *Merchant) checkName(name string) error {
	if m.Name == "" {
		return field.Required(name)
	}
	return field.OptionalText(name, m.Name, field.MaxName)
}

// optional checks a field that may be empty.
func optional(text, name string, check func(field, text string) error) error {
	if text == "" {
		return nil
	}
	return check(name, text)
}

// CheckPerMinute returns nil when n is 1 to 10,000, or 0 for no limit. Otherwise it returns
// fault.InvalidArgument with the name of the field.
func CheckPerMinute(name string, n int32) error {
	if n < 0 || n > maxPerMinute {
		return fault.Invalid(name, "The frequency is 1 to 10000 a minute, or 0 for no limit.")
	}
	return nil
}

// CheckToken returns nil when text has the form of a card token: at most 128 visible characters of
// ASCII. Otherwise it returns fault.InvalidArgument with the name of the field. The digits of a
// token are random, so they may read as a card number, and no one stores them.
func CheckToken(name, text string) error {
	visible := text != "" && len(text) <= maxTokenLength
	for i := 0; visible && i < len(text); i++ {
		visible = text[i] > ' ' && text[i] <= '~'
	}
	if !visible {
		return fault.Invalid(name, "This is not a card token.")
	}
	return nil
}
