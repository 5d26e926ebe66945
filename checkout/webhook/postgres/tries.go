package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/failpoints"
	"codebank.dev/platform/id"
)

const selectForTries = "SELECT " + columns + " FROM webhook_endpoints WHERE id = $1 AND deleted_at IS NULL"

// Target returns an endpoint with its live secrets, for a job. Errors: webhook.ErrNoEndpoint, webhook.ErrSealed,
// fault.Unavailable.
func (s *Store) Target(ctx context.Context, endpoint id.ID) (target webhook.Endpoint, secrets []webhook.Secret, err error) {
	var found []webhook.Endpoint
	err = s.as(ctx, everybody, func(batch *pgx.Batch) {
		batch.Queue(selectForTries, [16]byte(endpoint)).Query(into(scanEndpoint, &found))
	})
	if err != nil {
		return webhook.Endpoint{}, nil, err
	}
	if len(found) == 0 {
		return webhook.Endpoint{}, nil, webhook.ErrNoEndpoint
	}
	secrets, err = s.secrets(ctx, s.pool, endpoint)
	return found[0], secrets, translate(err)
}

// Parcel is a delivery that is due.
type Parcel struct {
	ID      id.ID
	Payload []byte
	// Attempts counts all tries, Tries those of the present schedule.
	Attempts, Tries int
}

const selectDue = `SELECT id, payload, attempts, tries FROM webhook_deliveries
	WHERE endpoint = $1 AND state = 1 AND next_at <= $2 AND EXISTS (SELECT FROM webhook_endpoints WHERE id = $1 AND enabled AND deleted_at IS NULL)
	ORDER BY next_at, sequence LIMIT $3`

// Due returns up to limit deliveries of an endpoint that are due at a time, those that have waited longest first; none if
// it is off, or was deleted.
func (s *Store) Due(ctx context.Context, endpoint id.ID, now time.Time, limit int) (due []Parcel, err error) {
	err = s.as(ctx, everybody, func(batch *pgx.Batch) {
		batch.Queue(selectDue, [16]byte(endpoint), now, limit).Query(into(func(row pgx.CollectableRow) (p Parcel, err error) {
			return p, row.Scan((*[16]byte)(&p.ID), &p.Payload, &p.Attempts, &p.Tries)
		}, &due))
	})
	return due, err
}

// Outcome is what came of a try.
type Outcome struct {
	State   webhook.DeliveryState
	NextAt  time.Time // set if the state is pending
	Attempt webhook.Attempt
	// Gone says that the endpoint wants no more messages.
	Gone bool
}

// recordTry writes what came of a try, unless somebody else has recorded one meanwhile, and what it says about the
// endpoint.
const recordTry = `
WITH tried AS (
	UPDATE webhook_deliveries SET attempts = attempts + 1, tries = tries + 1, state = $3::smallint, next_at = $4::timestamptz, ended_at = CASE WHEN $3::smallint = 1 THEN NULL ELSE $5::timestamptz END
	WHERE id = $1 AND attempts = $2 AND state = 1 RETURNING id, endpoint, attempts
), logged AS (
	INSERT INTO webhook_attempts (delivery, number, at, status, error, took_ms) SELECT id, attempts, $5::timestamptz, $6::integer, $7, $8::bigint FROM tried
), judged AS (
	SELECT e.id, CASE WHEN $3::smallint = 2 THEN 0 ELSE e.failures + 1 END AS failures,
		CASE WHEN $3::smallint <> 2 THEN coalesce(e.failing_since, $5::timestamptz) END AS failing_since,
		CASE WHEN NOT e.enabled THEN e.disabled_why WHEN $9::boolean THEN 'GONE'
			WHEN $3::smallint <> 2 AND e.failing_since <= $5::timestamptz - $10::interval THEN 'FAILING' ELSE '' END AS why
	FROM tried JOIN webhook_endpoints e ON e.id = tried.endpoint WHERE $3::smallint <> 2 OR e.failures > 0
)
UPDATE webhook_endpoints e SET failures = judged.failures, failing_since = judged.failing_since, disabled_why = judged.why,
	enabled = judged.why = '',
	version = version + CASE WHEN e.disabled_why <> judged.why OR (e.failures = 0) <> (judged.failures = 0) THEN 1 ELSE 0 END,
	changed_at = CASE WHEN e.disabled_why <> judged.why THEN $5::timestamptz ELSE changed_at END
FROM judged WHERE e.id = judged.id`

