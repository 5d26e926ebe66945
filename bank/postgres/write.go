package postgres

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"codebank.dev/bank"
)

// addChanges queues the write set. New rows are inserted in the order of their keys, the same for
// every batch, so that batches that wait for each other's keys never deadlock.
//
// The accounts come first, in the order of their locks. The rest of the write set runs only if
// their versions are unchanged. The same statement checks the deadline of an optimistic batch, so
// it is sent even if no account changes.
func addChanges(b *batch, seen *view, changes *bank.Changes) {
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

// column writes one parameter: an array with an element for each row.
func column[T any](p *parameters, element uint32, rows []T, put func(*parameters, *T)) {
	p.array(element, len(rows))
	for i := range rows {
		put(p, &rows[i])
	}
}

func addNewAccounts(b *batch, accounts []bank.Account) {
	accounts = slices.SortedFunc(slices.Values(accounts), func(x, y bank.Account) int { return bytes.Compare(x.ID[:], y.ID[:]) })
	p := &b.session.parameters
	column(p, typeUUID, accounts, func(p *parameters, a *bank.Account) { p.uuid(a.ID) })
	column(p, typeUUID, accounts, func(p *parameters, a *bank.Account) { p.uuid(a.CustomerID) })
	column(p, typeInt2, accounts, func(p *parameters, a *bank.Account) { p.int2(uint8(a.Kind)) })
	column(p, typeText, accounts, func(p *parameters, a *bank.Account) { p.text(a.Currency.String()) })
	addFigures(p, accounts)
	b.add(insertAccounts, nil)
}

// addFigures writes the figures of accounts.
func addFigures(p *parameters, accounts []bank.Account) {
	column(p, typeInt8, accounts, func(p *parameters, a *bank.Account) { p.int8(a.Balance) })
	column(p, typeInt8, accounts, func(p *parameters, a *bank.Account) { p.int8(a.Held) })
	column(p, typeInt8, accounts, func(p *parameters, a *bank.Account) { p.int8(a.CreditLimit) })
	column(p, typeInt8, accounts, func(p *parameters, a *bank.Account) { p.int8(a.Sequence) })
	column(p, typeTimestamp, accounts, func(p *parameters, a *bank.Account) { p.timestamp(a.LastAt) })
}

func addAccounts(b *batch, seen *view, accounts []bank.Account) {
	addVersions(&b.session.parameters, seen, accounts)
	addDeadline(&b.session.parameters, seen)
	b.add(updateAccounts, nil)
}

// addDeadline writes the deadline of a batch, as an array of one.
func addDeadline(p *parameters, seen *view) {
	p.array(typeTimestamp, 1)
	if seen.deadline.IsZero() {
		p.int8(math.MaxInt64) // infinity
		return
	}
	p.timestamp(seen.deadline)
}

// addVersions writes the figures of accounts and the versions that the batch was decided on.
func addVersions(p *parameters, seen *view, accounts []bank.Account) {
	column(p, typeUUID, accounts, func(p *parameters, a *bank.Account) { p.uuid(a.ID) })
	addFigures(p, accounts)
	column(p, typeInt8, accounts, func(p *parameters, a *bank.Account) { p.int8(seen.version(a.ID)) })
}

func addNewCards(b *batch, issued []bank.NewCard) {
	// The lookup is unique too, so it is the order; the ids of new cards are random.
	issued = slices.SortedFunc(slices.Values(issued), func(x, y bank.NewCard) int { return bytes.Compare(x.Lookup[:], y.Lookup[:]) })
	cards := make([]bank.Card, len(issued))
	for i := range issued {
		cards[i] = issued[i].Card
	}
	p := &b.session.parameters
	column(p, typeUUID, cards, func(p *parameters, c *bank.Card) { p.uuid(c.ID) })
	column(p, typeInt2, cards, func(p *parameters, c *bank.Card) { p.int2(uint8(c.Brand)) })
	column(p, typeText, cards, func(p *parameters, c *bank.Card) { p.text(c.BIN) })
	column(p, typeText, cards, func(p *parameters, c *bank.Card) { p.text(c.Last4) })
	column(p, typeUUID, cards, func(p *parameters, c *bank.Card) { p.uuid(c.AccountID) })
	column(p, typeText, cards, func(p *parameters, c *bank.Card) { p.text(c.HolderName) })
	column(p, typeInt4, cards, func(p *parameters, c *bank.Card) { p.int4(c.Expiry.Month) })
	column(p, typeInt4, cards, func(p *parameters, c *bank.Card) { p.int4(c.Expiry.Year) })
	column(p, typeTimestamp, cards, func(p *parameters, c *bank.Card) { p.timestamp(c.IssuedAt) })
	addCardState(p, cards)
	b.add(insertCards, nil)

	column(p, typeUUID, issued, func(p *parameters, n *bank.NewCard) { p.uuid(n.Card.ID) })
	column(p, typeBytes, issued, func(p *parameters, n *bank.NewCard) { p.bytes(n.Lookup[:]) })
	column(p, typeText, issued, func(p *parameters, n *bank.NewCard) { p.text(n.Sealed.KeyID) })
	column(p, typeBytes, issued, func(p *parameters, n *bank.NewCard) { p.bytes(n.Sealed.Ciphertext) })
	b.add(insertSealed, nil)
}

// addCardState writes the fields of cards that may change.
func addCardState(p *parameters, cards []bank.Card) {
	column(p, typeBool, cards, func(p *parameters, c *bank.Card) { p.bool(c.Blocked) })
	column(p, typeText, cards, func(p *parameters, c *bank.Card) { p.micros(c.WrongAt) })
	column(p, typeTimestamp, cards, func(p *parameters, c *bank.Card) { p.optionalTimestamp(c.LockedUntil) })
	column(p, typeInt8, cards, func(p *parameters, c *bank.Card) { p.int8(c.Rules.Limit) })
	column(p, typeInt8, cards, func(p *parameters, c *bank.Card) { p.int8(c.Rules.Minimum) })
	column(p, typeInt4, cards, func(p *parameters, c *bank.Card) { p.int4(int(c.Rules.PerMinute)) })
	column(p, typeInt8, cards, func(p *parameters, c *bank.Card) { p.int8(c.Frequency.Level) })
	column(p, typeTimestamp, cards, func(p *parameters, c *bank.Card) { p.optionalTimestamp(c.Frequency.At) })
	column(p, typeBool, cards, func(p *parameters, c *bank.Card) { p.bool(c.Used) })
}

func addCards(b *batch, cards []bank.Card) {
	p := &b.session.parameters
	column(p, typeUUID, cards, func(p *parameters, c *bank.Card) { p.uuid(c.ID) })
	addCardState(p, cards)
	b.add(updateCards, nil)
}

func addTokenUses(b *batch, uses []bank.TokenUse) {
	uses = slices.SortedFunc(slices.Values(uses), func(x, y bank.TokenUse) int { return bytes.Compare(x.Nonce[:], y.Nonce[:]) })
	addUses(&b.session.parameters, uses)
	b.add(insertTokenUses, nil)
	addStoredTokenUses(b, uses)
}

// addUses writes the columns of token uses.
func addUses(p *parameters, uses []bank.TokenUse) {
	column(p, typeUUID, uses, func(p *parameters, u *bank.TokenUse) { p.uuid(u.Nonce) })
	column(p, typeUUID, uses, func(p *parameters, u *bank.TokenUse) { p.uuid(u.TransactionID) })
	column(p, typeTimestamp, uses, func(p *parameters, u *bank.TokenUse) { p.timestamp(u.ExpiresAt) })
}

func addEvents(b *batch, seen *view, events []bank.Event) {
	addBodies(&b.session.parameters, events)
	if seen.republished {
		b.add(insertRepublished, nil)
		return
	}
	b.add(insertEvents, nil)
}

// addBodies writes the columns of events.
func addBodies(p *parameters, events []bank.Event) {
	column(p, typeUUID, events, func(p *parameters, e *bank.Event) { p.uuid(e.TransactionID) })
	column(p, typeUUID, events, func(p *parameters, e *bank.Event) { p.optionalUUID(e.AccountID) })
	column(p, typeInt8, events, func(p *parameters, e *bank.Event) { p.optionalInt8(e.Sequence) })
	column(p, typeUUID, events, func(p *parameters, e *bank.Event) { p.uuid(e.Key) })
	column(p, typeInt4, events, func(p *parameters, e *bank.Event) { p.int4(e.SchemaVersion) })
	column(p, typeBytes, events, func(p *parameters, e *bank.Event) { p.bytes(e.Body) })
}

func addEntries(b *batch, entries []*bank.Entry) {
	entries = slices.SortedFunc(slices.Values(entries), func(x, y *bank.Entry) int {
		return cmp.Or(bytes.Compare(x.TransactionID[:], y.TransactionID[:]), cmp.Compare(x.Leg, y.Leg))
	})
	p := &b.session.parameters
	addMovements(p, entries)
	if !slices.ContainsFunc(entries, hasOwnData) {
		b.add(insertEntries, nil)
		return
	}
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).Currency.String()) })
	column(p, typeInt2, entries, func(p *parameters, e **bank.Entry) { p.int2(uint8((*e).Card.Brand)) })
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).Card.BIN) })
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).Card.Last4) })
	b.add(insertAnyEntries, nil)
}

