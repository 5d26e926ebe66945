// Package brcode makes and reads BR Codes: the texts behind the QR codes of Pix, also called "Pix copia e cola". It is
// pure: no I/O and no clock.
//
// A BR Code is a merchant-presented code of EMV: fields one after another, each with a number of two digits, a length of
// two digits and a value. The last field is a checksum. The numbers and limits are those of the Central Bank of Brazil's
// manual of the BR Code.
//
//	brcode.go  the content of a code, and Make
//	check.go   what each field may hold
//	parse.go   from the text back to the content
//	element.go fields, lengths and the checksum
package brcode

import (
	"strconv"
	"strings"
)

// The fields of a code. A fault names the one that is wrong, behind "code."; code alone is the text as a whole.
const (
	fieldCode        = "code"
	fieldFormat      = "code.payload_format"
	fieldInitiation  = "code.point_of_initiation"
	fieldAccount     = "code.merchant_account"
	fieldKey         = "code.key"
	fieldURL         = "code.url"
	fieldDescription = "code.description"
	fieldCategory    = "code.category_code"
	fieldCurrency    = "code.currency"
	fieldAmount      = "code.amount"
	fieldCountry     = "code.country"
	fieldName        = "code.name"
	fieldCity        = "code.city"
	fieldAdditional  = "code.additional_data"
	fieldTxID        = "code.txid"
	fieldChecksum    = "code.checksum"
)

// The longest values, in characters.
const (
	MaxText     = 512 // of a whole code
	MaxKey      = 77  // of a key or an address; with the description it shares the room of one field
	MaxName     = 25
	MaxCity     = 15
	MaxTxID     = 25
	maxTemplate = 99
	maxAmount   = 13
)

// MaxMinor is the largest amount that a code can carry, in centavos.
const MaxMinor = 999_999_999_999

// The values that every code of Pix has.
const (
	format      = "01"
	domain      = "br.gov.bcb.pix"
	noCategory  = "0000"
	realNumber  = "986" // the number of BRL in ISO 4217
	country     = "BR"
	reusable    = "11"
	usedOnce    = "12"
	withoutTxID = "***"
)

// Code is what a BR Code says. Amounts are in Brazilian reais, because a BR Code has no other currency.
type Code struct {
	// Once says that the code is paid once; the text calls it dynamic. A code that is not may be paid again and again.
	Once bool
	// Key is the Pix key that gets the money. Exactly one of Key and URL is set.
	Key string
	// URL is where the receiving bank shows the rest of a dynamic code, without https://.
	URL string
	// Description is a text for the payer; empty for none. A code with a URL has none.
	Description string
	// CategoryCode is the ISO 18245 code of a merchant; empty for none.
	CategoryCode string
	// AmountMinor is in centavos; 0 leaves it to the payer.
	AmountMinor int64
	// Name is the holder's name, and City where he is.
	Name, City string
	// TxID is the receiver's own word for the payment; empty for none.
	TxID string
}

// Make returns the text of a code. A value that a BR Code cannot carry is INVALID_ARGUMENT with the name of its field.
// Names and cities with accents have to go through Plain first. Parse reads the text back as an equal Code.
func Make(code *Code) (string, error) {
	if err := code.check(); err != nil {
		return "", err
	}
	initiation := reusable
	if code.Once {
		initiation = usedOnce
	}
	category, txID := code.CategoryCode, code.TxID
	if category == "" {
		category = noCategory
	}
	if txID == "" {
		txID = withoutTxID
	}
	var text strings.Builder
	write(&text, idFormat, format)
	write(&text, idInitiation, initiation)
	write(&text, idFirstAccount, code.account())
	write(&text, idCategory, category)
	write(&text, idCurrency, realNumber)
	if code.AmountMinor != 0 {
		write(&text, idAmount, decimal(code.AmountMinor))
	}
	write(&text, idCountry, country)
	write(&text, idName, code.Name)
	write(&text, idCity, code.City)
	write(&text, idAdditional, joined(element{idTxID, txID}))
	text.WriteString(checksumHead)
	text.WriteString(checksum(text.String()))
	return text.String(), nil
}

// account returns the value of the field that says who gets the money.
func (c *Code) account() string {
	if c.URL != "" {
		return joined(element{idDomain, domain}, element{idURL, c.URL})
	}
	return joined(element{idDomain, domain}, element{idKey, c.Key}, element{idDescription, c.Description})
}

// centavos is how many of them are one real.
const centavos = 100

// decimal returns an amount with a point and two places, as a code has it.
func decimal(minor int64) string {
	fraction := strconv.FormatInt(centavos+minor%centavos, 10)[1:]
	return strconv.FormatInt(minor/centavos, 10) + "." + fraction
}
