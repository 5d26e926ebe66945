package postgres

import (
	"context"
	"errors"
	"fmt"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/database"
	"codebank.dev/platform/pan"
)

const factColumns = `c.id, c.brand, c.bin, c.last4, c.account_id, c.holder_name, c.expiry_month, c.expiry_year`

var (
	factsByLookup = &statement{"facts_by_lookup", `SELECT ` + factColumns + `
		FROM vault v JOIN cards c ON c.id = v.card_id WHERE v.lookup = $1::bytea`}
	factsByID   = &statement{"facts_by_id", `SELECT ` + factColumns + ` FROM cards c WHERE c.id = $1::uuid`}
	tokenByHash = &statement{"token_by_hash", `SELECT ` + tokenColumns + ` FROM card_tokens t WHERE t.hash = $1::bytea`}
	parties     = &statement{"parties", `SELECT account_id, card_id FROM entries WHERE transaction_id = $1::uuid AND leg = 0`}

	accountByID = &statement{"account_by_id", `SELECT ` + accountColumns + ` FROM accounts a WHERE a.id = $1::uuid`}
	cardByID    = &statement{"card_by_id", `SELECT ` + cardColumns + `, ` + accountColumns + `
		FROM cards c JOIN accounts a ON a.id = c.account_id WHERE c.id = $1::uuid`}
	transactionByID = &statement{"transaction_by_id", `SELECT ` + entryColumns + `,
			(SELECT coalesce(sum(amount), 0)::bigint FROM entries WHERE original_transaction_id = $1::uuid AND ` + givenBack + `)
		` + entryTables + ` WHERE e.transaction_id = $1::uuid AND e.leg = 0`}
	sealedByCard = &statement{"sealed_by_card", `SELECT key_id, ciphertext FROM vault WHERE card_id = $1::uuid`}

	insertToken = &statement{"insert_token", `INSERT INTO card_tokens
		(hash, card_id, account_id, brand, bin, last4, verdict, expires_at, used_by)
		SELECT * FROM unnest($1::bytea[], $2::uuid[], $3::uuid[], $4::smallint[], $5::text[], $6::text[], $7::smallint[],
			$8::timestamptz[], $9::uuid[])`}
	deleteExpiredTokens = &statement{"delete_expired_tokens", `DELETE FROM card_tokens
		WHERE hash IN (SELECT hash FROM card_tokens WHERE expires_at < now() ORDER BY expires_at LIMIT $1::bigint)`}
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

// Token implements bank.Directory.
func (s *Store) Token(ctx context.Context, hash [32]byte) (token bank.CardToken, err error) {
	err = s.one(ctx, tokenByHash, func(p *parameters) { p.bytesArgument(hash[:]) }, func(r row) { token = r.token() })
	return token, err
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

// InsertToken implements bank.TokenStore.
func (s *Store) InsertToken(ctx context.Context, token bank.CardToken) error {
	s.config.Failpoint.At(failpoints.TokenMade)
	tokens := []bank.CardToken{token}
	err := s.query(ctx, insertToken, func(p *parameters) {
		column(p, typeBytes, tokens, func(p *parameters, t *bank.CardToken) { p.bytes(t.Hash[:]) })
		column(p, typeUUID, tokens, func(p *parameters, t *bank.CardToken) { p.optionalUUID(t.CardID) })
		column(p, typeUUID, tokens, func(p *parameters, t *bank.CardToken) { p.optionalUUID(t.AccountID) })
		column(p, typeInt2, tokens, func(p *parameters, t *bank.CardToken) { p.int2(uint8(t.Card.Brand)) })
		column(p, typeText, tokens, func(p *parameters, t *bank.CardToken) { p.text(t.Card.BIN) })
		column(p, typeText, tokens, func(p *parameters, t *bank.CardToken) { p.text(t.Card.Last4) })
		column(p, typeInt2, tokens, func(p *parameters, t *bank.CardToken) { p.int2(uint8(t.Check.Decline)) })
		column(p, typeTimestamp, tokens, func(p *parameters, t *bank.CardToken) { p.timestamp(t.ExpiresAt) })
		column(p, typeUUID, tokens, func(p *parameters, t *bank.CardToken) { p.optionalUUID(t.UsedBy) })
	}, nil)
	if errors.Is(err, bank.ErrRetry) && database.State(err) == uniqueViolation {
		return fmt.Errorf("%w: the token exists", bank.ErrRejected)
	}
	s.config.Failpoint.After(err, failpoints.TokenStored)
	return err
}

// DeleteExpiredTokens deletes up to limit tokens that have expired by the database's clock, and
// returns how many. Call it now and then; fewer than limit means that none is left. No one needs an
// expired token: a purchase is repeated by its request id, never by its token.
func (s *Store) DeleteExpiredTokens(ctx context.Context, limit int) (deleted int64, err error) {
	err = s.with(ctx, func(session *session) error {
		if err := session.prepare(ctx, deleteExpiredTokens); err != nil {
			return notCommitted(err)
		}
		session.parameters.int8Argument(int64(limit))
		b := batch{session: session}
		b.add(deleteExpiredTokens, nil)
		_, tag, err := b.run(ctx)
		s.config.Failpoint.After(err, failpoints.TokensSwept)
		deleted = rows(tag)
		return answered(err)
	})
	return deleted, err
}
