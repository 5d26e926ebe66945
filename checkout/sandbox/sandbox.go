// Package sandbox decides charges in a merchant's test mode. No bank is asked, and no money moves. Good card data and
// an amount from 1.00 to 1000.00 are approved; everything else is rejected with a message. For each reason that a bank
// declines with there is a card number and an amount that bring it about, and so there is for a time-out.
package sandbox

import (
	"strings"
	"time"

	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
)

// Request is a charge to decide.
type Request struct {
	// Card is as the merchant sent it. A charge with wrong card data is rejected and not refused, so that a
	// merchant can test it.
	Card   field.RawCardData
	Amount money.Amount
	// Tries is how often this charge was sent before.
	Tries int
}

// Decision is the answer to a charge.
type Decision struct {
	Approved bool
	// Code is the ISO 8583 response code of a rejection, Reason its name, and Message what a merchant reads.
	Code, Reason, Message string
}

// The limits of an amount, in major units.
const (
	least = 1
	most  = 1_000
)

// Reasons of a rejection that a bank does not have.
const (
	ReasonInvalidNumber = "INVALID_NUMBER"
	ReasonInvalidMonth  = "INVALID_EXPIRY_MONTH"
	ReasonInvalidYear   = "INVALID_EXPIRY_YEAR"
	ReasonInvalidCVV    = "INVALID_CVV"
	ReasonInvalidHolder = "INVALID_HOLDER_NAME"
	ReasonDoNotHonor    = "DO_NOT_HONOR"
	ReasonDuplicate     = "DUPLICATE"
)

var (
	invalidNumber = Decision{Code: "14", Reason: ReasonInvalidNumber, Message: "invalid credit card number"}
	invalidMonth  = Decision{Code: "14", Reason: ReasonInvalidMonth, Message: "invalid expiration month"}
	invalidYear   = Decision{Code: "54", Reason: ReasonInvalidYear, Message: "invalid expiration year"}
	invalidHolder = Decision{Code: "14", Reason: ReasonInvalidHolder, Message: "invalid card holder name"}
	invalidCVV    = Decision{Code: "14", Reason: ReasonInvalidCVV, Message: "invalid security code"}
	aboveLimit    = Decision{Code: "61", Reason: "OVER_PURCHASE_LIMIT", Message: "you dont have limit for this transaction"}
	belowLeast    = Decision{Code: "13", Reason: "AMOUNT_BELOW_MINIMUM", Message: "the amount must be greater than 1"}
	approved      = Decision{Approved: true}
)

// Magic is a published test number or amount, and what it brings about.
type Magic struct {
	// Number is a test card's number; empty if there is only an amount. It belongs to no card.
	Number string
	// Hundredths make the amount: 900 and so many hundredths, such as 900.08.
	Hundredths int64
	Decision   Decision
	// TimesOut says that the first try is not answered. The second one is approved.
	TimesOut bool
}

// Magics returns every test number and amount, for documents and tests. The hundredths of a bank's reason are the
// number of that reason in the bank's contract.
func Magics() []Magic { return append([]Magic(nil), magics...) }

var magics = []Magic{
	{"4000000000000036", 1, Decision{Code: "14", Reason: "UNKNOWN_CARD", Message: "the card data is not right"}, false},
	{"4000000000000044", 2, Decision{Code: "14", Reason: "NAME_MISMATCH", Message: "the card data is not right"}, false},
	{"4000000000000051", 3, Decision{Code: "14", Reason: "EXPIRY_MISMATCH", Message: "the card data is not right"}, false},
	{"4000000000000127", 4, Decision{Code: "05", Reason: "CVV_MISMATCH", Message: "the card data is not right"}, false},
	{"4000000000000069", 5, Decision{Code: "54", Reason: "EXPIRED", Message: "the card has expired"}, false},
	{"4000000000009979", 6, Decision{Code: "62", Reason: "BLOCKED", Message: "the card is blocked"}, false},
	{"4000000000009987", 7, Decision{Code: "62", Reason: "LOCKED", Message: "the card is locked for a while"}, false},
	{"4000000000009995", 8, Decision{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "you dont have limit for this transaction"}, false},
	{"4000000000000010", 9, aboveLimit, false},
	{"4000000000006975", 10, Decision{Code: "65", Reason: "TOO_FREQUENT", Message: "too many purchases within a minute"}, false},
	{"4000000000000028", 11, belowLeast, false},
	{"4000000000000093", 12, Decision{Code: "46", Reason: "ACCOUNT_CLOSED", Message: "the account is closed"}, false},
	{"4000000000000002", 13, Decision{Code: "05", Reason: ReasonDoNotHonor, Message: "the card was declined"}, false},
	{"4000000000000085", 14, Decision{Code: "94", Reason: ReasonDuplicate, Message: "the same charge was made a moment ago"}, false},
	{"4000000000000119", 15, approved, true},
}

