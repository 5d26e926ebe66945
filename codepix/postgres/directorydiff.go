package postgres

import (
	"context"
	"errors"
	"slices"

	"codebank.dev/codepix/directory"
	"github.com/jackc/pgx/v5"
)

// errRefused rolls back a change that was refused.
var errRefused = errors.New("postgres: the change was refused")

// difference is a record before and after a change.
type difference struct {
	change        *directory.Change
	before, after *directory.Record
}

const (
	deleteEntry = "DELETE FROM pix_keys WHERE kind = $1 AND key = $2 AND bank_code = $3 AND account_id = $4"
	putEntry    = `INSERT INTO pix_keys (` + entryColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (kind, key, bank_code, account_id) DO UPDATE SET state = excluded.state, holder_name = excluded.holder_name,
	holder_document = excluded.holder_document, created_at = excluded.created_at`
	putClaim = `INSERT INTO pix_claims (` + claimColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, claimer_name = excluded.claimer_name, claimer_document = excluded.claimer_document,
	donor_bank = excluded.donor_bank, donor_account = excluded.donor_account, donor_name = excluded.donor_name,
	donor_document = excluded.donor_document, donor_proved = excluded.donor_proved, resolve_at = excluded.resolve_at`
	askCode = `INSERT INTO pix_codes (kind, key, bank_code, account_id, requested_at, attempts, used, next_try_at) VALUES ($1, $2, $3, $4, $5, 0, false, $5)
ON CONFLICT (kind, key, bank_code, account_id) DO UPDATE SET requested_at = excluded.requested_at, hash = NULL, expires_at = NULL, attempts = 0,
	used = false, sent = false, tries = 0, next_try_at = excluded.next_try_at`
	updateCode = `UPDATE pix_codes SET attempts = $5, used = $6, hash = CASE WHEN $7 THEN hash END, expires_at = CASE WHEN $7 THEN expires_at END
WHERE kind = $1 AND key = $2 AND bank_code = $3 AND account_id = $4`
	putSends = `INSERT INTO pix_code_sends (kind, key, since, count) VALUES ($1, $2, $3, $4)
ON CONFLICT (kind, key) DO UPDATE SET since = excluded.since, count = excluded.count`
	putRequest = "INSERT INTO pix_requests (bank_code, request_id, fingerprint, kind, key, state, created_at, claim_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
)

// write writes what has changed, in one round trip, and then the tallies.
func (d *Directory) write(ctx context.Context, tx pgx.Tx, diff *difference) error {
	batch := &pgx.Batch{}
	diff.queueEntries(batch)
	diff.queueClaims(batch)
	diff.queueProofs(batch)
	if r := diff.after; r.Sends != diff.before.Sends {
		batch.Queue(putSends, kindOf(r.Key), r.Key.Text, r.Sends.Since, r.Sends.Count)
	}
	if q := diff.after.Request; q != nil && diff.before.Request == nil {
		var claim *[16]byte
		if !q.Claim.IsZero() {
			claim = (*[16]byte)(&q.Claim)
		}
		batch.Queue(putRequest, diff.change.Party.BankCode, diff.change.RequestID, q.Fingerprint[:], kindOf(q.Key), q.Key.Text,
			int16(q.State), orNull(q.CreatedAt), claim)
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	return d.tally(ctx, tx, diff)
}

// entriesOf returns the entries of a record by party. An active one is last.
func entriesOf(r *directory.Record) []directory.Entry {
	entries := slices.Clone(r.Pending)
	if r.Active != nil {
		entries = append(entries, *r.Active)
	}
	return entries
}

// queueEntries deletes before it writes, so that the key is free for who gets it.
func (diff *difference) queueEntries(batch *pgx.Batch) {
	before, after := entriesOf(diff.before), entriesOf(diff.after)
	for _, e := range before {
		if !slices.ContainsFunc(after, func(a directory.Entry) bool { return a.Account.Party == e.Account.Party }) {
			batch.Queue(deleteEntry, kindOf(e.Key), e.Key.Text, e.Account.BankCode, [16]byte(e.Account.AccountID))
		}
	}
	for _, e := range after {
		if !slices.Contains(before, e) {
			batch.Queue(putEntry, kindOf(e.Key), e.Key.Text, e.Account.BankCode, [16]byte(e.Account.AccountID), int16(e.State),
				e.Account.HolderName, e.Account.HolderDocument, e.CreatedAt)
		}
	}
}

// queueClaims writes those that end first, so that another one may be open.
func (diff *difference) queueClaims(batch *pgx.Batch) {
	changed := slices.DeleteFunc(slices.Clone(diff.after.Claims), func(c directory.Claim) bool { return slices.Contains(diff.before.Claims, c) })
	slices.SortStableFunc(changed, func(a, b directory.Claim) int { return int(b.State) - int(a.State) })
	for _, c := range changed {
		batch.Queue(putClaim, [16]byte(c.ID), kindOf(c.Key), c.Key.Text, int16(c.State),
			c.Claimer.BankCode, [16]byte(c.Claimer.AccountID), c.Claimer.HolderName, c.Claimer.HolderDocument,
			c.Donor.BankCode, [16]byte(c.Donor.AccountID), c.Donor.HolderName, c.Donor.HolderDocument,
			c.DonorProved, c.CreatedAt, orNull(c.ResolveAt))
	}
}

func (diff *difference) queueProofs(batch *pgx.Batch) {
	k := diff.after.Key
	for _, p := range diff.after.Proofs {
		at := slices.IndexFunc(diff.before.Proofs, func(b directory.Proof) bool { return b.Party == p.Party })
		switch {
		case at < 0 || !diff.before.Proofs[at].RequestedAt.Equal(p.RequestedAt):
			batch.Queue(askCode, kindOf(k), k.Text, p.BankCode, [16]byte(p.AccountID), p.RequestedAt)
		case diff.before.Proofs[at] != p:
			batch.Queue(updateCode, kindOf(k), k.Text, p.BankCode, [16]byte(p.AccountID), p.Attempts, p.Used, !p.Hash.IsZero())
		}
	}
}
