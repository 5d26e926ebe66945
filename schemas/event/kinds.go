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
	{Kind: KindHold, Pending: true, Payment: true},
	{Kind: KindCapture, Of: KindHold, MovesMoney: true, Line: true},
	{Kind: KindVoid, Of: KindPurchase, MovesMoney: true, Line: true},
	{Kind: KindVoid, Of: KindHold},
	{Kind: KindExpiry, Of: KindHold},
	{Kind: KindPixOut, Of: KindHold, MovesMoney: true, Line: true},
	{Kind: KindPixIn, MovesMoney: true, Line: true},
	{Kind: KindPixReturn, Of: KindPixOut, MovesMoney: true, Line: true},
	{Kind: KindPixReturn, Of: KindPixIn, MovesMoney: true, Line: true},
}

// Meanings returns the meaning of every kind that banks produce, one for each kind that it may refer
// to, in the order of the kinds.
func Meanings() []Meaning { return slices.Clone(meanings) }
