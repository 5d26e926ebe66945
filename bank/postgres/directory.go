package postgres

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/database/wire"
	"codebank.dev/platform/pan"
)

const factColumns = `c.id, c.brand, c.bin, c.last4, c.account_id, c.holder_name, c.expiry_month, c.expiry_year`

var (
	factsByLookup = &wire.Statement{Name: "facts_by_lookup", SQL: `SELECT ` + factColumns + `
		FROM vault v JOIN cards c ON c.id = v.card_id WHERE v.lookup = $1::bytea`}
	factsByID = &wire.Statement{Name: "facts_by_id", SQL: `SELECT ` + factColumns + ` FROM cards c WHERE c.id = $1::uuid`}
	parties   = &wire.Statement{Name: "parties", SQL: `SELECT e.account_id, second.account_id, e.card_id,
			CASE WHEN e.kind = 8 THEN (SELECT transaction_id FROM entries
				WHERE original_transaction_id = $1::uuid AND ` + endsHold + ` AND kind IN ` + kindsThat(bank.Captured) + `) END
		FROM entries e LEFT JOIN entries second ON second.transaction_id = e.transaction_id AND second.leg = 1
		WHERE e.transaction_id = $1::uuid AND e.leg = 0`}

	accountOfEntry = &wire.Statement{Name: "account_of_entry", SQL: `SELECT e.account_id FROM entries e
		WHERE e.transaction_id = $1::uuid AND e.leg = 0`}

	accountFacts = &wire.Statement{Name: "account_facts", SQL: `SELECT a.id, a.customer_id, a.kind, a.currency FROM accounts a WHERE a.id = $1::uuid`}
	accountByID  = &wire.Statement{Name: "account_by_id", SQL: `SELECT ` + selected("a", accountColumns) + ` FROM accounts a WHERE a.id = $1::uuid`}
	cardByID     = &wire.Statement{Name: "card_by_id", SQL: `SELECT ` + selected("c", cardColumns) + `, ` + selected("a", accountColumns) + `
		FROM cards c JOIN accounts a ON a.id = c.account_id WHERE c.id = $1::uuid`}
	transactionByID = &wire.Statement{Name: "transaction_by_id", SQL: `SELECT ` + selected("e", entryColumns) + `,
			(SELECT coalesce(sum(amount), 0)::bigint FROM entries WHERE original_transaction_id = $1::uuid AND ` + givenBack + `)
		` + entryTables + ` WHERE e.transaction_id = $1::uuid AND e.leg = 0`}
	sealedByCard = &wire.Statement{Name: "sealed_by_card", SQL: `SELECT key_id, ciphertext FROM vault WHERE card_id = $1::uuid`}

	// deleteExpiredTokens finds the uses by their nonces, which begin with the time of issue.
	deleteExpiredTokens = &wire.Statement{Name: "delete_expired_tokens", SQL: `WITH uses AS (DELETE FROM used_tokens
			WHERE nonce IN (SELECT nonce FROM used_tokens WHERE nonce < $2::uuid AND expires_at < now() - interval '1 hour'
				ORDER BY nonce LIMIT $1::bigint) RETURNING 1),
		stored AS (DELETE FROM card_tokens
			WHERE hash IN (SELECT hash FROM card_tokens WHERE expires_at < now() ORDER BY expires_at LIMIT $1::bigint) RETURNING 1)
		SELECT greatest((SELECT count(*) FROM uses), (SELECT count(*) FROM stored))`}
)

// CardByLookup implements bank.Directory.
func (s *Store) CardByLookup(ctx context.Context, lookup [32]byte) (bank.CardFacts, error) {
	return s.facts(ctx, factsByLookup, func(p *wire.Parameters) { p.BytesArgument(lookup[:]) })
}

// CardByID implements bank.Directory.
func (s *Store) CardByID(ctx context.Context, card bank.ID) (bank.CardFacts, error) {
	return s.facts(ctx, factsByID, func(p *wire.Parameters) { p.UUIDArgument(card) })
}

func (s *Store) facts(ctx context.Context, st *wire.Statement, build func(*wire.Parameters)) (facts bank.CardFacts, err error) {
	err = s.one(ctx, st, build, func(r wire.Row) {
		facts = bank.CardFacts{Card: snapshotOf(&r), AccountID: r.UUID(), HolderName: r.Text(),
			Expiry: pan.Expiry{Month: int(r.Int2()), Year: int(r.Int4())}}
	})
	return facts, err
}

