package postgres

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/pan"
)

const factColumns = `c.id, c.brand, c.bin, c.last4, c.account_id, c.holder_name, c.expiry_month, c.expiry_year`

var (
	factsByLookup = &statement{"facts_by_lookup", `SELECT ` + factColumns + `
		FROM vault v JOIN cards c ON c.id = v.card_id WHERE v.lookup = $1::bytea`}
	factsByID = &statement{"facts_by_id", `SELECT ` + factColumns + ` FROM cards c WHERE c.id = $1::uuid`}
	parties   = &statement{"parties", `SELECT account_id, card_id FROM entries WHERE transaction_id = $1::uuid AND leg = 0`}

	accountByID = &statement{"account_by_id", `SELECT ` + accountColumns + ` FROM accounts a WHERE a.id = $1::uuid`}
	cardByID    = &statement{"card_by_id", `SELECT ` + cardColumns + `, ` + accountColumns + `
		FROM cards c JOIN accounts a ON a.id = c.account_id WHERE c.id = $1::uuid`}
	transactionByID = &statement{"transaction_by_id", `SELECT ` + entryColumns + `,
			(SELECT coalesce(sum(amount), 0)::bigint FROM entries WHERE original_transaction_id = $1::uuid AND ` + givenBack + `)
		` + entryTables + ` WHERE e.transaction_id = $1::uuid AND e.leg = 0`}
	sealedByCard = &statement{"sealed_by_card", `SELECT key_id, ciphertext FROM vault WHERE card_id = $1::uuid`}

	// deleteExpiredTokens finds the uses by their nonces, which begin with the time of issue.
	deleteExpiredTokens = &statement{"delete_expired_tokens", `WITH uses AS (DELETE FROM used_tokens
			WHERE nonce IN (SELECT nonce FROM used_tokens WHERE nonce < $2::uuid AND expires_at < now() - interval '1 hour'
				ORDER BY nonce LIMIT $1::bigint) RETURNING 1),
		stored AS (DELETE FROM card_tokens
			WHERE hash IN (SELECT hash FROM card_tokens WHERE expires_at < now() ORDER BY expires_at LIMIT $1::bigint) RETURNING 1)
		SELECT greatest((SELECT count(*) FROM uses), (SELECT count(*) FROM stored))`}
)

// CardByLookup implements bank.Directory.
func (s *Store) CardByLookup(ctx context.Context, lookup [32]byte) (bank.CardFacts, error) {
	return s.facts(ctx, factsByLookup, func(p *parameters) { p.bytesArgument(lookup[:]) })
}

// CardByID implements bank.Directory.
func (s *Store) CardByID(ctx context.Context, card bank.ID) (bank.CardFacts, error) {
	return s.facts(ctx, factsByID, func(p *parameters) { p.uuidArgument(card) })
}

func (s *Store) facts(ctx context.Context, st *statement, build func(*parameters)) (facts bank.CardFacts, err error) {
	err = s.one(ctx, st, build, func(r row) {
		facts = bank.CardFacts{Card: r.cardSnapshot(), AccountID: r.uuid(), HolderName: r.text(),
			Expiry: pan.Expiry{Month: int(r.int2()), Year: int(r.int4())}}
	})
	return facts, err
}

// Parties implements bank.Directory.
func (s *Store) Parties(ctx context.Context, transaction bank.ID) (found bank.Parties, err error) {
	err = s.one(ctx, parties, func(p *parameters) { p.uuidArgument(transaction) },
		func(r row) { found = bank.Parties{AccountID: r.uuid(), CardID: r.uuid()} })
	return found, err
}

// Account implements bank.Reader.
func (s *Store) Account(ctx context.Context, id bank.ID) (account bank.Account, err error) {
	err = s.one(ctx, accountByID, func(p *parameters) { p.uuidArgument(id) }, func(r row) { account = r.account() })
	return account, err
}

// Card implements bank.Reader; card and account are as of the same moment.
func (s *Store) Card(ctx context.Context, id bank.ID) (card bank.Card, account bank.Account, err error) {
	err = s.one(ctx, cardByID, func(p *parameters) { p.uuidArgument(id) },
		func(r row) { card, account = r.card(), r.account() })
	return card, account, err
}

// Transaction implements bank.Reader; both results are as of the same moment.
func (s *Store) Transaction(ctx context.Context, id bank.ID) (entry bank.Entry, reversed int64, err error) {
	err = s.one(ctx, transactionByID, func(p *parameters) { p.uuidArgument(id) },
		func(r row) { entry, reversed = r.entry(), r.int8() })
	return entry, reversed, err
}

// SealedNumber implements bank.Reader.
func (s *Store) SealedNumber(ctx context.Context, card bank.ID) (sealed bank.Sealed, err error) {
	err = s.one(ctx, sealedByCard, func(p *parameters) { p.uuidArgument(card) },
		func(r row) { sealed = bank.Sealed{KeyID: r.text(), Ciphertext: r.bytes()} })
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
	err = s.query(ctx, deleteExpiredTokens, func(p *parameters) {
		p.int8Argument(int64(limit))
		p.uuidArgument(bank.FirstNonceID(now.Add(-keepUses - bank.TokenLife)))
	}, func(r row) { more = r.int8() == int64(limit) })
	s.config.Failpoint.After(err, failpoints.TokensSwept)
	return more, err
}
