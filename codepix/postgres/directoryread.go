package postgres

import (
	"context"
	"errors"

	"codebank.dev/codepix/directory"
	"codebank.dev/platform/id"
	"github.com/jackc/pgx/v5"
)

const (
	entriesOfBank = "SELECT " + entryColumns + ` FROM pix_keys
WHERE bank_code = $1 AND (kind, key, account_id) > ($2, $3, $4) ORDER BY kind, key, account_id LIMIT $5`
	entriesOfAccount = "SELECT " + entryColumns + ` FROM pix_keys
WHERE bank_code = $1 AND account_id = $6 AND (kind, key, account_id) > ($2, $3, $4) ORDER BY kind, key, account_id LIMIT $5`
	claimWithID = "SELECT " + claimColumns + " FROM pix_claims WHERE id = $1"
	// claimsOfBank reads a page of each part that the bank may have, by an index, and then the newest of both.
	claimsOfBank = "SELECT " + claimColumns + ` FROM (
	(SELECT * FROM pix_claims WHERE claimer_bank = $1 AND ($2::uuid IS NULL OR claimer_account = $2)
		AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4)) ORDER BY created_at DESC, id DESC LIMIT $5)
	UNION
	(SELECT * FROM pix_claims WHERE donor_bank = $1 AND state > 1 AND ($2::uuid IS NULL OR donor_account = $2)
		AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4)) ORDER BY created_at DESC, id DESC LIMIT $5)
) claims ORDER BY created_at DESC, id DESC LIMIT $5`
)

// orNoID returns an id for the database, or NULL for none.
func orNoID(one id.ID) *[16]byte {
	if one.IsZero() {
		return nil
	}
	return (*[16]byte)(&one)
}

// Entries implements directory.Keys.
func (d *Directory) Entries(ctx context.Context, query directory.EntryQuery) ([]directory.Entry, error) {
	after, sql := query.After, entriesOfBank
	arguments := []any{query.BankCode, kindOf(after.Key), after.Key.Text, [16]byte(after.Account), query.Size}
	if !query.Account.IsZero() {
		sql, arguments = entriesOfAccount, append(arguments, [16]byte(query.Account))
	}
	rows, err := d.pool.Query(ctx, sql, arguments...)
	if err != nil {
		return nil, translate(err)
	}
	entries, err := pgx.CollectRows(rows, scanEntry)
	return entries, translate(err)
}

// Claim implements directory.Claims.
func (d *Directory) Claim(ctx context.Context, claim id.ID) (directory.Claim, error) {
	rows, err := d.pool.Query(ctx, claimWithID, [16]byte(claim))
	if err != nil {
		return directory.Claim{}, translate(err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, scanClaim)
	if errors.Is(err, pgx.ErrNoRows) {
		return directory.Claim{}, directory.ErrNoClaim
	}
	return found, translate(err)
}

// ClaimsOf implements directory.Claims.
func (d *Directory) ClaimsOf(ctx context.Context, query directory.ClaimQuery) ([]directory.Claim, error) {
	rows, err := d.pool.Query(ctx, claimsOfBank, query.BankCode, orNoID(query.Account), orNull(query.Before.CreatedAt),
		[16]byte(query.Before.ID), query.Size)
	if err != nil {
		return nil, translate(err)
	}
	claims, err := pgx.CollectRows(rows, scanClaim)
	return claims, translate(err)
}
