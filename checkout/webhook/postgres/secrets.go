package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/webhook"
	"codebank.dev/platform/id"
)

const insertSecret = `INSERT INTO webhook_secrets (endpoint, number, sealed, created_at)
	SELECT $1, coalesce(max(number), 0) + 1, $2, now() FROM webhook_secrets WHERE endpoint = $1`

const selectSecrets = "SELECT sealed FROM webhook_secrets WHERE endpoint = $1 AND (expires_at IS NULL OR expires_at > now()) ORDER BY number DESC"

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// secrets returns the live secrets of an endpoint, the newest first: one, or two for some time after a rotation.
// Errors: webhook.ErrSealed, webhook.ErrNoEndpoint if there is none.
func (s *Store) secrets(ctx context.Context, from querier, endpoint id.ID) ([]webhook.Secret, error) {
	rows, err := from.Query(ctx, selectSecrets, [16]byte(endpoint))
	if err != nil {
		return nil, err
	}
	sealed, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err == nil && len(sealed) == 0 {
		err = webhook.ErrNoEndpoint
	}
	live := make([]webhook.Secret, len(sealed))
	for i := 0; i < len(sealed) && err == nil; i++ {
		live[i], err = s.keys.Open(endpoint, sealed[i])
	}
	return live, err
}

const (
	// Two secrets sign at most: the one before the last ends at once.
	endOldSecrets = `DELETE FROM webhook_secrets WHERE endpoint = $1
		AND number < (SELECT max(number) FROM webhook_secrets WHERE endpoint = $1)`
	expireSecret = "UPDATE webhook_secrets SET expires_at = now() + $2::interval WHERE endpoint = $1"
	countChange  = "UPDATE webhook_endpoints SET version = version + 1, changed_at = $2 WHERE id = $1 RETURNING " + columns
)

// Rotate gives an endpoint a new secret. The one from before signs too for webhook.SecretOverlap. Errors:
// webhook.ErrNoEndpoint, webhook.ErrChanged, fault.Unavailable.
func (s *Store) Rotate(ctx context.Context, name Name, now time.Time) (rotated webhook.Endpoint, secret webhook.Secret, err error) {
	err = s.changeNamed(ctx, name, func(tx pgx.Tx) error {
		secret = webhook.NewSecret()
		rotated, err = s.rotate(ctx, tx, rotation{name, secret, now})
		return err
	})
	return rotated, secret, err
}

// rotation is a new secret for an endpoint.
type rotation struct {
	name   Name
	secret webhook.Secret
	now    time.Time
}

func (s *Store) rotate(ctx context.Context, tx pgx.Tx, to rotation) (rotated webhook.Endpoint, err error) {
	name := to.name
	if _, err := s.named(ctx, tx, name); err != nil {
		return webhook.Endpoint{}, err
	}
	batch := &pgx.Batch{}
	batch.Queue(endOldSecrets, [16]byte(name.ID))
	batch.Queue(expireSecret, [16]byte(name.ID), webhook.SecretOverlap)
	batch.Queue(insertSecret, [16]byte(name.ID), s.keys.Seal(name.ID, to.secret))
	batch.Queue(countChange, [16]byte(name.ID), to.now).Query(func(rows pgx.Rows) (err error) {
		rotated, err = pgx.CollectExactlyOneRow(rows, scanEndpoint)
		return err
	})
	err = tx.SendBatch(ctx, batch).Close()
	return rotated, err
}
