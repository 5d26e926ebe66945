package postgres

import (
	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
	"codebank.dev/platform/pan"
)

// reading fills a view with accounts and cards, and a bank.ReadSet with all other rows of the read
// set.
type reading struct {
	view  *view
	reads bank.ReadSet
	// accounts is lockAccounts or readAccounts.
	accounts *wire.Statement
}

// add queues the read set: the accounts with their locks or versions first, then the rows that those
// guard. For an empty list it queues nothing.
func (r *reading) add(b *wire.Batch, keys *bank.Keys) {
	p := &b.Session.Parameters
	if len(keys.Accounts) > 0 {
		p.UUIDs(keys.Accounts)
		b.Add(r.accounts, func(row wire.Row) { r.view.add(accountState{account: accountOf(&row), version: row.Int8()}) })
	}
	if len(keys.StoredTokens) > 0 {
		r.addStoredTokens(b, keys.StoredTokens)
	}
	if len(keys.Cards) > 0 {
		p.UUIDs(keys.Cards)
		b.Add(readCards, func(row wire.Row) { r.view.addCard(cardOf(&row)) })
	}
	if transactions := keys.Entries(); len(transactions) > 0 {
		p.UUIDs(transactions)
		b.Add(readEntries, func(row wire.Row) { r.reads.Entries = append(r.reads.Entries, entryOf(&row)) })
	}
	if len(keys.Originals) > 0 {
		r.reads.Sums = make(map[bank.Sum]int64)
		p.UUIDs(keys.Originals)
		b.Add(readSums, func(row wire.Row) {
			sum := bank.Sum{Original: row.UUID(), Relation: bank.Relation(row.Int2())}
			r.reads.Sums[sum] = row.Int8()
		})
	}
	if len(keys.Tokens) > 0 {
		p.UUIDs(keys.Tokens)
		b.Add(readTokenUses, func(row wire.Row) { r.addUse(row.UUID(), row.UUID()) })
	}
}

func (r *reading) addUse(nonce, transaction bank.ID) {
	r.reads.TokenUses = append(r.reads.TokenUses, bank.TokenUse{Nonce: nonce, TransactionID: transaction})
}

// accountOf reads accountColumns.
func accountOf(r *wire.Row) bank.Account {
	return bank.Account{
		ID: r.UUID(), CustomerID: r.UUID(), Kind: bank.AccountKind(r.Int2()), Currency: r.Currency(),
		Balance: r.Int8(), Held: r.Int8(), CreditLimit: r.Int8(), Sequence: r.Int8(), LastAt: r.Timestamp(),
	}
}

// cardOf reads cardColumns.
func cardOf(r *wire.Row) bank.Card {
	return bank.Card{
		CardSnapshot: snapshotOf(r), AccountID: r.UUID(), HolderName: r.Text(),
		Expiry: pan.Expiry{Month: int(r.Int2()), Year: int(r.Int4())}, Blocked: r.Bool(),
		WrongAt: r.Micros(), LockedUntil: r.Timestamp(),
		Rules:     bank.PurchaseRules{Limit: r.Int8(), Minimum: r.Int8(), PerMinute: r.Int4()},
		Frequency: bank.Frequency{Level: r.Int8(), At: r.Timestamp()}, IssuedAt: r.Timestamp(), Used: r.Bool(),
	}
}

func snapshotOf(r *wire.Row) bank.CardSnapshot {
	return bank.CardSnapshot{ID: r.UUID(), Brand: pan.Brand(r.Int2()), BIN: r.Text(), Last4: r.Text()}
}

// entryOf reads entryColumns.
func entryOf(r *wire.Row) bank.Entry {
	return bank.Entry{
		TransactionID: r.UUID(), Leg: r.Int2(),
		Request:   bank.Request{Caller: r.Text(), ID: r.Text(), Fingerprint: r.Hash(), TraceID: r.Text()},
		AccountID: r.UUID(), CustomerID: r.UUID(), Sequence: r.Int8(),
		Kind: bank.Kind(r.Int2()), Direction: bank.Direction(r.Int2()), Status: bank.Status(r.Int2()), Decline: bank.DeclineReason(r.Int2()),
		Amount: r.Int8(), Currency: r.Currency(), DebitAccount: r.UUID(), CreditAccount: r.UUID(),
		BalanceAfter: r.Int8(), HeldAfter: r.Int8(), CreditLimitAfter: r.Int8(),
		Card:     snapshotOf(r),
		Merchant: bank.Merchant{ID: r.Text(), Name: r.Text(), CategoryCode: r.Text(), City: r.Text(), Country: r.Text()},
		Channel:  bank.Channel(r.Int2()), Description: r.Text(), OriginalID: r.UUID(),
		CounterpartyName: r.Text(), EndToEndID: r.Text(), Attempt: r.Int4(),
		DecisionMicros: r.Int8(), OccurredAt: r.Timestamp(), ProducerVersion: r.Text(),
		CardUse: bank.CardUse(r.Int2()), Risk: bank.Risk{Score: r.Int2(), Rule: bank.RiskRule(r.Int2())},
	}
}