// AccountByID implements bank.Directory.
func (s *Store) AccountByID(ctx context.Context, account bank.ID) (facts bank.AccountFacts, err error) {
	err = s.one(ctx, accountFacts, func(p *wire.Parameters) { p.UUIDArgument(account) }, func(r wire.Row) {
		facts = bank.AccountFacts{ID: r.UUID(), CustomerID: r.UUID(), Kind: bank.AccountKind(r.Int2()), Currency: r.Currency()}
	})
	return facts, err
}

// Parties implements bank.Directory.
func (s *Store) Parties(ctx context.Context, transaction bank.ID) (found bank.Parties, err error) {
	err = s.one(ctx, parties, func(p *wire.Parameters) { p.UUIDArgument(transaction) },
		func(r wire.Row) {
			found = bank.Parties{AccountID: r.UUID(), SecondAccountID: r.UUID(), CardID: r.UUID(), CaptureID: r.UUID()}
		})
	return found, err
}

// AccountOf implements bank.Directory.
func (s *Store) AccountOf(ctx context.Context, transaction bank.ID) (account bank.ID, err error) {
	if hold, ok := s.cache.holds.entries.Get(transaction); ok {
		return hold.entry.AccountID, nil
	}
	err = s.one(ctx, accountOfEntry, func(p *wire.Parameters) { p.UUIDArgument(transaction) }, func(r wire.Row) { account = r.UUID() })
	return account, err
}

// Account implements bank.Reader.
func (s *Store) Account(ctx context.Context, id bank.ID) (account bank.Account, err error) {
	err = s.one(ctx, accountByID, func(p *wire.Parameters) { p.UUIDArgument(id) }, func(r wire.Row) { account = accountOf(&r) })
	return account, err
}

// Card implements bank.Reader; card and account are as of the same moment.
func (s *Store) Card(ctx context.Context, id bank.ID) (card bank.Card, account bank.Account, err error) {
	err = s.one(ctx, cardByID, func(p *wire.Parameters) { p.UUIDArgument(id) },
		func(r wire.Row) { card, account = cardOf(&r), accountOf(&r) })
	return card, account, err
}

// Transaction implements bank.Reader; both results are as of the same moment.
func (s *Store) Transaction(ctx context.Context, id bank.ID) (entry bank.Entry, reversed int64, err error) {
	err = s.one(ctx, transactionByID, func(p *wire.Parameters) { p.UUIDArgument(id) },
		func(r wire.Row) {
			read(&r, entryColumns, &entry)
			reversed = r.Int8()
		})
	return entry, reversed, err
}

// SealedNumber implements bank.Reader.
func (s *Store) SealedNumber(ctx context.Context, card bank.ID) (sealed bank.Sealed, err error) {
	err = s.one(ctx, sealedByCard, func(p *wire.Parameters) { p.UUIDArgument(card) },
		func(r wire.Row) { sealed = bank.Sealed{KeyID: r.Text(), Ciphertext: r.Bytes()} })
	return sealed, err
}

// keepUses is how long the use of a token is kept after the token expired. Until then the clocks of
// the bank's replicas and of the database may differ, and still no token is used twice.
const keepUses = time.Hour

// DeleteExpiredTokens deletes up to limit uses of card tokens that expired an hour ago, both by now,
// which is the bank's clock, and by the database's. It deletes up to limit stored tokens that have
// expired, too. It reports whether more of them may be left. Call it now and then. No one needs what
// it deletes: a purchase is repeated by its request id, never by its token.
func (s *Store) DeleteExpiredTokens(ctx context.Context, now time.Time, limit int) (more bool, err error) {
	err = s.query(ctx, deleteExpiredTokens, func(p *wire.Parameters) {
		p.Int8Argument(int64(limit))
		p.UUIDArgument(bank.FirstNonceID(now.Add(-keepUses - bank.TokenLife)))
	}, func(r wire.Row) { more = r.Int8() == int64(limit) })
	s.config.Failpoint.After(err, failpoints.TokensSwept)
	return more, err
}
