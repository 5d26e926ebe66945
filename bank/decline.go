package bank

// DeclineReason is why a purchase was declined. The list is closed and the
// numbers are stored: append only.
type DeclineReason uint8

// The reasons, with their ISO 8583 response codes.
const (
	UnknownCard        DeclineReason = iota + 1 // 14
	NameMismatch                                // 14
	ExpiryMismatch                              // 14
	CVVMismatch                                 // 05
	Expired                                     // 54
	Blocked                                     // 62
	Locked                                      // 62
	InsufficientFunds                           // 51
	OverPurchaseLimit                           // 61
	TooFrequent                                 // 65
	AmountBelowMinimum                          // 13
	AccountClosed                               // 46
)

// declines holds, for each reason, its name, its ISO 8583 code and what may be
// shown to the payer. Reasons that could help to guess card data have the same text.
var declines = [...]struct{ name, code, text string }{
	{"", "", ""},
	{"UNKNOWN_CARD", "14", "The card data is not right."},
	{"NAME_MISMATCH", "14", "The card data is not right."},
	{"EXPIRY_MISMATCH", "14", "The card data is not right."},
	{"CVV_MISMATCH", "05", "The card data is not right."},
	{"EXPIRED", "54", "The card has expired."},
	{"BLOCKED", "62", "The card is blocked. Please contact your bank."},
	{"LOCKED", "62", "The card is locked for a while after several wrong attempts."},
	{"INSUFFICIENT_FUNDS", "51", "The available limit does not cover this amount."},
	{"OVER_PURCHASE_LIMIT", "61", "The amount is above the card's limit per purchase."},
	{"TOO_FREQUENT", "65", "Too many purchases within a minute. Please try again shortly."},
	{"AMOUNT_BELOW_MINIMUM", "13", "The amount is below the card's minimum."},
	{"ACCOUNT_CLOSED", "46", "The account is closed."},
}

// DeclineReasons returns the closed list, for tests that check a table for completeness.
func DeclineReasons() []DeclineReason {
	reasons := make([]DeclineReason, 0, len(declines)-1)
	for i := 1; i < len(declines); i++ {
		reasons = append(reasons, DeclineReason(i))
	}
	return reasons
}

// String returns the reason as the event names it, or "" for none.
func (r DeclineReason) String() string { return declines[r.index()].name }

// Code returns the ISO 8583 response code, two digits, or "" for none.
func (r DeclineReason) Code() string { return declines[r.index()].code }

// Text returns a sentence that may be shown to the payer, or "" for none.
func (r DeclineReason) Text() string { return declines[r.index()].text }

func (r DeclineReason) index() int {
	if int(r) < len(declines) {
		return int(r)
	}
	return 0
}

// Declined returns the entry as the decline that it becomes for a reason: it moves nothing.
func (e Entry) Declined(reason DeclineReason) Entry {
	e.Status, e.Decline = Declined, reason
	e.DebitAccount, e.CreditAccount = ID{}, ID{}
	return e
}
