package postgres

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
)

// addChanges queues the write set. New rows are inserted in the order of their keys, the same for
// every batch, so that batches that wait for each other's keys never deadlock.
//
// The accounts come first, in the order of their locks. The rest of the write set runs only if
// their versions are unchanged. The same statement checks the deadline of an optimistic batch, so
// it is sent even if no account changes.
func addChanges(b *wire.Batch, seen *view, changes *bank.Changes) {
	if len(changes.Accounts) > 0 || seen.optimistic {
		addAccounts(b, seen, changes.Accounts)
	}
	if slices.ContainsFunc(changes.Accounts, isClosed) {
		addClosings(b, changes.Accounts)
	}
	if len(changes.NewAccounts) > 0 {
		addNewAccounts(b, changes.NewAccounts)
	}
	if len(changes.NewCards) > 0 {
		addNewCards(b, changes.NewCards)
	}
	if len(changes.Entries) > 0 {
		addEntries(b, changes.Entries)
		addOpenHolds(b, changes.Entries)
	}
	if len(changes.TokenUses) > 0 {
		addTokenUses(b, changes.TokenUses)
	}
	if len(changes.Events) > 0 {
		addEvents(b, seen, changes.Events)
	}
	if len(changes.Cards) > 0 {
		addCards(b, changes.Cards)
	}
}

func addNewAccounts(b *wire.Batch, accounts []bank.Account) {
	accounts = slices.SortedFunc(slices.Values(accounts), func(x, y bank.Account) int { return bytes.Compare(x.ID[:], y.ID[:]) })
	addColumns(&b.Session.Parameters, accountColumns, accounts)
	b.Add(insertAccounts, nil)
}

func addAccounts(b *wire.Batch, seen *view, accounts []bank.Account) {
	addVersions(&b.Session.Parameters, seen, accounts)
	addDeadline(&b.Session.Parameters, seen)
	b.Add(updateAccounts, nil)
}

func isClosed(account bank.Account) bool { return account.IsClosed() }

// addClosings queues the closing of those of the accounts that are closed. Those that were closed before
// stay as they are.
func addClosings(b *wire.Batch, accounts []bank.Account) {
	closed := slices.DeleteFunc(slices.Clone(accounts), func(account bank.Account) bool { return !account.IsClosed() })
	p := &b.Session.Parameters
	wire.Column(p, wire.TypeUUID, closed, func(p *wire.Parameters, a *bank.Account) { p.UUID(a.ID) })
	addColumns(p, accountClosing, closed)
	b.Add(closeAccounts, nil)
}

// addDeadline writes the deadline of a batch, as an array of one.
func addDeadline(p *wire.Parameters, seen *view) {
	p.Array(wire.TypeTimestamp, 1)
	if seen.deadline.IsZero() {
		p.Int8(math.MaxInt64) // infinity
		return
	}
	p.Timestamp(seen.deadline)
}

// addVersions writes the figures of accounts and the versions that the batch was decided on.
func addVersions(p *wire.Parameters, seen *view, accounts []bank.Account) {
	wire.Column(p, wire.TypeUUID, accounts, func(p *wire.Parameters, a *bank.Account) { p.UUID(a.ID) })
	addColumns(p, accountFigures, accounts)
	wire.Column(p, wire.TypeInt8, accounts, func(p *wire.Parameters, a *bank.Account) { p.Int8(seen.version(a.ID)) })
}

func addNewCards(b *wire.Batch, issued []bank.NewCard) {
	// The lookup is unique too, so it is the order; the ids of new cards are random.
	issued = slices.SortedFunc(slices.Values(issued), func(x, y bank.NewCard) int { return bytes.Compare(x.Lookup[:], y.Lookup[:]) })
	cards := make([]bank.Card, len(issued))
	for i := range issued {
		cards[i] = issued[i].Card
	}
	p := &b.Session.Parameters
	addColumns(p, cardColumns, cards)
	b.Add(insertCards, nil)

	wire.Column(p, wire.TypeUUID, issued, func(p *wire.Parameters, n *bank.NewCard) { p.UUID(n.Card.ID) })
	wire.Column(p, wire.TypeBytes, issued, func(p *wire.Parameters, n *bank.NewCard) { p.Bytes(n.Lookup[:]) })
	wire.Column(p, wire.TypeText, issued, func(p *wire.Parameters, n *bank.NewCard) { p.Text(n.Sealed.KeyID) })
	wire.Column(p, wire.TypeBytes, issued, func(p *wire.Parameters, n *bank.NewCard) { p.Bytes(n.Sealed.Ciphertext) })
	b.Add(insertSealed, nil)
}

func addCards(b *wire.Batch, cards []bank.Card) {
	p := &b.Session.Parameters
	wire.Column(p, wire.TypeUUID, cards, func(p *wire.Parameters, c *bank.Card) { p.UUID(c.ID) })
	addColumns(p, cardState, cards)
	b.Add(updateCards, nil)
}

func addTokenUses(b *wire.Batch, uses []bank.TokenUse) {
	uses = slices.SortedFunc(slices.Values(uses), func(x, y bank.TokenUse) int { return bytes.Compare(x.Nonce[:], y.Nonce[:]) })
	addColumns(&b.Session.Parameters, tokenUseColumns, uses)
	b.Add(insertTokenUses, nil)
	addStoredTokenUses(b, uses)
}

func addEvents(b *wire.Batch, seen *view, events []bank.Event) {
	addColumns(&b.Session.Parameters, outboxColumns, events)
	if seen.republished {
		b.Add(insertRepublished, nil)
		return
	}
	b.Add(insertEvents, nil)
}

func addEntries(b *wire.Batch, entries []*bank.Entry) {
	entries = slices.SortedFunc(slices.Values(entries), func(x, y *bank.Entry) int {
		return cmp.Or(bytes.Compare(x.TransactionID[:], y.TransactionID[:]), cmp.Compare(x.Leg, y.Leg))
	})
	columns, insert := insertionOf(entries)
	addPointers(&b.Session.Parameters, columns, entries)
	b.Add(insert, nil)
}
