package audit

import (
	"encoding/binary"
	"fmt"
	"slices"

	"codebank.dev/operations/audit/spool"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/event"
)

// relative is what an event of the ledger says about transactions: its own, and the one that it
// refers to. Only approved events say something.
type relative struct {
	approved              bool
	kind                  event.Kind
	transaction, original id.ID
	// relation and counterparty are what the event says; events before version 3 say neither.
	relation     event.Relation
	counterparty id.ID
	version3     bool
}

func relativeOf(t *event.Transaction) relative {
	r := relative{
		approved: t.Status == event.StatusApproved, kind: t.Kind, relation: t.Relation, version3: t.Leg.Present,
	}
	// An id that is none is zero, and no other transaction has it.
	r.transaction, _ = id.Parse(t.TransactionID)
	r.original, _ = id.Parse(t.OriginalTransactionID)
	r.counterparty, _ = id.Parse(t.CounterpartyAccountID)
	return r
}

// referable are the kinds of events that a later event may refer to.
var referable = func() []event.Kind {
	var kinds []event.Kind
	for _, m := range event.Meanings() {
		if m.Of != "" && !slices.Contains(kinds, m.Of) {
			kinds = append(kinds, m.Of)
		}
	}
	return kinds
}()

// relations checks that what refers to a transaction fits the transaction. What refers to one stands
// on the same account, so the events of one account are enough, and the sorter has those of the
// open account only. A sorter on disk makes sure that a large account takes no more memory.
type relations struct {
	sorter     *spool.Sorter
	references int64
}

const (
	relatedKey   = 16 + 1 + 8
	relatedWidth = relatedKey + 16 + 16 + 8 + 3 + 1 + 1 + 1
)

// related is an event in the sorter. The order is that of the transaction; the transaction's own event
// comes before the events that refer to it, and these are in the order of their sequences.
type related struct {
	of          id.ID
	refers      bool
	sequence    int64
	transaction id.ID
	// counterparty is the account at the other end; zero for none.
	counterparty id.ID
	amount       int64
	currency     currency
	kind         event.Kind
	movement     movement
	relation     relation
}

// relation is what an event says about how it counts towards the transaction that it refers to.
type relation uint8

const (
	unsaid relation = iota // by an event before version 3
	countsNot
	givenBack
	captured
	released
)

var relationsByName = map[event.Relation]relation{
	"": countsNot, event.RelationGivenBack: givenBack, event.RelationCaptured: captured, event.RelationReleased: released,
}

func (r *relative) said() relation {
	if !r.version3 {
		return unsaid
	}
	return relationsByName[r.relation]
}

func (r *related) appendTo(dst []byte) []byte {
	dst = append(dst, r.of[:]...)
	dst = append(dst, flag(r.refers))
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.sequence))
	dst = append(dst, r.transaction[:]...)
	dst = append(dst, r.counterparty[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.amount))
	dst = append(dst, r.currency[:]...)
	// A kind that nothing refers to has no number; of such an event only the movement counts.
	return append(dst, byte(slices.Index(referable, r.kind)+1), byte(r.movement), byte(r.relation))
}

