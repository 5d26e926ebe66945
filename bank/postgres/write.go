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
	if len(changes.NewAccounts) > 0 {
		addNewAccounts(b, changes.NewAccounts)
	}
	if len(changes.NewCards) > 0 {
		addNewCards(b, changes.NewCards)
	}
	if len(changes.Entries) > 0 {
		addEntries(b, changes.Entries)
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
	p := &b.Session.Parameters
	wire.Column(p, wire.TypeUUID, accounts, func(p *wire.Parameters, a *bank.Account) { p.UUID(a.ID) })
	wire.Column(p, wire.TypeUUID, accounts, func(p *wire.Parameters, a *bank.Account) { p.UUID(a.CustomerID) })
	wire.Column(p, wire.TypeInt2, accounts, func(p *wire.Parameters, a *bank.Account) { p.Int2(uint8(a.Kind)) })
	wire.Column(p, wire.TypeText, accounts, func(p *wire.Parameters, a *bank.Account) { p.Text(a.Currency.String()) })
	addFigures(p, accounts)
	b.Add(insertAccounts, nil)
}

// addFigures writes the figures of accounts.
func addFigures(p *wire.Parameters, accounts []bank.Account) {
	wire.Column(p, wire.TypeInt8, accounts, func(p *wire.Parameters, a *bank.Account) { p.Int8(a.Balance) })
	wire.Column(p, wire.TypeInt8, accounts, func(p *wire.Parameters, a *bank.Account) { p.Int8(a.Held) })
	wire.Column(p, wire.TypeInt8, accounts, func(p *wire.Parameters, a *bank.Account) { p.Int8(a.CreditLimit) })
	wire.Column(p, wire.TypeInt8, accounts, func(p *wire.Parameters, a *bank.Account) { p.Int8(a.Sequence) })
	wire.Column(p, wire.TypeTimestamp, accounts, func(p *wire.Parameters, a *bank.Account) { p.Timestamp(a.LastAt) })
}

func addAccounts(b *wire.Batch, seen *view, accounts []bank.Account) {
	addVersions(&b.Session.Parameters, seen, accounts)
	addDeadline(&b.Session.Parameters, seen)
	b.Add(updateAccounts, nil)
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
	addFigures(p, accounts)
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
	wire.Column(p, wire.TypeUUID, cards, func(p *wire.Parameters, c *bank.Card) { p.UUID(c.ID) })
	wire.Column(p, wire.TypeInt2, cards, func(p *wire.Parameters, c *bank.Card) { p.Int2(uint8(c.Brand)) })
	wire.Column(p, wire.TypeText, cards, func(p *wire.Parameters, c *bank.Card) { p.Text(c.BIN) })
	wire.Column(p, wire.TypeText, cards, func(p *wire.Parameters, c *bank.Card) { p.Text(c.Last4) })
	wire.Column(p, wire.TypeUUID, cards, func(p *wire.Parameters, c *bank.Card) { p.UUID(c.AccountID) })
	wire.Column(p, wire.TypeText, cards, func(p *wire.Parameters, c *bank.Card) { p.Text(c.HolderName) })
	wire.Column(p, wire.TypeInt4, cards, func(p *wire.Parameters, c *bank.Card) { p.Int4(c.Expiry.Month) })
	wire.Column(p, wire.TypeInt4, cards, func(p *wire.Parameters, c *bank.Card) { p.Int4(c.Expiry.Year) })
	wire.Column(p, wire.TypeTimestamp, cards, func(p *wire.Parameters, c *bank.Card) { p.Timestamp(c.IssuedAt) })
	addCardState(p, cards)
	b.Add(insertCards, nil)

	wire.Column(p, wire.TypeUUID, issued, func(p *wire.Parameters, n *bank.NewCard) { p.UUID(n.Card.ID) })
	wire.Column(p, wire.TypeBytes, issued, func(p *wire.Parameters, n *bank.NewCard) { p.Bytes(n.Lookup[:]) })
	wire.Column(p, wire.TypeText, issued, func(p *wire.Parameters, n *bank.NewCard) { p.Text(n.Sealed.KeyID) })
	wire.Column(p, wire.TypeBytes, issued, func(p *wire.Parameters, n *bank.NewCard) { p.Bytes(n.Sealed.Ciphertext) })
	b.Add(insertSealed, nil)
}

