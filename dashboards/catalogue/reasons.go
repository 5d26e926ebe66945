package catalogue

import "codebank.dev/dashboards/kql"

// Group classifies declines by what they ask of the payer.
type Group string

// The groups of declines.
const (
	// Soft: the bank may approve the same payment later, when there is credit again or
	// when nobody used the card for a while.
	Soft Group = "soft"
	// Hard: the bank can never approve the same payment. The card data are wrong, or
	// the card can no longer be used.
	Hard Group = "hard"
	// Technical: neither the payer nor the card is the cause. The request should not
	// have been sent, or its reason is unknown here.
	Technical Group = "technical"
)

// Reasons are the decline reasons of each group. Every reason of the event is in one
// group.
var Reasons = map[Group][]string{
	Soft:      {"INSUFFICIENT_FUNDS", "OVER_PURCHASE_LIMIT", "TOO_FREQUENT", "LOCKED"},
	Hard:      {"UNKNOWN_CARD", "NAME_MISMATCH", "EXPIRY_MISMATCH", "CVV_MISMATCH", "EXPIRED", "BLOCKED", "ACCOUNT_CLOSED"},
	Technical: {"AMOUNT_BELOW_MINIMUM", "UNKNOWN"},
}

// of returns the query for the declines of a group.
func (g Group) of() kql.Query { return kql.OneOf{Field: "decline_reason", Values: Reasons[g]} }

// steps are the steps of a decision in the bank's order. Each step names the reasons
// that end a payment there. A payment that passes the last step may still be declined
// as too frequent.
var steps = []struct {
	passed  string
	reasons []string
}{
	{"Card accepted", []string{"LOCKED", "BLOCKED", "UNKNOWN_CARD", "NAME_MISMATCH", "EXPIRY_MISMATCH", "CVV_MISMATCH", "EXPIRED", "ACCOUNT_CLOSED"}},
	{"Amount allowed", []string{"AMOUNT_BELOW_MINIMUM", "OVER_PURCHASE_LIMIT"}},
	{"Covered by credit", []string{"INSUFFICIENT_FUNDS"}},
}