// Payout returns the decision on a payout: it is paid, except that the test amount of ACCOUNT_CLOSED fails.
func Payout(amount money.Amount) Decision {
	const closed = "ACCOUNT_CLOSED"
	for i := range magics {
		if magics[i].Decision.Reason == closed && magics[i].isAmount(amount.Minor, unitOf(amount.Currency)) {
			return magics[i].Decision
		}
	}
	return approved
}

// magicAmount is the amount of the test amounts, in major units.
const magicAmount = 900

// Decide returns the decision on a charge. ok is false when the answer to this try is to be lost. The same request
// gets the same decision, except that a card may expire meanwhile.
func Decide(request *Request, now time.Time) (decision Decision, ok bool) {
	if rejection, valid := checkCard(&request.Card, now); !valid {
		return rejection, true
	}
	unit := unitOf(request.Amount.Currency)
	switch minor := request.Amount.Minor; {
	case minor < least*unit:
		return belowLeast, true
	case minor > most*unit:
		return aboveLimit, true
	}
	for i := range magics {
		if magics[i].matches(request, unit) {
			return magics[i].Decision, !magics[i].TimesOut || request.Tries > 0
		}
	}
	return approved, true
}

// Malformed returns the rejection of card data whose field, a path that ends in its name, no card has. Live charges
// are rejected with it too, so that a merchant reads the same in both modes.
func Malformed(name string) Decision {
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "expiry_month":
		return invalidMonth
	case "expiry_year":
		return invalidYear
	case "cvv":
		return invalidCVV
	case "holder_name":
		return invalidHolder
	}
	return invalidNumber
}

// checkCard returns the rejection of card data that no card has, in the order in which a merchant mends it.
func checkCard(card *field.RawCardData, now time.Time) (rejection Decision, valid bool) {
	number, err := pan.Parse(card.Number)
	if err != nil || number.Brand() == pan.BrandUnknown {
		return invalidNumber, false
	}
	if card.ExpiryMonth < 1 || card.ExpiryMonth > int(time.December) {
		return invalidMonth, false
	}
	expiry, err := pan.NewExpiry(card.ExpiryMonth, card.ExpiryYear)
	if err != nil || card.ExpiryYear < now.UTC().Year() {
		return invalidYear, false
	}
	if !now.Before(expiry.End()) {
		return invalidMonth, false
	}
	if cvv, err := pan.ParseCVV(card.CVV); err != nil || !cvv.Fits(number.Brand()) {
		return invalidCVV, false
	}
	return Decision{}, true
}

func (m *Magic) matches(request *Request, unit int64) bool {
	if number, err := pan.Parse(request.Card.Number); err == nil && m.Number == number.Reveal() {
		return true
	}
	return m.isAmount(request.Amount.Minor, unit)
}

// isAmount reports whether an amount of a currency with so many minor units is the test amount.
func (m *Magic) isAmount(minor, unit int64) bool {
	const hundred = 100
	return unit%hundred == 0 && minor == magicAmount*unit+m.Hundredths*unit/hundred
}

// unitOf returns the minor units of one major unit.
func unitOf(currency money.Currency) int64 {
	unit := int64(1)
	for range currency.Exponent() {
		unit *= 10
	}
	return unit
}