func (r *related) parse(from []byte) {
	copy(r.of[:], from)
	r.refers = from[16] != 0
	r.sequence = int64(binary.BigEndian.Uint64(from[17:]))
	from = from[relatedKey:]
	copy(r.transaction[:], from)
	copy(r.counterparty[:], from[16:])
	r.amount = int64(binary.BigEndian.Uint64(from[32:]))
	copy(r.currency[:], from[40:])
	r.kind = ""
	if n := int(from[43]); n > 0 {
		r.kind = referable[n-1]
	}
	r.movement, r.relation = movement(from[44]), relation(from[45])
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// relate keeps an event of the open account, to be checked when the account ends.
func (c *comparison) relate(g *group) error {
	if !g.relative.approved || g.key.class != ofAccount {
		return nil
	}
	first := &g.piles[InLedger].first
	r := related{
		of: g.relative.transaction, sequence: g.key.sequence, transaction: g.relative.transaction, amount: first.amount,
		currency: first.currency, kind: g.relative.kind, movement: first.movement,
		counterparty: g.relative.counterparty, relation: g.relative.said(),
	}
	var room [relatedWidth]byte
	if slices.Contains(referable, r.kind) {
		if err := c.relations.sorter.Add(r.appendTo(room[:0])); err != nil {
			return err
		}
	}
	if r.kind == event.KindTransfer {
		if err := c.addLeg(&r); err != nil {
			return err
		}
	}
	if g.relative.original.IsZero() {
		return nil
	}
	c.relations.references++
	r.of, r.refers = g.relative.original, true
	return c.relations.sorter.Add(r.appendTo(room[:0]))
}

// checkRelations checks the transactions of the account that ends.
func (c *comparison) checkRelations() error {
	defer func() {
		c.relations.references = 0
		c.relations.sorter.Reset()
	}()
	if c.relations.references == 0 {
		return nil
	}
	cursor, err := c.relations.sorter.Sorted()
	if err != nil {
		return err
	}
	family := family{comparison: c}
	for {
		form, err := cursor.Next()
		if err != nil {
			return err
		}
		if form == nil {
			family.end()
			return nil
		}
		var r related
		r.parse(form)
		if err := family.put(&r); err != nil {
			return err
		}
	}
}

// family is a transaction's event and what refers to it, on one account.
type family struct {
	*comparison
	// head is the transaction's own event, if known.
	head  related
	known bool
	// last is the last event that refers to it; sum is what all of these add up to.
	last related
	sum  int64
}

func (f *family) put(r *related) error {
	if r.of != f.head.of {
		f.end()
		*f = family{comparison: f.comparison, head: related{of: r.of}}
	}
	if !r.refers {
		f.head, f.known = *r, true
		return nil
	}
	if !f.known {
		f.unknown(r)
		return nil
	}
	if f.head.kind == event.KindTransfer {
		if err := f.addLeg(r); err != nil {
			return err
		}
	}
	f.compare(r)
	before := f.sum
	f.sum = addCapped(f.sum, r.amount)
	if f.sum > f.head.amount && before <= f.head.amount {
		f.broken(r, "amount_minor", fmt.Sprintf("with it, %d of %d is given back, captured or released", f.sum, f.head.amount))
	}
	f.last = *r
	return nil
}

// unknown reports an event that refers to nothing. It says nothing about an account of which an event
// is missing or altered, because that event may be the one.
func (f *family) unknown(r *related) {
	if f.account.whole {
		f.broken(r, "original_transaction_id", "the account has no approved transaction of this id")
	}
}

// compare compares an event with the transaction that it refers to.
func (f *family) compare(r *related) {
	hold := f.head.kind == event.KindHold
	switch {
	case r.currency != f.head.currency:
		f.broken(r, "currency", "not that of the transaction that it refers to")
	case hold && f.sum > 0 && r.transaction != f.last.transaction:
		f.broken(r, "original_transaction_id", "the hold was ended before, by another transaction")
	case !hold && r.movement != f.head.movement.opposite():
		f.broken(r, "direction", "does not give back the transaction that it refers to")
	case hold && r.movement == movesCredit:
		f.broken(r, "direction", "neither captures nor releases the hold that it refers to")
	case r.relation != unsaid && r.relation != f.relation(r):
		f.broken(r, "relation", "not how the event counts towards the transaction that it refers to")
	}
}

// relation returns how an event counts towards the transaction that it refers to. What gives back a
// transfer counts on the account that paid, and not on the other one.
func (f *family) relation(r *related) relation {
	switch {
	case f.head.kind == event.KindHold && r.movement == movesNothing:
		return released
	case f.head.kind == event.KindHold:
		return captured
	case f.head.kind == event.KindTransfer && r.movement == movesDebit:
		return countsNot
	}
	return givenBack
}

// end checks that what ended a hold ended all of it.
func (f *family) end() {
	if f.head.kind != event.KindHold || !f.account.whole || f.sum == 0 || f.sum >= f.head.amount {
		return
	}
	f.broken(&f.last, "amount_minor", fmt.Sprintf("only %d of %d of the hold is captured or released", f.sum, f.head.amount))
}

func (f *family) broken(r *related, field, detail string) {
	k := key{class: ofAccount, id: f.account.id, sequence: r.sequence}
	f.breaches(k, []breach{{field, detail}})
}
