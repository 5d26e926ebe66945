package postgres

import (
	"context"
	"errors"
	"time"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/failpoints"
	"github.com/jackc/pgx/v5"
)

const (
	// dueCode takes the code that is due first. Its next try is in 2, 4, 8 … seconds.
	dueCode = `UPDATE pix_codes SET tries = tries + 1, next_try_at = $1::timestamptz + interval '1 second' * 2 ^ (tries + 1)
WHERE (kind, key, bank_code, account_id) = (
	SELECT kind, key, bank_code, account_id FROM pix_codes WHERE NOT sent AND next_try_at <= $1 AND tries < $2
	ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING kind, key, bank_code, account_id, requested_at`
	storeCode = `UPDATE pix_codes SET hash = $6, expires_at = $7, attempts = 0
WHERE kind = $1 AND key = $2 AND bank_code = $3 AND account_id = $4 AND requested_at = $5 AND NOT used`
	codeSent = "UPDATE pix_codes SET sent = true WHERE kind = $1 AND key = $2 AND bank_code = $3 AND account_id = $4 AND requested_at = $5"
)

// DueCode implements directory.Codes.
func (d *Directory) DueCode(ctx context.Context, now time.Time) (due directory.Due, ok bool, err error) {
	err = d.pool.QueryRow(ctx, dueCode, now, directory.CodeTries).
		Scan(&due.Key.Kind, &due.Key.Text, &due.BankCode, (*[16]byte)(&due.AccountID), &due.RequestedAt)
	d.failpoint.After(err, failpoints.CodeClaimed)
	if errors.Is(err, pgx.ErrNoRows) {
		return directory.Due{}, false, nil
	}
	due.RequestedAt = due.RequestedAt.UTC()
	return due, err == nil, translate(err)
}

// StoreCode implements directory.Codes.
func (d *Directory) StoreCode(ctx context.Context, due directory.Due, hash directory.Hash, expiresAt time.Time) error {
	_, err := d.pool.Exec(ctx, storeCode, kindOf(due.Key), due.Key.Text, due.BankCode, [16]byte(due.AccountID), due.RequestedAt, hash[:], expiresAt)
	d.failpoint.After(err, failpoints.CodeStored)
	return translate(err)
}

// CodeSent implements directory.Codes.
func (d *Directory) CodeSent(ctx context.Context, due directory.Due) error {
	_, err := d.pool.Exec(ctx, codeSent, kindOf(due.Key), due.Key.Text, due.BankCode, [16]byte(due.AccountID), due.RequestedAt)
	d.failpoint.After(err, failpoints.CodeMarked)
	return translate(err)
}

const (
	// unproved is how long what is not proved is kept.
	unproved = 24 * time.Hour
	// pruneMost bounds what one statement deletes.
	pruneMost = 1000
)

// The statements of Prune. What is in use is passed over.
const (
	pruneKeys = `DELETE FROM pix_keys WHERE (kind, key, bank_code, account_id) IN (
	SELECT kind, key, bank_code, account_id FROM pix_keys WHERE state = 1 AND created_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`
	pruneClaims = `UPDATE pix_claims SET state = 4 WHERE id IN (
	SELECT id FROM pix_claims WHERE state = 1 AND created_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`
	pruneCodes = `DELETE FROM pix_codes WHERE (kind, key, bank_code, account_id) IN (
	SELECT kind, key, bank_code, account_id FROM pix_codes WHERE requested_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`
	pruneSends = `DELETE FROM pix_code_sends WHERE (kind, key) IN (
	SELECT kind, key FROM pix_code_sends WHERE since < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`
	pruneBuckets = `DELETE FROM pix_buckets WHERE (bank_code, customer) IN (
	SELECT bank_code, customer FROM pix_buckets WHERE (customer = '') = $5
		AND at + ((($3 - level) * 60 + $4 - 1) / $4) * interval '1 microsecond' <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`
)

// Prune implements directory.Buckets.
func (d *Directory) Prune(ctx context.Context, now time.Time, customer, bank directory.Rate) error {
	old := now.Add(-unproved)
	batch := &pgx.Batch{}
	for _, statement := range []string{pruneKeys, pruneClaims, pruneCodes, pruneSends} {
		batch.Queue(statement, old, pruneMost)
	}
	batch.Queue(pruneBuckets, now, pruneMost, customer.Most*directory.Token, customer.PerMinute, false)
	batch.Queue(pruneBuckets, now, pruneMost, bank.Most*directory.Token, bank.PerMinute, true)
	err := d.pool.SendBatch(ctx, batch).Close()
	d.failpoint.After(err, failpoints.DirectoryPruned)
	return translate(err)
}
