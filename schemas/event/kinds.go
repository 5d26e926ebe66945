package event

import "slices"

// Meaning is what an approved event of a kind means to consumers. An event that is not approved moves
// nothing and is no line.
type Meaning struct {
	Kind Kind
	// Of is the kind of the event that OriginalTransactionID refers to; empty for none.
	Of Kind
	// MovesMoney says that the balance changes by the amount, in the event's direction. Otherwise the
	// balance stays; then the direction is NONE, except for a hold, which keeps that of its debit.
	MovesMoney bool
	// HeldBy is 1 if the amount is set aside, -1 if it is captured or released, and 0 otherwise.
	HeldBy int
	// Line says that the statement shows the event as a line.
	Line bool
	// Pending says that the event is an amount that is set aside and not moved yet.
	Pending bool
	// Payment says that the event is a payment: the dashboards count approved and declined ones. A
	// hold is a payment if a card was presented for it, and its capture does not count again.
	Payment bool
}

// meanings are those of the kinds that banks produce. Tests compare the bank's table of kinds, the
// statement, the audit and the dashboards with them.
var meanings = []Meaning{
	{Kind: KindOpening},
	{Kind: KindLimitChange},
	{Kind: KindPurchase, MovesMoney: true, Line: true, Payment: true},
	{Kind: KindReversal, Of: KindPurchase, MovesMoney: true, Line: true},
	{Kind: KindReversal, Of: KindCapture, MovesMoney: true, Line: true},
	{Kind: KindReversal, Of: KindTransfer, MovesMoney: true, Line: true},
	{Kind: KindDeposit, MovesMoney: true, Line: true},
	{Kind: KindWithdrawal, MovesMoney: true, Line: true},
	{Kind: KindTransfer, MovesMoney: true, Line: true},
	{Kind: KindHold, HeldBy: 1, Pending: true, Payment: true},
	{Kind: KindCapture, Of: KindHold, MovesMoney: true, HeldBy: -1, Line: true},
	{Kind: KindVoid, Of: KindPurchase, MovesMoney: true, Line: true},
	{Kind: KindVoid, Of: KindHold, HeldBy: -1},
	{Kind: KindVoid, Of: KindCapture, MovesMoney: true, Line: true},
	{Kind: KindExpiry, Of: KindHold, HeldBy: -1},
	{Kind: KindPixOut, Of: KindHold, MovesMoney: true, HeldBy: -1, Line: true},
	{Kind: KindPixIn, MovesMoney: true, Line: true},
	{Kind: KindPixReturn, Of: KindPixOut, MovesMoney: true, Line: true},
	{Kind: KindPixReturn, Of: KindPixIn, MovesMoney: true, Line: true},
	{Kind: KindClosing},
}

// Meanings returns the meaning of every kind that banks produce, one for each kind that it may refer
// to, in the order of the kinds.
func Meanings() []Meaning { return slices.Clone(meanings) }

// HeldBy says what an event does to the held amount of its account, as Meaning.HeldBy does. A void
// releases a hold if it moves no money.
func HeldBy(t *Transaction) int {
	if t.Status != StatusApproved {
		return 0
	}
	for i := range meanings {
		m := &meanings[i]
		if m.Kind == t.Kind && (t.Kind != KindVoid || m.MovesMoney == (t.Direction != DirectionNone)) {
			return m.HeldBy
		}
	}
	return 0
}