// lockTried locks the endpoint of a delivery before the delivery, as everybody does, so that a change of the endpoint is
// seen by recordTry. A success of an endpoint that has not failed changes nothing about it.
const lockTried = `SELECT FROM webhook_endpoints WHERE id = (SELECT endpoint FROM webhook_deliveries WHERE id = $1)
	AND ($2::boolean OR failures > 0) FOR NO KEY UPDATE`

// Record stores what came of a try of a parcel, and disables the endpoint if it wants no more, or has failed for
// webhook.FailingFor. A try that another process has recorded changes nothing.
func (s *Store) Record(ctx context.Context, parcel *Parcel, outcome *Outcome) error {
	attempt := &outcome.Attempt
	err := s.as(ctx, everybody, func(batch *pgx.Batch) {
		batch.Queue(lockTried, [16]byte(parcel.ID), outcome.State != webhook.Delivered)
		batch.Queue(recordTry, [16]byte(parcel.ID), parcel.Attempts, int16(outcome.State), nullTime(outcome.NextAt), attempt.At, attempt.Status,
			string(attempt.Error), attempt.Took.Milliseconds(), outcome.Gone, webhook.FailingFor)
	})
	s.failpoint.After(err, failpoints.WebhookTried)
	return err
}

// lockForDrop keeps events from being dispatched to an endpoint meanwhile, and its owner from changing it.
const lockForDrop = "SELECT FROM webhook_endpoints WHERE id = $1 FOR NO KEY UPDATE"

// dropPending leaves what is for an endpoint that is on again.
const dropPending = `UPDATE webhook_deliveries SET state = 4, next_at = NULL, ended_at = $2 WHERE id IN (
	SELECT id FROM webhook_deliveries WHERE endpoint = $1 AND state = 1 ORDER BY next_at, sequence LIMIT $3)
	AND NOT EXISTS (SELECT FROM webhook_endpoints WHERE id = $1 AND enabled AND deleted_at IS NULL)`

// dropAtOnce bounds a commit of Drop.
const dropAtOnce = 1_000

// Drop ends what is pending of an endpoint that is off or deleted, in parts. It may be repeated.
func (s *Store) Drop(ctx context.Context, endpoint id.ID, now time.Time) error {
	for {
		var dropped int64
		err := s.as(ctx, everybody, func(batch *pgx.Batch) {
			batch.Queue(lockForDrop, [16]byte(endpoint))
			batch.Queue(dropPending, [16]byte(endpoint), now, dropAtOnce).Exec(affected(&dropped))
		})
		s.failpoint.After(err, failpoints.WebhookDropped)
		if err != nil || dropped < dropAtOnce {
			return err
		}
	}
}

const (
	lockForEnd = "SELECT failures, enabled FROM webhook_endpoints WHERE id = $1 FOR NO KEY UPDATE"
	selectNext = "SELECT min(next_at) FROM webhook_deliveries WHERE endpoint = $1 AND state = 1"
)

// Finish ends the job of an endpoint with complete and, if something is left, makes the next one, not before a time,
// in one commit. Events that are dispatched meanwhile wait for the commit or are seen by it, so none is left without a
// job.
func (s *Store) Finish(ctx context.Context, endpoint id.ID, notBefore time.Time, complete func(context.Context, pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.pool, reading(ctx, everybody, func(tx pgx.Tx) error {
		failures, enabled := 0, false
		err := tx.QueryRow(ctx, lockForEnd, [16]byte(endpoint)).Scan(&failures, &enabled)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		var next *time.Time
		if err := tx.QueryRow(ctx, selectNext, [16]byte(endpoint)).Scan(&next); err != nil {
			return err
		}
		if err := complete(ctx, tx); err != nil || next == nil {
			return err
		}
		at := *next
		if at.Before(notBefore) || !enabled { // What waits for an endpoint that is off is dropped.
			at = notBefore
		}
		return s.jobs.Deliver(ctx, tx, webhook.Job{Endpoint: endpoint, At: at, Apart: failures > 0})
	}))
	s.failpoint.After(err, failpoints.WebhookTurnEnded)
	return translate(err)
}
