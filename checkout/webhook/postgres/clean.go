package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/failpoints"
	"codebank.dev/platform/id"
)

const (
	// deleteOld deletes deliveries with their attempts.
	deleteOld = `DELETE FROM webhook_deliveries WHERE id IN (
		SELECT id FROM webhook_deliveries WHERE state <> 1 AND ended_at < $1 ORDER BY ended_at LIMIT $2)`
	deleteOldSecrets   = "DELETE FROM webhook_secrets WHERE expires_at < now()"
	deleteOldEndpoints = `DELETE FROM webhook_endpoints e WHERE deleted_at < $1
		AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.endpoint = e.id)`
)

// cleanAtOnce bounds a commit of Clean.
const cleanAtOnce = 1_000

// Clean deletes deliveries that ended before webhook.KeepLog, secrets that have ended, and endpoints that were deleted
// and have no log any more. It works in parts and may be repeated.
func (s *Store) Clean(ctx context.Context, now time.Time) error {
	before := now.Add(-webhook.KeepLog)
	for {
		var deleted int64
		err := s.as(ctx, everybody, func(batch *pgx.Batch) { queueClean(batch, before, &deleted) })
		s.failpoint.After(err, failpoints.WebhookLogCleaned)
		if err != nil || deleted < cleanAtOnce {
			return err
		}
	}
}

func queueClean(batch *pgx.Batch, before time.Time, deleted *int64) {
	batch.Queue(deleteOld, before, cleanAtOnce).Exec(affected(deleted))
	batch.Queue(deleteOldSecrets)
	batch.Queue(deleteOldEndpoints, before)
}

func affected(rows *int64) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		*rows = tag.RowsAffected()
		return nil
	}
}

// forgotten is for how long a delivery must have been due until Revive looks after its job.
const forgotten = 10 * time.Minute

// selectForgotten finds endpoints with work that is long due, in the order in which jobs are locked. Those that fail are due for longer by themselves; a job
// that is there already stays as it is.
const selectForgotten = `SELECT e.id FROM webhook_endpoints e WHERE EXISTS (
	SELECT FROM webhook_deliveries d WHERE d.endpoint = e.id AND d.state = 1 AND d.next_at < $1) ORDER BY e.id LIMIT $2`

// Revive gives a job to endpoints that have work and lost theirs, because it failed too often.
func (s *Store) Revive(ctx context.Context, now time.Time) error {
	err := pgx.BeginFunc(ctx, s.pool, reading(ctx, everybody, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectForgotten, now.Add(-forgotten), cleanAtOnce)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
		for i := 0; i < len(found) && err == nil; i++ {
			err = s.jobs.Deliver(ctx, tx, webhook.Job{Endpoint: id.ID(found[i]), At: now.Add(probeWait), Apart: true})
		}
		return err
	}))
	s.failpoint.After(err, failpoints.WebhookJobsFound)
	return translate(err)
}
