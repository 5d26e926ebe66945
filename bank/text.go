package bank

import (
	"time"
	"unicode"
	"unicode/utf8"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// The longest texts a request may hold, in characters.
const (
	MaxRequestID   = 64
	MaxName        = 80
	MaxCity        = 60
	MaxDescription = 140
	maxHolderName  = 60
	maxTokenLength = 128
	maxAttempt     = 1000
	maxPerMinute   = 10_000
	earliestExpiry = 2000
	latestExpiry   = 2099
	categoryLength = 4
	countryLength  = 2
	wordCharacters = "A-Z a-z 0-9 . _ : -"
)

// CheckWord returns nil when text is 1 to 64 characters out of A-Z a-z 0-9 . _ : -,
// the form of every id that a caller chooses; else fault.InvalidArgument naming field.
func CheckWord(field, text string) error {
	if text == "" {
		return fault.Invalid(field, "This field is required.")
	}
	if len(text) > MaxRequestID {
		return fault.Invalid(field, "At most 64 characters are allowed.")
	}
	for i := range len(text) {
		if !isWordByte(text[i]) {
			return fault.Invalid(field, "Only the characters "+wordCharacters+" are allowed.")
		}
	}
	return nil
}

func isWordByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' ||
		c == '.' || c == '_' || c == ':' || c == '-'
}

// CheckText returns nil when text is valid UTF-8 without control characters and
// no longer than limit characters; else fault.InvalidArgument naming field. Empty
// text passes.
func CheckText(field, text string, limit int) error {
	if !utf8.ValidString(text) {
		return fault.Invalid(field, "The text is not valid UTF-8.")
	}
	if utf8.RuneCountInString(text) > limit {
		return fault.Invalid(field, "The text is too long.")
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			return fault.Invalid(field, "Control characters are not allowed.")
		}
	}
	return nil
}

// CheckAmount returns nil when minor is 1 to MaxMinor; else fault.InvalidArgument naming field.
func CheckAmount(field string, minor int64) error {
	if minor <= 0 {
		return fault.Invalid(field, "The amount must be 1 or more.")
	}
	return CheckLimit(field, minor)
}

// CheckLimit returns nil when minor is 0 to MaxMinor; else fault.InvalidArgument naming field.
func CheckLimit(field string, minor int64) error {
	if minor < 0 {
		return fault.Invalid(field, "The amount must not be negative.")
	}
	if minor > MaxMinor {
		return fault.Invalid(field, "The amount is too large.")
	}
	return nil
}

// CheckCurrency returns the currency of an ISO 4217 code; else fault.InvalidArgument naming field.
func CheckCurrency(field, code string) (money.Currency, error) {
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return money.Currency{}, fault.Invalid(field, "This is no ISO 4217 currency code.")
	}
	return currency, nil
}

// CheckAttempt returns nil when attempt is 0 (not told) to 1000.
func CheckAttempt(field string, attempt int32) error {
	if attempt < 0 || attempt > maxAttempt {
		return fault.Invalid(field, "The attempt is 1 to 1000, or 0 when not told.")
	}
	return nil
}

// CheckPerMinute returns nil when n is 0 (no limit) to 10,000.
func CheckPerMinute(field string, n int32) error {
	if n < 0 || n > maxPerMinute {
		return fault.Invalid(field, "The frequency is 1 to 10000 a minute, or 0 for no limit.")
	}
	return nil
}

// Check returns nil when the merchant is well formed; else fault.InvalidArgument
// naming the field below prefix.
func (m *Merchant) Check(prefix string) error {
	if err := CheckWord(prefix+".id", m.ID); err != nil {
		return err
	}
	if m.Name == "" {
		return fault.Invalid(prefix+".name", "This field is required.")
	}
	if err := CheckText(prefix+".name", m.Name, MaxName); err != nil {
		return err
	}
	if m.CategoryCode != "" && (len(m.CategoryCode) != categoryLength || !allDigits(m.CategoryCode)) {
		return fault.Invalid(prefix+".category_code", "An ISO 18245 category code is four digits.")
	}
	if err := CheckText(prefix+".city", m.City, MaxCity); err != nil {
		return err
	}
	if m.Country != "" && !isCountry(m.Country) {
		return fault.Invalid(prefix+".country", "An ISO 3166-1 country code is two upper-case letters.")
	}
	return nil
}

func isCountry(text string) bool {
	return len(text) == countryLength && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'A' && text[1] <= 'Z'
}

// RawCardData is card data as a caller wrote it, before any check.
type RawCardData struct {
	Number, HolderName, CVV string
	ExpiryMonth, ExpiryYear int
}

// Check returns the card data when it is well formed; else fault.InvalidArgument
// naming the field below prefix. It says nothing about whether such a card exists.
func (r RawCardData) Check(prefix string) (CardData, error) {
	pan, err := ParsePAN(r.Number)
	if err != nil {
		return CardData{}, fault.Invalid(prefix+".number", "A card number is 13 to 19 digits with a valid check digit.")
	}
	if err := CheckHolderName(prefix+".holder_name", r.HolderName); err != nil {
		return CardData{}, err
	}
	if r.ExpiryMonth < 1 || r.ExpiryMonth > int(time.December) {
		return CardData{}, fault.Invalid(prefix+".expiry_month", "The month is 1 to 12.")
	}
	if r.ExpiryYear < earliestExpiry || r.ExpiryYear > latestExpiry {
		return CardData{}, fault.Invalid(prefix+".expiry_year", "The year is four digits, 2000 to 2099.")
	}
	cvv, err := ParseCVV(r.CVV)
	if err != nil {
		return CardData{}, fault.Invalid(prefix+".cvv", "The security code is three digits, four for AMEX.")
	}
	return CardData{PAN: pan, HolderName: r.HolderName, Expiry: Expiry{Month: r.ExpiryMonth, Year: r.ExpiryYear}, CVV: cvv}, nil
}

// CheckHolderName returns nil when name is 1 to 60 characters, not all of them spaces.
func CheckHolderName(field, name string) error {
	if FoldName(name) == "" {
		return fault.Invalid(field, "This field is required.")
	}
	return CheckText(field, name, maxHolderName)
}

// CheckToken returns nil when text could be a card token; else fault.InvalidArgument naming field.
func CheckToken(field, text string) error {
	if text == "" || len(text) > maxTokenLength || CheckText(field, text, maxTokenLength) != nil {
		return fault.Invalid(field, "This is no card token.")
	}
	return nil
}

// CheckID returns the id that name holds behind prefix ("cards/" and the like);
// else fault.InvalidArgument naming field.
func CheckID(field, prefix, name string) (ID, error) {
	if len(name) <= len(prefix) || name[:len(prefix)] != prefix {
		return ID{}, fault.Invalid(field, "The name must start with "+prefix+" and hold a UUID.")
	}
	parsed, err := id.Parse(name[len(prefix):])
	if err != nil || parsed.IsZero() {
		return ID{}, fault.Invalid(field, "The name must start with "+prefix+" and hold a lower-case UUID.")
	}
	return parsed, nil
}
