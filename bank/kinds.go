package bank

// Line says what a customer sees of an approved entry on the statement.
type Line uint8

// The lines of a statement.
const (
	// NoLine is for an entry that counts for the sequence and is not shown.
	NoLine Line = iota
	// PendingLine is for an amount that is set aside and did not move yet.
	PendingLine
	// PostedLine is for an amount that moved.
	PostedLine
)

// Held is what an approved entry does to the held amount of its account.
type Held int8

// The changes of a held amount.
const (
	HeldStays   Held = 0
	HeldGrows   Held = 1
	HeldShrinks Held = -1
)

// Relation says how an entry counts towards the earlier transaction that it refers to.
type Relation uint8

// The relations. What is given back of a transaction never exceeds its amount. What is captured of a
// hold and what is released of it never exceed the hold together.
const (
	GivenBack Relation = iota + 1
	Captured
	Released
)

var relationNames = [...]string{"", "GIVEN_BACK", "CAPTURED", "RELEASED"}

// String returns the relation as the event names it, or "" for none.
func (r Relation) String() string { return nameOf(relationNames[:], int(r)) }

// Sum names what the entries of one relation to one transaction add up to.
type Sum struct {
	Original ID
	Relation Relation
}

// Rules is what an approved entry of a kind does. An entry that is declined, or that is a refusal,
// moves nothing and is no line, whatever its kind.
type Rules struct {
	Kind Kind
	// Of is the kind of the transaction that the entry refers to; 0 for none.
	Of Kind
	// AsksLimit says that a debit must be covered by the available amount (Account.Covers). A
	// credit never asks.
	AsksLimit bool
	// Moves says that money goes from one account to another.
	Moves bool
	Held  Held
	Line  Line
	// SecondLeg is the kind of the entry on leg 1; 0 when the transaction has leg 0 alone. A capture
	// has a second leg only if it takes less than its hold set aside: it releases the rest.
	SecondLeg Kind
	// Relation is how the entry counts towards the transaction that it refers to; 0 for none.
	Relation Relation
}

// rules is the one table of what the kinds do. A kind that refers to an earlier transaction has a row
// for each kind that this one may have. Tests compare the table with the other places that know what
// a kind does: the constraints of the database (bank/postgres), and the meanings of events
// (schemas/event), with which in turn the statement, the audit and the dashboards are compared.
var rules = [...]Rules{
	{Kind: KindOpening},
	{Kind: KindLimitChange},
	{Kind: KindPurchase, AsksLimit: true, Moves: true, Line: PostedLine},
	{Kind: KindReversal, Of: KindPurchase, AsksLimit: true, Moves: true, Line: PostedLine, Relation: GivenBack},
	{Kind: KindReversal, Of: KindCapture, AsksLimit: true, Moves: true, Line: PostedLine, Relation: GivenBack},
	{Kind: KindReversal, Of: KindTransfer, AsksLimit: true, Moves: true, Line: PostedLine, SecondLeg: KindReversal, Relation: GivenBack},
	{Kind: KindDeposit, Moves: true, Line: PostedLine},
	{Kind: KindWithdrawal, AsksLimit: true, Moves: true, Line: PostedLine},
	{Kind: KindTransfer, AsksLimit: true, Moves: true, Line: PostedLine, SecondLeg: KindTransfer},
	{Kind: KindHold, AsksLimit: true, Held: HeldGrows, Line: PendingLine},
	{Kind: KindCapture, Of: KindHold, Moves: true, Held: HeldShrinks, Line: PostedLine, SecondLeg: KindVoid, Relation: Captured},
	{Kind: KindVoid, Of: KindPurchase, Moves: true, Line: PostedLine, Relation: GivenBack},
	{Kind: KindVoid, Of: KindHold, Held: HeldShrinks, Relation: Released},
	{Kind: KindVoid, Of: KindCapture, Moves: true, Line: PostedLine, Relation: GivenBack},
	{Kind: KindExpiry, Of: KindHold, Held: HeldShrinks, Relation: Released},
	{Kind: KindPixOut, Of: KindHold, Moves: true, Held: HeldShrinks, Line: PostedLine, Relation: Captured},
	{Kind: KindPixIn, Moves: true, Line: PostedLine},
	{Kind: KindPixReturn, Of: KindPixOut, AsksLimit: true, Moves: true, Line: PostedLine, Relation: GivenBack},
	{Kind: KindPixReturn, Of: KindPixIn, AsksLimit: true, Moves: true, Line: PostedLine, Relation: GivenBack},
	{Kind: KindClosing},
}

// AllRules returns the rules of all kinds, in the order of the kinds.
func AllRules() []Rules {
	all := rules
	return all[:]
}

// Moves reports whether the entry moves money.
func (e *Entry) Moves() bool { return !e.DebitAccount.IsZero() }

// Relation returns how the entry counts towards the transaction OriginalID; 0 when it does not count.
// Only an approved entry counts. A movement counts once, on leg 0. A release counts on either leg,
// because leg 1 of a capture releases the rest of the hold. A leg 1 that counts stands beside a leg 0
// that refers to the same transaction; the stores find it by that.
//
// The void of a purchase or of a capture moves money and the void of a hold does not, so the entry
// itself tells its relation, and no other entry is needed.
func (e *Entry) Relation() Relation {
	if e.OriginalID.IsZero() || e.Status != Approved || e.Moves() && e.Leg != 0 {
		return 0
	}
	for i := range rules {
		if rules[i].Kind == e.Kind && rules[i].Moves == e.Moves() {
			return rules[i].Relation
		}
	}
	return 0
}
