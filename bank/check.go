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
// with the name of the field below prefix.
func (m *Merchant) Check(prefix string) error {
	if err := field.Word(prefix+".id", m.ID); err != nil {
		return err
	}
	if m.Name == "" {
		return field.Required(prefix + ".name")
	}
	if err := field.OptionalText(prefix+".name", m.Name, field.MaxName); err != nil {
		return err
	}
	if m.CategoryCode != "" {
		if err := field.CategoryCode(prefix+".category_code", m.CategoryCode); err != nil {
			return err
		}
	}
	if err := field.OptionalText(prefix+".city", m.City, field.MaxCity); err != nil {
		return err
	}
	if m.Country != "" {
		return field.Country(prefix+".country", m.Country)
	}
	return nil
}

// CheckPerMinute returns nil when n is 1 to 10,000, or 0 for no limit. Otherwise it returns
// fault.InvalidArgument with the name of the field.
func CheckPerMinute(name string, n int32) error {
	if n < 0 || n > maxPerMinute {
		return fault.Invalid(name, "The frequency is 1 to 10000 a minute, or 0 for no limit.")
	}
	return nil
}

// CheckToken returns nil when text has the form of a card token. Otherwise it returns
// fault.InvalidArgument with the name of the field.
func CheckToken(name, text string) error {
	if text == "" || len(text) > maxTokenLength || field.OptionalText(name, text, maxTokenLength) != nil {
		return fault.Invalid(name, "This is not a card token.")
	}
	return nil
}
