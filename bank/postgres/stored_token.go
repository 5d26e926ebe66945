package postgres

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
	"codebank.dev/platform/pan"
)

// Version 0.1.0 stored card tokens in the table card_tokens, and marked them there when they were
// used. Everything about it is in this file; see bank.StoredTokens for when it can go.

var _ bank.StoredTokens = (*Store)(nil)

var (
	storedToken = &wire.Statement{Name: "stored_token", SQL: `SELECT hash, card_id, brand, bin, last4, verdict, expires_at
		FROM card_tokens WHERE hash = $1::bytea`}
	// lockStoredTokens excludes replicas of version 0.1.0, which may use the token at the same time.
	lockStoredTokens = &wire.Statement{Name: "lock_stored_tokens", SQL: `SELECT hash, expires_at, used_by
		FROM card_tokens WHERE hash = ANY($1::bytea[]) ORDER BY hash FOR NO KEY UPDATE`}
	useStoredTokens = &wire.Statement{Name: "use_stored_tokens", SQL: `UPDATE card_tokens t SET used_by = u.used_by
		FROM (SELECT unnest($1::bytea[]) AS hash, unnest($2::uuid[]) AS used_by) u WHERE t.hash = u.hash`}
)

// StoredToken implements bank.StoredTokens.
func (s *Store) StoredToken(ctx context.Context, hash [32]byte) (token bank.CardToken, err error) {
	err = s.one(ctx, storedToken, func(p *wire.Parameters) { p.BytesArgument(hash[:]) }, func(r wire.Row) {
		hash := r.Hash()
		token.Card = bank.CardSnapshot{ID: r.UUID(), Brand: pan.Brand(r.Int2()), BIN: r.Text(), Last4: r.Text()}
		token.Check = bank.CardCheck{Decline: bank.DeclineReason(r.Int2())}
		token.ExpiresAt = r.Timestamp()
		token.Nonce = bank.StoredNonce(hash, token.ExpiresAt)
	})
	return token, err
}

// addStoredTokens queues the locks of stored tokens and adds those that were used to the read set.
func (r *reading) addStoredTokens(b *wire.Batch, hashes [][32]byte) {
	p := &b.Session.Parameters
	p.Array(wire.TypeBytes, len(hashes))
	for i := range hashes {
		p.Bytes(hashes[i][:])
	}
	b.Add(lockStoredTokens, func(row wire.Row) {
		nonce := bank.StoredNonce(row.Hash(), row.Timestamp())
		if user := row.UUID(); !user.IsZero() {
			r.addUse(nonce.ID(), user)
		}
	})
}

// addStoredTokenUses queues the marks of those tokens that are stored.
func addStoredTokenUses(b *wire.Batch, uses []bank.TokenUse) {
	var stored []bank.TokenUse
	for i := range uses {
		if uses[i].StoredHash != [32]byte{} {
			stored = append(stored, uses[i])
		}
	}
	if len(stored) == 0 {
		return
	}
	p := &b.Session.Parameters
	wire.Column(p, wire.TypeBytes, stored, func(p *wire.Parameters, u *bank.TokenUse) { p.Bytes(u.StoredHash[:]) })
	wire.Column(p, wire.TypeUUID, stored, func(p *wire.Parameters, u *bank.TokenUse) { p.UUID(u.TransactionID) })
	b.Add(useStoredTokens, nil)
}
