package postgres

import (
	"context"
	"math"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/wire"
	"github.com/jackc/pgx/v5"
)

// pixOf reads by the index entries_pix.
var pixOf = &wire.Statement{Name: "pix_of", SQL: `SELECT ` + selected("e", entryColumns) + entryTables + `
	WHERE e.account_id = $1::uuid AND e.sequence < $2::bigint AND e.kind IN (8, 13, 14) AND e.end_to_end_id <> ''
	ORDER BY e.account_id DESC, e.sequence DESC LIMIT $3::bigint`}

// PixOf implements bank.PixPayments.
func (s *Store) PixOf(ctx context.Context, account bank.ID, before int64, limit int) (entries []bank.Entry, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	err = s.query(ctx, pixOf, func(p *wire.Parameters) {
		p.UUIDArgument(account)
		p.Int8Argument(before)
		p.Int8Argument(int64(limit))
	}, func(r wire.Row) { entries = appendEntry(entries, &r) })
	return entries, err
}

const holderColumns = `customer_id, document_lookup, key_id, ciphertext, registered_at, registered_by`

var (
	holderOf  = &wire.Statement{Name: "holder_of", SQL: `SELECT ` + holderColumns + ` FROM holders WHERE customer_id = $1::uuid`}
	putPixKey = &wire.Statement{Name: "put_pix_key", SQL: `INSERT INTO pix_keys (kind, key, state, account_id, digest, created_at)
		VALUES ($1::text, $2::text, $3::text, $4::uuid, $5::bytea, $6::timestamptz)
		ON CONFLICT (kind, key) DO UPDATE SET state = EXCLUDED.state, account_id = EXCLUDED.account_id, digest = EXCLUDED.digest,
			created_at = EXCLUDED.created_at`}
	dropPixKey = &wire.Statement{Name: "drop_pix_key", SQL: `DELETE FROM pix_keys WHERE kind = $1::text AND key = $2::text`}
	pixKeysOf  = &wire.Statement{Name: "pix_keys_of", SQL: `SELECT ` + pixKeyColumns + ` FROM pix_keys WHERE account_id = $1::uuid ORDER BY kind, key`}
	allPixKeys = &wire.Statement{Name: "all_pix_keys", SQL: `SELECT ` + pixKeyColumns + ` FROM pix_keys ORDER BY kind, key`}
)

const pixKeyColumns = `kind, key, state, account_id, digest, created_at`

// RegisterHolder implements bank.Holders. The holder is read by a statement of its own, which sees what another process
// has stored in the meantime.
func (s *Store) RegisterHolder(ctx context.Context, holder bank.SealedHolder, record auditlog.Record) (bank.SealedHolder, error) {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		inserted, err := tx.Exec(ctx, `INSERT INTO holders (`+holderColumns+`) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (customer_id) DO NOTHING`,
			holder.CustomerID.String(), holder.DocumentLookup[:], holder.Sealed.KeyID, holder.Sealed.Ciphertext, holder.RegisteredAt, holder.RegisteredBy)
		if err != nil || inserted.RowsAffected() == 0 {
			return err
		}
		return table.Append(ctx, tx, record)
	})
	s.config.Failpoint.After(err, failpoints.HolderStored)
	switch {
	case database.State(err) == uniqueViolation:
		return bank.SealedHolder{}, bank.ErrRejected
	case err != nil:
		return bank.SealedHolder{}, unavailable(err)
	}
	return s.HolderOf(ctx, holder.CustomerID)
}

// HolderOf implements bank.Holders.
func (s *Store) HolderOf(ctx context.Context, customer bank.ID) (holder bank.SealedHolder, err error) {
	err = s.one(ctx, holderOf, func(p *wire.Parameters) { p.UUIDArgument(customer) }, func(r wire.Row) {
		holder = bank.SealedHolder{
			CustomerID: r.UUID(), DocumentLookup: r.Hash(), Sealed: bank.Sealed{KeyID: r.Text(), Ciphertext: r.Bytes()},
			RegisteredAt: r.Timestamp(), RegisteredBy: r.Text(),
		}
	})
	return holder, err
}

// PutPixKey implements bank.PixKeys.
func (s *Store) PutPixKey(ctx context.Context, key bank.PixKey) error {
	err := s.query(ctx, putPixKey, func(p *wire.Parameters) {
		p.TextArgument(key.Kind)
		p.TextArgument(key.Key)
		p.TextArgument(key.State)
		p.UUIDArgument(key.Account)
		p.BytesArgument(key.Digest)
		p.TimestampArgument(key.CreatedAt)
	}, nil)
	s.config.Failpoint.After(err, failpoints.PixKeyStored)
	return err
}

// DropPixKey implements bank.PixKeys.
func (s *Store) DropPixKey(ctx context.Context, kind, key string) error {
	err := s.query(ctx, dropPixKey, func(p *wire.Parameters) {
		p.TextArgument(kind)
		p.TextArgument(key)
	}, nil)
	s.config.Failpoint.After(err, failpoints.PixKeyDropped)
	return err
}

// PixKeysOf implements bank.PixKeys.
func (s *Store) PixKeysOf(ctx context.Context, account bank.ID) (keys []bank.PixKey, err error) {
	statement, build := pixKeysOf, func(p *wire.Parameters) { p.UUIDArgument(account) }
	if account.IsZero() {
		statement, build = allPixKeys, func(*wire.Parameters) {}
	}
	err = s.query(ctx, statement, build, func(r wire.Row) {
		keys = append(keys, bank.PixKey{
			Kind: r.Text(), Key: r.Text(), State: r.Text(), Account: r.UUID(), Digest: r.Bytes(), CreatedAt: r.Timestamp(),
		})
	})
	return keys, err
}
