package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/failpoints"
	"codebank.dev/platform/id"
)

// deliveryColumns are the columns that scanDelivery reads.
const deliveryColumns = "d.id, d.sequence, d.type, d.state, d.next_at, d.created_at, d.ended_at"

func scanDelivery(row pgx.CollectableRow) (d webhook.Delivery, err error) {
	var next, ended *time.Time
	err = row.Scan((*[16]byte)(&d.ID), &d.Sequence, &d.Type, &d.State, &next, &d.CreatedAt, &ended)
	d.NextAt, d.CreatedAt, d.EndedAt = timeOf(next), d.CreatedAt.UTC(), timeOf(ended)
	return d, err
}

// LogPage asks for a part of the log of an endpoint, the newest event first.
type LogPage struct {
	payment.Owner
	Endpoint id.ID
	// Before is the sequence of the last delivery of the page before; 0 for the first page.
	Before int64
	// Size is how many deliveries to return at most.
	Size int
}

const (
	selectLog = "SELECT " + deliveryColumns + ` FROM webhook_deliveries d
		WHERE d.endpoint = $1 AND d.merchant = $2 AND d.mode = $3 AND ($4::bigint = 0 OR d.sequence < $4) ORDER BY d.sequence DESC LIMIT $5`
	selectDelivery = "SELECT " + deliveryColumns + " FROM webhook_deliveries d WHERE d.id = $1 AND d.endpoint = $2 AND d.merchant = $3 AND d.mode = $4"
	selectAttempts = "SELECT delivery, number, at, status, error, took_ms FROM webhook_attempts WHERE delivery = ANY($1) ORDER BY delivery, number"
)

// Log returns a page of the log of an endpoint. Error: webhook.ErrNoEndpoint.
func (s *Store) Log(ctx context.Context, page LogPage) (found []webhook.Delivery, err error) {
	if _, err := s.Endpoint(ctx, page.Owner, page.Endpoint); err != nil {
		return nil, err
	}
	err = s.as(ctx, readerOf(page.Owner), func(batch *pgx.Batch) {
		batch.Queue(selectLog, [16]byte(page.Endpoint), page.Merchant, int16(page.Mode), page.Before, page.Size).Query(into(scanDelivery, &found))
	})
	if err == nil {
		err = s.addAttempts(ctx, found)
	}
	return found, err
}

// addAttempts fills in the tries of deliveries.
func (s *Store) addAttempts(ctx context.Context, found []webhook.Delivery) error {
	ids, at := make([][16]byte, len(found)), make(map[id.ID]*webhook.Delivery)
	for i := range found {
		ids[i], at[found[i].ID] = found[i].ID, &found[i]
	}
	return s.as(ctx, everybody, func(batch *pgx.Batch) {
		batch.Queue(selectAttempts, ids).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var of id.ID
				var one webhook.Attempt
				var millis int64
				if err := rows.Scan((*[16]byte)(&of), &one.Number, &one.At, &one.Status, &one.Error, &millis); err != nil {
					return err
				}
				one.At, one.Took = one.At.UTC(), time.Duration(millis)*time.Millisecond
				at[of].Attempts = append(at[of].Attempts, one)
			}
			return rows.Err()
		})
	})
}

// Resend is a delivery to send again.
type Resend struct {
	payment.Owner
	Endpoint, Delivery id.ID
}

const resend = `UPDATE webhook_deliveries SET state = 1, tries = 0, next_at = $2, ended_at = NULL
	WHERE id = $1 AND endpoint = $3`

// Resend makes a delivery due now, whatever became of it, under its own id and with a new schedule of tries. Errors:
// webhook.ErrNoEndpoint, webhook.ErrNoDelivery, webhook.ErrDisabled, fault.Unavailable.
func (s *Store) Resend(ctx context.Context, wanted Resend, now time.Time) (webhook.Delivery, error) {
	err := pgx.BeginFunc(ctx, s.pool, reading(ctx, readerOf(wanted.Owner), func(tx pgx.Tx) error {
		endpoint, err := s.lock(ctx, tx, wanted.Owner, wanted.Endpoint)
		if err != nil {
			return err
		}
		if !endpoint.Enabled {
			return webhook.ErrDisabled
		}
		tag, err := tx.Exec(ctx, resend, [16]byte(wanted.Delivery), now, [16]byte(wanted.Endpoint))
		if err == nil && tag.RowsAffected() == 0 {
			err = webhook.ErrNoDelivery
		}
		if err != nil {
			return err
		}
		return s.jobs.Deliver(ctx, tx, webhook.Job{Endpoint: wanted.Endpoint, At: now, Apart: endpoint.Failures > 0})
	}))
	s.failpoint.After(err, failpoints.WebhookResent)
	if err != nil {
		return webhook.Delivery{}, translate(err)
	}
	return s.Delivery(ctx, wanted)
}

// Delivery returns a delivery of an owner. Error: webhook.ErrNoDelivery.
func (s *Store) Delivery(ctx context.Context, wanted Resend) (webhook.Delivery, error) {
	var found []webhook.Delivery
	err := s.as(ctx, readerOf(wanted.Owner), func(batch *pgx.Batch) {
		batch.Queue(selectDelivery, [16]byte(wanted.Delivery), [16]byte(wanted.Endpoint), wanted.Merchant, int16(wanted.Mode)).
			Query(into(scanDelivery, &found))
	})
	if err == nil && len(found) == 0 {
		err = webhook.ErrNoDelivery
	}
	if err == nil {
		err = s.addAttempts(ctx, found)
	}
	if err != nil {
		return webhook.Delivery{}, err
	}
	return found[0], nil
}

// Backlog is what is still to be sent.
type Backlog struct {
	Pending int64
	// Oldest is when the oldest of them was made; zero without any.
	Oldest time.Time
}

const selectBacklog = "SELECT count(*), min(created_at) FROM (SELECT created_at FROM webhook_deliveries WHERE state = 1 ORDER BY created_at LIMIT $1) p"

// maxBacklog bounds what a count of pending deliveries costs.
const maxBacklog = 100_000

// Backlog returns what is pending of all endpoints; more than 100,000 count as so many.
func (s *Store) Backlog(ctx context.Context) (b Backlog, err error) {
	var oldest *time.Time
	err = s.as(ctx, everybody, func(batch *pgx.Batch) {
		batch.Queue(selectBacklog, maxBacklog).QueryRow(func(row pgx.Row) error { return row.Scan(&b.Pending, &oldest) })
	})
	b.Oldest = timeOf(oldest)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return b, err
}
