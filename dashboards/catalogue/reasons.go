package catalogue

import "codebank.dev/dashboards/kql"

// Group says what a decline asks of the payer.
type Group string

// The groups of declines.
const (
	// Soft: the same payment may be approved later, when there is credit again or the
	// card was left in peace for a while.
	Soft Group = "soft"
	// Hard: the same payment can never be approved; the card's data are wrong, or the
	// card is no longer good for anything.
	Hard Group = "hard"
	// Technical: neither the payer's fault nor the card's; the request was one that
	// should not have been sent, or its reason is not known here.
	Technical Group = "technical"
)

// Reasons are the reasons to decline by group. Every reason of the event is in one.
var Reasons = map[Group][]string{
	Soft:      {"INSUFFICIENT_FUNDS", "OVER_PURCHASE_LIMIT", "TOO_FREQUENT", "LOCKED"},
	Hard:      {"UNKNOWN_CARD", "NAME_MISMATCH", "EXPIRY_MISMATCH", "CVV_MISMATCH", "EXPIRED", "BLOCKED"},
	Technical: {"AMOUNT_BELOW_MINIMUM", "UNKNOWN"},
}

// of finds the declines of a group.
func (g Group) of() kql.Query { return kql.OneOf{Field: "decline_reason", Values: Reasons[g]} }

// The steps of a decision in the bank's order, each as the reasons that end a payment
// there. What is left after the last may still be too frequent.
var steps = []struct {
	passed  string
	reasons []string
}{
	{"Card accepted", []string{"LOCKED", "BLOCKED", "UNKNOWN_CARD", "NAME_MISMATCH", "EXPIRY_MISMATCH", "CVV_MISMATCH", "EXPIRED"}},
	{"Amount allowed", []string{"AMOUNT_BELOW_MINIMUM", "OVER_PURCHASE_LIMIT"}},
	{"Covered by credit", []string{"INSUFFICIENT_FUNDS"}},
}
