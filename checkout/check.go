package checkout

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"codebank.dev/platform/fault"
)

// The bounds of what a request or a catalogue may hold, in characters where they
// are about text. They are no wider than the bank's own, so that what was accepted
// here is not refused there.
const (
	MaxWord        = 64
	MaxName        = 80
	MaxCity        = 60
	MaxHolderName  = 60
	MaxDescription = 140
	MaxItems       = 50
	MaxQuantity    = 999
	MaxAttempt     = 1000
	// MaxTotalMinor is the most an order may cost, in minor units.
	MaxTotalMinor  = 999_999_999_999_999
	earliestExpiry = 2000
	latestExpiry   = 2099
)

// CheckWord returns nil when text is 1 to 64 characters out of A-Z a-z 0-9 . _ : -,
// the form of every id that a caller chooses; else fault.InvalidArgument naming field.
func CheckWord(field, text string) error {
	switch {
	case text == "":
		return fault.Invalid(field, "This field is required.")
	case len(text) > MaxWord:
		return fault.Invalid(field, "At most 64 characters are allowed.")
	case strings.ContainsFunc(text, isNoWord):
		return fault.Invalid(field, "Only the characters A-Z a-z 0-9 . _ : - are allowed.")
	}
	return nil
}

// isNoWord is also true of the replacement character, which is what broken UTF-8 reads as.
func isNoWord(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	digit := '0' <= r && r <= '9'
	return !letter && !digit && !strings.ContainsRune("._:-", r)
}

// CheckText returns nil when text is more than spaces, valid UTF-8 without control
// characters, and no longer than limit characters; else fault.InvalidArgument naming field.
func CheckText(field, text string, limit int) error {
	switch {
	case !utf8.ValidString(text):
		return fault.Invalid(field, "The text is not valid UTF-8.")
	case strings.TrimSpace(text) == "":
		return fault.Invalid(field, "This field is required.")
	case utf8.RuneCountInString(text) > limit:
		return fault.Invalid(field, "The text is too long.")
	case strings.ContainsFunc(text, unicode.IsControl):
		return fault.Invalid(field, "Control characters are not allowed.")
	}
	return nil
}

// CheckAttempt returns nil when attempt is 0 (not told) to 1000; else
// fault.InvalidArgument attempt.
func CheckAttempt(attempt int32) error {
	if attempt < 0 || attempt > MaxAttempt {
		return fault.Invalid("attempt", "The attempt is 1 to 1000, or 0 when not told.")
	}
	return nil
}

// ParseCardData returns the card data that a payer typed when it is well formed;
// else fault.InvalidArgument naming the field below card. It neither knows whether
// such a card exists nor whether it has expired: month and year are one date, and
// the bank judges it.
func ParseCardData(number, holderName string, expiry Expiry, securityCode string) (CardData, error) {
	pan, err := ParseCardNumber(number)
	if err != nil {
		return CardData{}, fault.Invalid("card.number", "A card number is 13 to 19 digits with a valid check digit.")
	}
	if err := CheckText("card.holder_name", holderName, MaxHolderName); err != nil {
		return CardData{}, err
	}
	if expiry.Month < 1 || expiry.Month > 12 {
		return CardData{}, fault.Invalid("card.expiry_month", "The month is 1 to 12.")
	}
	if expiry.Year < earliestExpiry || expiry.Year > latestExpiry {
		return CardData{}, fault.Invalid("card.expiry_year", "The year is four digits, 2000 to 2099.")
	}
	code, err := ParseSecurityCode(securityCode, pan)
	if err != nil {
		return CardData{}, fault.Invalid("card.cvv", "The security code is three digits, four for AMEX.")
	}
	return CardData{Number: pan, HolderName: holderName, Expiry: expiry, SecurityCode: code}, nil
}