// addMovements writes the columns that every entry has.
func addMovements(p *parameters, entries []*bank.Entry) {
	column(p, typeUUID, entries, func(p *parameters, e **bank.Entry) { p.uuid((*e).TransactionID) })
	column(p, typeInt2, entries, func(p *parameters, e **bank.Entry) { p.int2((*e).Leg) })
	column(p, typeUUID, entries, func(p *parameters, e **bank.Entry) { p.optionalUUID((*e).AccountID) })
	column(p, typeInt8, entries, func(p *parameters, e **bank.Entry) { p.optionalInt8((*e).Sequence) })
	column(p, typeInt2, entries, func(p *parameters, e **bank.Entry) { p.int2(uint8((*e).Kind)) })
	column(p, typeInt2, entries, func(p *parameters, e **bank.Entry) { p.int2(uint8((*e).Direction)) })
	column(p, typeInt2, entries, func(p *parameters, e **bank.Entry) { p.int2(uint8((*e).Status)) })
	column(p, typeInt2, entries, func(p *parameters, e **bank.Entry) { p.int2(uint8((*e).Decline)) })
	column(p, typeInt8, entries, func(p *parameters, e **bank.Entry) { p.int8((*e).Amount) })
	column(p, typeUUID, entries, func(p *parameters, e **bank.Entry) { p.optionalUUID((*e).DebitAccount) })
	column(p, typeUUID, entries, func(p *parameters, e **bank.Entry) { p.optionalUUID((*e).CreditAccount) })
	column(p, typeInt8, entries, func(p *parameters, e **bank.Entry) { p.int8((*e).BalanceAfter) })
	column(p, typeInt8, entries, func(p *parameters, e **bank.Entry) { p.int8((*e).HeldAfter) })
	column(p, typeInt8, entries, func(p *parameters, e **bank.Entry) { p.int8((*e).CreditLimitAfter) })
	column(p, typeUUID, entries, func(p *parameters, e **bank.Entry) { p.optionalUUID((*e).Card.ID) })
	addCircumstances(p, entries)
}

