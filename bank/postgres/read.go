package postgres

import (
	"codebank.dev/bank"

	"codebank.dev/platform/pan"
)

// reading fills a view with accounts and cards, and a bank.ReadSet with all other rows of the read
// set.
type reading struct {
	view  *view
	reads bank.ReadSet
	// accounts is lockAccounts or readAccounts.
	accounts *statement
}

// add queues the read set: the accounts with their locks or versions first, then the rows that those
// guard. For an empty list it queues nothing.
func (r *reading) add(b *batch, keys *bank.Keys) {
	p := &b.session.parameters
	if len(keys.Accounts) > 0 {
		p.uuids(keys.Accounts)
		b.add(r.accounts, func(row row) { r.view.add(accountState{account: row.account(), version: row.int8()}) })
	}
	if len(keys.StoredTokens) > 0 {
		r.addStoredTokens(b, keys.StoredTokens)
	}
	if len(keys.Cards) > 0 {
		p.uuids(keys.Cards)
		b.add(readCards, func(row row) { r.view.addCard(row.card()) })
	}
	if len(keys.Transactions) > 0 {
		p.uuids(keys.Transactions)
		b.add(readEntries, func(row row) { r.reads.Entries = append(r.reads.Entries, row.entry()) })
	}
	if len(keys.Originals) > 0 {
		r.reads.Reversed = make(map[bank.ID]int64)
		p.uuids(keys.Originals)
		b.add(readGivenBack, func(row row) { r.reads.Reversed[row.uuid()] = row.int8() })
	}
	if len(keys.Tokens) > 0 {
		p.uuids(keys.Tokens)
		b.add(readTokenUses, func(row row) { r.addUse(row.uuid(), row.uuid()) })
	}
}

func (r *reading) addUse(nonce, transaction bank.ID) {
	r.reads.TokenUses = append(r.reads.TokenUses, bank.TokenUse{Nonce: nonce, TransactionID: transaction})
}

func (p *parameters) uuids(ids []bank.ID) {
	p.array(typeUUID, len(ids))
	for i := range ids {
		p.uuid(ids[i])
	}
}

// account reads accountColumns.
func (r *row) account() bank.Account {
	return bank.Account{
		ID: r.uuid(), CustomerID: r.uuid(), Kind: bank.AccountKind(r.int2()), Currency: r.currency(),
		Balance: r.int8(), Held: r.int8(), CreditLimit: r.int8(), Sequence: r.int8(), LastAt: r.timestamp(),
	}
}

// card reads cardColumns.
func (r *row) card() bank.Card {
	return bank.Card{
		CardSnapshot: r.cardSnapshot(), AccountID: r.uuid(), HolderName: r.text(),
		Expiry: pan.Expiry{Month: int(r.int2()), Year: int(r.int4())}, Blocked: r.bool(),
		WrongAt: r.micros(), LockedUntil: r.timestamp(),
		Rules:     bank.PurchaseRules{Limit: r.int8(), Minimum: r.int8(), PerMinute: r.int4()},
		Frequency: bank.Frequency{Level: r.int8(), At: r.timestamp()}, IssuedAt: r.timestamp(), Used: r.bool(),
	}
}

func (r *row) cardSnapshot() bank.CardSnapshot {
	return bank.CardSnapshot{ID: r.uuid(), Brand: pan.Brand(r.int2()), BIN: r.text(), Last4: r.text()}
}

// entry reads entryColumns.
func (r *row) entry() bank.Entry {
	return bank.Entry{
		TransactionID: r.uuid(), Leg: r.int2(),
		Request:   bank.Request{Caller: r.text(), ID: r.text(), Fingerprint: r.hash(), TraceID: r.text()},
		AccountID: r.uuid(), CustomerID: r.uuid(), Sequence: r.int8(),
		Kind: bank.Kind(r.int2()), Direction: bank.Direction(r.int2()), Status: bank.Status(r.int2()), Decline: bank.DeclineReason(r.int2()),
		Amount: r.int8(), Currency: r.currency(), DebitAccount: r.uuid(), CreditAccount: r.uuid(),
		BalanceAfter: r.int8(), HeldAfter: r.int8(), CreditLimitAfter: r.int8(),
		Card:     r.cardSnapshot(),
		Merchant: bank.Merchant{ID: r.text(), Name: r.text(), CategoryCode: r.text(), City: r.text(), Country: r.text()},
		Channel:  bank.Channel(r.int2()), Description: r.text(), OriginalID: r.uuid(),
		CounterpartyName: r.text(), EndToEndID: r.text(), Attempt: r.int4(),
		DecisionMicros: r.int8(), OccurredAt: r.timestamp(), ProducerVersion: r.text(),
		CardUse: bank.CardUse(r.int2()), Risk: bank.Risk{Score: r.int2(), Rule: bank.RiskRule(r.int2())},
	}
}
