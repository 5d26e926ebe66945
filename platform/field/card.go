package field

import (
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
)

// RawCardData is card data as a caller wrote it, before any check. It is not masked.
type RawCardData struct {
	Number, HolderName, CVV string
	ExpiryMonth, ExpiryYear int
}

// Check returns the card data when it is well formed; the fields are those below prefix.
// It does not say whether such a card exists or has expired. A security code has three or
// four digits, whatever the brand: a bank answers a wrong length like a wrong code. A
// name that is presented need not have a letter, because cards were issued to such names.
// If only the content of the name is wrong (IsContent), Check returns the card data with
// the error.
func (r RawCardData) Check(prefix string) (pan.CardData, error) {
	number, err := pan.Parse(r.Number)
	if err != nil {
		return pan.CardData{}, fault.Invalid(prefix+".number", "A card number is 13 to 19 digits with a valid check digit.")
	}
	name := Text(prefix+".holder_name", r.HolderName, MaxHolderName)
	if name != nil && !IsContent(name) {
		return pan.CardData{}, name
	}
	expiry, err := pan.NewExpiry(r.ExpiryMonth, r.ExpiryYear)
	if err != nil && (r.ExpiryMonth < 1 || r.ExpiryMonth > int(time.December)) {
		return pan.CardData{}, fault.Invalid(prefix+".expiry_month", "The month is 1 to 12.")
	}
	if err != nil {
		return pan.CardData{}, fault.Invalid(prefix+".expiry_year", "The year is four digits, 2000 or later.")
	}
	cvv, err := pan.ParseCVV(r.CVV)
	if err != nil {
		return pan.CardData{}, errCVV(prefix)
	}
	return pan.CardData{Number: number, HolderName: r.HolderName, Expiry: expiry, CVV: cvv}, name
}

// CheckWithBrand does what Check does. It also refuses a security code whose length does
// not fit the number's brand, so that a payer who mistyped it knows at once.
func (r RawCardData) CheckWithBrand(prefix string) (pan.CardData, error) {
	card, err := r.Check(prefix)
	if (err == nil || IsContent(err)) && !card.CVV.Fits(card.Number.Brand()) {
		return pan.CardData{}, errCVV(prefix)
	}
	return card, err
}

func errCVV(prefix string) error {
	return fault.Invalid(prefix+".cvv", "The security code is three digits, four for AMEX.")
}
