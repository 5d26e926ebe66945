package postgres

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/platform/pan"
)

// Version 0.1.0 stored card tokens in the table card_tokens, and marked them there when they were
// used. Everything about it is in this file; see bank.StoredTokens for when it can go.

var _ bank.StoredTokens = (*Store)(nil)

var (
	storedToken = &statement{"stored_token", `SELECT hash, card_id, brand, bin, last4, verdict, expires_at
		FROM card_tokens WHERE hash = $1::bytea`}
	// lockStoredTokens excludes replicas of version 0.1.0, which may use the token at the same time.
	lockStoredTokens = &statement{"lock_stored_tokens", `SELECT hash, expires_at, used_by
		FROM card_tokens WHERE hash = ANY($1::bytea[]) ORDER BY hash FOR NO KEY UPDATE`}
	useStoredTokens = &statement{"use_stored_tokens", `UPDATE card_tokens t SET used_by = u.used_by
		FROM (SELECT unnest($1::bytea[]) AS hash, unnest($2::uuid[]) AS used_by) u WHERE t.hash = u.hash`}
)

// StoredToken implements bank.StoredTokens.
func (s *Store) StoredToken(ctx context.Context, hash [32]byte) (token bank.CardToken, err error) {
	err = s.one(ctx, storedToken, func(p *parameters) { p.bytesArgument(hash[:]) }, func(r row) {
		hash := r.hash()
		token.Card = bank.CardSnapshot{ID: r.uuid(), Brand: pan.Brand(r.int2()), BIN: r.text(), Last4: r.text()}
		token.Check = bank.CardCheck{Decline: bank.DeclineReason(r.int2())}
		token.ExpiresAt = r.timestamp()
		token.Nonce = bank.StoredNonce(hash, token.ExpiresAt)
	})
	return token, err
}

// addStoredTokens queues the locks of stored tokens and adds those that were used to the read set.
func (r *reading) addStoredTokens(b *batch, hashes [][32]byte) {
	p := &b.session.parameters
	p.array(typeBytes, len(hashes))
	for i := range hashes {
		p.bytes(hashes[i][:])
	}
	b.add(lockStoredTokens, func(row row) {
		nonce := bank.StoredNonce(row.hash(), row.timestamp())
		if user := row.uuid(); !user.IsZero() {
			r.addUse(nonce.ID(), user)
		}
	})
}

// addStoredTokenUses queues the marks of those tokens that are stored.
func addStoredTokenUses(b *batch, uses []bank.TokenUse) {
	var stored []bank.TokenUse
	for i := range uses {
		if uses[i].StoredHash != [32]byte{} {
			stored = append(stored, uses[i])
		}
	}
	if len(stored) == 0 {
		return
	}
	p := &b.session.parameters
	column(p, typeBytes, stored, func(p *parameters, u *bank.TokenUse) { p.bytes(u.StoredHash[:]) })
	column(p, typeUUID, stored, func(p *parameters, u *bank.TokenUse) { p.uuid(u.TransactionID) })
	b.add(useStoredTokens, nil)
}