// hasOwnData reports whether an entry has a currency or card data that no account or card keeps for
// it.
func hasOwnData(e *bank.Entry) bool {
	return e.IsRefusal() || e.Card.ID.IsZero() && e.Card != bank.CardSnapshot{}
}

// addCircumstances writes merchant, channel, request and time of entries.
func addCircumstances(p *parameters, entries []*bank.Entry) {
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).Merchant.ID) })
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).Merchant.Name) })
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).Merchant.CategoryCode) })
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).Merchant.City) })
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).Merchant.Country) })
	column(p, typeInt2, entries, func(p *parameters, e **bank.Entry) { p.int2(uint8((*e).Channel)) })
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).Description) })
	column(p, typeUUID, entries, func(p *parameters, e **bank.Entry) { p.optionalUUID((*e).OriginalID) })
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).CounterpartyName) })
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).EndToEndID) })
	column(p, typeInt4, entries, func(p *parameters, e **bank.Entry) { p.int4(int((*e).Attempt)) })
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).Request.Caller) })
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).Request.ID) })
	column(p, typeBytes, entries, func(p *parameters, e **bank.Entry) { p.bytes((*e).Request.Fingerprint[:]) })
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).Request.TraceID) })
	column(p, typeInt8, entries, func(p *parameters, e **bank.Entry) { p.int8((*e).DecisionMicros) })
	column(p, typeTimestamp, entries, func(p *parameters, e **bank.Entry) { p.timestamp((*e).OccurredAt) })
	column(p, typeText, entries, func(p *parameters, e **bank.Entry) { p.text((*e).ProducerVersion) })
	addRisk(p, entries)
}

// addRisk writes card use and risk, as null for entries without them.
func addRisk(p *parameters, entries []*bank.Entry) {
	column(p, typeInt2, entries, func(p *parameters, e **bank.Entry) { p.optionalInt2(uint8((*e).CardUse), (*e).CardUse != 0) })
	column(p, typeInt2, entries, func(p *parameters, e **bank.Entry) { p.optionalInt2((*e).Risk.Score, (*e).Risk.Rule != 0) })
	column(p, typeInt2, entries, func(p *parameters, e **bank.Entry) { p.optionalInt2(uint8((*e).Risk.Rule), (*e).Risk.Rule != 0) })
}
