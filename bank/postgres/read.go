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
		b.Add(r.accounts, func(row wire.Row) {
			account, version := accountOf(&row), row.Int8()
			r.view.add(accountState{account: account, version: version, readAt: version})
		})
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
		b.Add(readEntries, func(row wire.Row) { r.reads.Entries = appendEntry(r.reads.Entries, &row) })
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
	if len(keys.PixCodes) > 0 {
		p.UUIDs(keys.PixCodes)
		b.Add(readPixCodes, func(row wire.Row) { r.reads.PixCodes = append(r.reads.PixCodes, pixCodeOf(&row)) })
	}
}

func (r *reading) addUse(nonce, transaction bank.ID) {
	r.reads.TokenUses = append(r.reads.TokenUses, bank.TokenUse{Nonce: nonce, TransactionID: transaction})
}

// accountOf reads accountColumns.
func accountOf(r *wire.Row) (account bank.Account) {
	read(r, accountColumns, &account)
	return account
}

// cardOf reads cardColumns.
func cardOf(r *wire.Row) (card bank.Card) {
	read(r, cardColumns, &card)
	return card
}

func snapshotOf(r *wire.Row) bank.CardSnapshot {
	return bank.CardSnapshot{ID: r.UUID(), Brand: pan.Brand(r.Int2()), BIN: r.Text(), Last4: r.Text()}
}

// appendEntry reads entryColumns.
func appendEntry(entries []bank.Entry, r *wire.Row) []bank.Entry {
	entries = append(entries, bank.Entry{})
	read(r, entryColumns, &entries[len(entries)-1])
	return entries
}