// addCardState writes the fields of cards that may change.
func addCardState(p *wire.Parameters, cards []bank.Card) {
	wire.Column(p, wire.TypeBool, cards, func(p *wire.Parameters, c *bank.Card) { p.Bool(c.Blocked) })
	wire.Column(p, wire.TypeText, cards, func(p *wire.Parameters, c *bank.Card) { p.Micros(c.WrongAt) })
	wire.Column(p, wire.TypeTimestamp, cards, func(p *wire.Parameters, c *bank.Card) { p.OptionalTimestamp(c.LockedUntil) })
	wire.Column(p, wire.TypeInt8, cards, func(p *wire.Parameters, c *bank.Card) { p.Int8(c.Rules.Limit) })
	wire.Column(p, wire.TypeInt8, cards, func(p *wire.Parameters, c *bank.Card) { p.Int8(c.Rules.Minimum) })
	wire.Column(p, wire.TypeInt4, cards, func(p *wire.Parameters, c *bank.Card) { p.Int4(int(c.Rules.PerMinute)) })
	wire.Column(p, wire.TypeInt8, cards, func(p *wire.Parameters, c *bank.Card) { p.Int8(c.Frequency.Level) })
	wire.Column(p, wire.TypeTimestamp, cards, func(p *wire.Parameters, c *bank.Card) { p.OptionalTimestamp(c.Frequency.At) })
	wire.Column(p, wire.TypeBool, cards, func(p *wire.Parameters, c *bank.Card) { p.Bool(c.Used) })
}

func addCards(b *wire.Batch, cards []bank.Card) {
	p := &b.Session.Parameters
	wire.Column(p, wire.TypeUUID, cards, func(p *wire.Parameters, c *bank.Card) { p.UUID(c.ID) })
	addCardState(p, cards)
	b.Add(updateCards, nil)
}

func addTokenUses(b *wire.Batch, uses []bank.TokenUse) {
	uses = slices.SortedFunc(slices.Values(uses), func(x, y bank.TokenUse) int { return bytes.Compare(x.Nonce[:], y.Nonce[:]) })
	addUses(&b.Session.Parameters, uses)
	b.Add(insertTokenUses, nil)
	addStoredTokenUses(b, uses)
}

// addUses writes the columns of token uses.
func addUses(p *wire.Parameters, uses []bank.TokenUse) {
	wire.Column(p, wire.TypeUUID, uses, func(p *wire.Parameters, u *bank.TokenUse) { p.UUID(u.Nonce) })
	wire.Column(p, wire.TypeUUID, uses, func(p *wire.Parameters, u *bank.TokenUse) { p.UUID(u.TransactionID) })
	wire.Column(p, wire.TypeTimestamp, uses, func(p *wire.Parameters, u *bank.TokenUse) { p.Timestamp(u.ExpiresAt) })
}

func addEvents(b *wire.Batch, seen *view, events []bank.Event) {
	addBodies(&b.Session.Parameters, events)
	if seen.republished {
		b.Add(insertRepublished, nil)
		return
	}
	b.Add(insertEvents, nil)
}

// addBodies writes the columns of events.
func addBodies(p *wire.Parameters, events []bank.Event) {
	wire.Column(p, wire.TypeUUID, events, func(p *wire.Parameters, e *bank.Event) { p.UUID(e.TransactionID) })
	wire.Column(p, wire.TypeUUID, events, func(p *wire.Parameters, e *bank.Event) { p.OptionalUUID(e.AccountID) })
	wire.Column(p, wire.TypeInt8, events, func(p *wire.Parameters, e *bank.Event) { p.OptionalInt8(e.Sequence) })
	wire.Column(p, wire.TypeUUID, events, func(p *wire.Parameters, e *bank.Event) { p.UUID(e.Key) })
	wire.Column(p, wire.TypeInt4, events, func(p *wire.Parameters, e *bank.Event) { p.Int4(e.SchemaVersion) })
	wire.Column(p, wire.TypeBytes, events, func(p *wire.Parameters, e *bank.Event) { p.Bytes(e.Body) })
}

func addEntries(b *wire.Batch, entries []*bank.Entry) {
	entries = slices.SortedFunc(slices.Values(entries), func(x, y *bank.Entry) int {
		return cmp.Or(bytes.Compare(x.TransactionID[:], y.TransactionID[:]), cmp.Compare(x.Leg, y.Leg))
	})
	p := &b.Session.Parameters
	addMovements(p, entries)
	if !slices.ContainsFunc(entries, hasOwnData) {
		b.Add(insertEntries, nil)
		return
	}
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).Currency.String()) })
	wire.Column(p, wire.TypeInt2, entries, func(p *wire.Parameters, e **bank.Entry) { p.Int2(uint8((*e).Card.Brand)) })
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).Card.BIN) })
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).Card.Last4) })
	b.Add(insertAnyEntries, nil)
}

