package postgres

import (
	"context"
	"errors"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/checkout/merchant"
	"codebank.dev/platform/id"
	"github.com/jackc/pgx/v5"
)

const (
	secretColumns = `id, merchant, mode, last4, created_at, last_used_on, revoked_at`
	// insertSecret takes the first slot that is free. It inserts nothing when none is.
	insertSecret = `INSERT INTO merchant_secrets (id, merchant, mode, slot, hash, last4, created_at)
		SELECT $1, $2, $3, free.slot, $4, $5, $6 FROM generate_series(1, $7::integer) AS free (slot)
		WHERE NOT EXISTS (SELECT FROM merchant_secrets x WHERE x.merchant = $2 AND x.mode = $3 AND x.slot = free.slot AND x.revoked_at IS NULL)
		ORDER BY free.slot LIMIT 1`
	revokeSecret = `UPDATE merchant_secrets SET revoked_at = $3 WHERE id = $1 AND merchant = $2 AND revoked_at IS NULL`
	oneSecret    = `SELECT ` + secretColumns + ` FROM merchant_secrets WHERE id = $1 AND merchant = $2`
	listSecrets  = `SELECT ` + secretColumns + ` FROM merchant_secrets WHERE merchant = $1 ORDER BY created_at DESC, id LIMIT $2`
	findSecret   = `SELECT hash, ` + secretColumns + ` FROM merchant_secrets WHERE hash = $1 AND revoked_at IS NULL`
	useSecret    = `UPDATE merchant_secrets SET last_used_on = $2 WHERE id = $1 AND revoked_at IS NULL AND (last_used_on IS NULL OR last_used_on < $2)`
)

// CreateSecret implements merchant.Secrets. The lock of the merchant makes creations take turns.
func (s *Store) CreateSecret(ctx context.Context, a checkout.Act, secret merchant.Secret, hash merchant.Hash) (merchant.Secret, error) {
	return act(ctx, s, a, func(tx pgx.Tx) (merchant.Secret, error) {
		if _, err := merchantFor(ctx, tx, a.By, secret.Merchant); err != nil {
			return secret, err
		}
		inserted, err := tx.Exec(ctx, insertSecret, [16]byte(secret.ID), secret.Merchant, int16(secret.Mode), hash[:], secret.Last4, secret.CreatedAt, merchant.MaxLive)
		if err == nil && inserted.RowsAffected() == 0 {
			err = merchant.ErrTwoSecrets
		}
		return secret, err
	})
}

// RevokeSecret implements merchant.Secrets.
func (s *Store) RevokeSecret(ctx context.Context, a checkout.Act, slug string, secret id.ID) (merchant.Secret, error) {
	return act(ctx, s, a, func(tx pgx.Tx) (merchant.Secret, error) {
		if _, err := merchantFor(ctx, tx, a.By, slug); err != nil {
			return merchant.Secret{}, err
		}
		if _, err := tx.Exec(ctx, revokeSecret, [16]byte(secret), slug, a.Record.At); err != nil {
			return merchant.Secret{}, err
		}
		rows, err := tx.Query(ctx, oneSecret, [16]byte(secret), slug)
		if err != nil {
			return merchant.Secret{}, err
		}
		return onlySecret(rows)
	})
}

// Secrets implements merchant.Secrets.
func (s *Store) Secrets(ctx context.Context, by checkout.Actor, slug string) ([]merchant.Secret, error) {
	if _, err := s.Merchant(ctx, by, slug); err != nil {
		return nil, err
	}
	return collect(ctx, s, func(row pgx.CollectableRow) (merchant.Secret, error) { return scanSecret(row) }, listSecrets, slug, merchant.MaxListed)
}

// FindSecret implements merchant.Secrets.
func (s *Store) FindSecret(ctx context.Context, hash merchant.Hash, now time.Time) (merchant.Secret, merchant.Hash, error) {
	rows, err := s.pool.Query(ctx, findSecret, hash[:])
	if err != nil {
		return merchant.Secret{}, merchant.Hash{}, translate(err)
	}
	var kept []byte
	secret, err := onlySecret(rows, &kept)
	if err != nil {
		return merchant.Secret{}, merchant.Hash{}, translate(err)
	}
	if day := dayOf(now); secret.LastUsedOn.Before(day) {
		_, err := s.pool.Exec(ctx, useSecret, [16]byte(secret.ID), day)
		s.failpoint.After(err, failpoints.SecretUsed)
		if err != nil {
			return merchant.Secret{}, merchant.Hash{}, translate(err)
		}
		secret.LastUsedOn = day
	}
	return secret, merchant.Hash(kept), nil
}

func dayOf(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour) }

func onlySecret(rows pgx.Rows, before ...any) (merchant.Secret, error) {
	secret, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (merchant.Secret, error) { return scanSecret(row, before...) })
	if errors.Is(err, pgx.ErrNoRows) {
		return secret, merchant.ErrNoSecret
	}
	return secret, err
}

// scanSecret reads secretColumns, behind the columns that go into before.
func scanSecret(row pgx.CollectableRow, before ...any) (merchant.Secret, error) {
	var secret merchant.Secret
	var made [16]byte
	var mode int16
	var used, revoked *time.Time
	if err := row.Scan(append(before, &made, &secret.Merchant, &mode, &secret.Last4, &secret.CreatedAt, &used, &revoked)...); err != nil {
		return secret, err
	}
	secret.ID, secret.Mode, secret.CreatedAt = made, merchant.Mode(mode), secret.CreatedAt.UTC()
	if used != nil {
		secret.LastUsedOn = used.UTC()
	}
	if revoked != nil {
		secret.RevokedAt = revoked.UTC()
	}
	return secret, nil
}