// addMovements writes the columns that every entry has.
func addMovements(p *wire.Parameters, entries []*bank.Entry) {
	wire.Column(p, wire.TypeUUID, entries, func(p *wire.Parameters, e **bank.Entry) { p.UUID((*e).TransactionID) })
	wire.Column(p, wire.TypeInt2, entries, func(p *wire.Parameters, e **bank.Entry) { p.Int2((*e).Leg) })
	wire.Column(p, wire.TypeUUID, entries, func(p *wire.Parameters, e **bank.Entry) { p.OptionalUUID((*e).AccountID) })
	wire.Column(p, wire.TypeInt8, entries, func(p *wire.Parameters, e **bank.Entry) { p.OptionalInt8((*e).Sequence) })
	wire.Column(p, wire.TypeInt2, entries, func(p *wire.Parameters, e **bank.Entry) { p.Int2(uint8((*e).Kind)) })
	wire.Column(p, wire.TypeInt2, entries, func(p *wire.Parameters, e **bank.Entry) { p.Int2(uint8((*e).Direction)) })
	wire.Column(p, wire.TypeInt2, entries, func(p *wire.Parameters, e **bank.Entry) { p.Int2(uint8((*e).Status)) })
	wire.Column(p, wire.TypeInt2, entries, func(p *wire.Parameters, e **bank.Entry) { p.Int2(uint8((*e).Decline)) })
	wire.Column(p, wire.TypeInt8, entries, func(p *wire.Parameters, e **bank.Entry) { p.Int8((*e).Amount) })
	wire.Column(p, wire.TypeUUID, entries, func(p *wire.Parameters, e **bank.Entry) { p.OptionalUUID((*e).DebitAccount) })
	wire.Column(p, wire.TypeUUID, entries, func(p *wire.Parameters, e **bank.Entry) { p.OptionalUUID((*e).CreditAccount) })
	wire.Column(p, wire.TypeInt8, entries, func(p *wire.Parameters, e **bank.Entry) { p.Int8((*e).BalanceAfter) })
	wire.Column(p, wire.TypeInt8, entries, func(p *wire.Parameters, e **bank.Entry) { p.Int8((*e).HeldAfter) })
	wire.Column(p, wire.TypeInt8, entries, func(p *wire.Parameters, e **bank.Entry) { p.Int8((*e).CreditLimitAfter) })
	wire.Column(p, wire.TypeUUID, entries, func(p *wire.Parameters, e **bank.Entry) { p.OptionalUUID((*e).Card.ID) })
	addCircumstances(p, entries)
}

// hasOwnData reports whether an entry has a currency or card data that no account or card keeps for
// it.
func hasOwnData(e *bank.Entry) bool {
	return e.IsRefusal() || e.Card.ID.IsZero() && e.Card != bank.CardSnapshot{}
}

// addCircumstances writes merchant, channel, request and time of entries.
func addCircumstances(p *wire.Parameters, entries []*bank.Entry) {
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).Merchant.ID) })
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).Merchant.Name) })
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).Merchant.CategoryCode) })
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).Merchant.City) })
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).Merchant.Country) })
	wire.Column(p, wire.TypeInt2, entries, func(p *wire.Parameters, e **bank.Entry) { p.Int2(uint8((*e).Channel)) })
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).Description) })
	wire.Column(p, wire.TypeUUID, entries, func(p *wire.Parameters, e **bank.Entry) { p.OptionalUUID((*e).OriginalID) })
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).CounterpartyName) })
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).EndToEndID) })
	wire.Column(p, wire.TypeInt4, entries, func(p *wire.Parameters, e **bank.Entry) { p.Int4(int((*e).Attempt)) })
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).Request.Caller) })
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).Request.ID) })
	wire.Column(p, wire.TypeBytes, entries, func(p *wire.Parameters, e **bank.Entry) { p.Bytes((*e).Request.Fingerprint[:]) })
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).Request.TraceID) })
	wire.Column(p, wire.TypeInt8, entries, func(p *wire.Parameters, e **bank.Entry) { p.Int8((*e).DecisionMicros) })
	wire.Column(p, wire.TypeTimestamp, entries, func(p *wire.Parameters, e **bank.Entry) { p.Timestamp((*e).OccurredAt) })
	wire.Column(p, wire.TypeText, entries, func(p *wire.Parameters, e **bank.Entry) { p.Text((*e).ProducerVersion) })
	addRisk(p, entries)
}

// addRisk writes card use and risk, as null for entries without them.
func addRisk(p *wire.Parameters, entries []*bank.Entry) {
	wire.Column(p, wire.TypeInt2, entries, func(p *wire.Parameters, e **bank.Entry) { p.OptionalInt2(uint8((*e).CardUse), (*e).CardUse != 0) })
	wire.Column(p, wire.TypeInt2, entries, func(p *wire.Parameters, e **bank.Entry) { p.OptionalInt2((*e).Risk.Score, (*e).Risk.Rule != 0) })
	wire.Column(p, wire.TypeInt2, entries, func(p *wire.Parameters, e **bank.Entry) { p.OptionalInt2(uint8((*e).Risk.Rule), (*e).Risk.Rule != 0) })
}
