package postgres

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/failpoints"
	"codebank.dev/platform/id"
)

// selectBehind finds the merchants with endpoints whose events were not all dispatched. Merchants without endpoints
// have no cursor, so they cost nothing.
const selectBehind = `SELECT c.merchant, c.mode, c.sequence FROM webhook_cursors c JOIN merchant_sequences s USING (merchant, mode)
	WHERE s.sequence > c.sequence LIMIT $1`

// Cursor says up to which event a merchant's endpoints have got theirs.
type Cursor struct {
	payment.Owner
	Sequence int64
}

// Behind returns the cursors of up to limit owners with endpoints who have events that were not dispatched.
func (s *Store) Behind(ctx context.Context, limit int) (cursors []Cursor, err error) {
	err = s.as(ctx, everybody, func(batch *pgx.Batch) {
		batch.Queue(selectBehind, limit).Query(into(func(row pgx.CollectableRow) (c Cursor, err error) {
			return c, row.Scan(&c.Merchant, &c.Mode, &c.Sequence)
		}, &cursors))
	})
	return cursors, err
}

// selectOldestBehind finds the time of the first event that was not dispatched, among up to $1 merchants.
const selectOldestBehind = `SELECT min(e.at) FROM (SELECT c.merchant, c.mode, c.sequence FROM webhook_cursors c
	JOIN merchant_sequences s USING (merchant, mode) WHERE s.sequence > c.sequence LIMIT $1) b
	JOIN charge_events e ON e.merchant = b.merchant AND e.mode = b.mode AND e.sequence = b.sequence + 1`

// OldestBehind returns the time of the oldest event that was not dispatched, among up to limit owners; zero for none.
func (s *Store) OldestBehind(ctx context.Context, limit int) (time.Time, error) {
	var oldest *time.Time
	err := s.as(ctx, everybody, func(batch *pgx.Batch) {
		batch.Queue(selectOldestBehind, limit).QueryRow(func(row pgx.Row) error { return row.Scan(&oldest) })
	})
	return timeOf(oldest), err
}

// claimCursor leaves a merchant to the process that has dispatched his events meanwhile, or does so now.
const claimCursor = "SELECT FROM webhook_cursors WHERE merchant = $1 AND mode = $2 AND sequence = $3 FOR NO KEY UPDATE SKIP LOCKED"

// lockEndpoints takes the locks in the order of ids. While they are held, no job of these endpoints ends.
const lockEndpoints = "SELECT " + columns + `, after FROM webhook_endpoints
	WHERE merchant = $1 AND mode = $2 AND enabled AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE`

// listener is an endpoint, and behind which event it listens.
type listener struct {
	endpoint webhook.Endpoint
	after    int64
}

func scanListener(row pgx.CollectableRow) (l listener, err error) {
	l.endpoint, err = scanEndpoint(withLast{row, &l.after})
	return l, err
}

// withLast scans one column more than it is asked to.
type withLast struct {
	pgx.CollectableRow
	last any
}

// Scan implements pgx.CollectableRow.
func (w withLast) Scan(to ...any) error { return w.CollectableRow.Scan(append(to, w.last)...) }

const (
	insertDeliveries = `INSERT INTO webhook_deliveries (id, endpoint, merchant, mode, sequence, type, payload, next_at, created_at)
		SELECT id, endpoint, $1, $2, sequence, type, payload, $8, $8
		FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::text[], $7::bytea[]) AS d (id, endpoint, sequence, type, payload)
		ON CONFLICT DO NOTHING`
	moveCursor = "UPDATE webhook_cursors SET sequence = $3 WHERE merchant = $1 AND mode = $2"
)

// Dispatch makes deliveries of the changes that follow a cursor, with the jobs that send them, and moves the cursor
// behind the last, in one commit. There must be at least one change. done is false if another process was faster.
func (s *Store) Dispatch(ctx context.Context, cursor Cursor, changes []payment.Change, now time.Time) (done bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, reading(ctx, readerOf(cursor.Owner), func(tx pgx.Tx) (err error) {
		done, err = s.dispatch(ctx, tx, &dispatch{cursor, changes, now})
		return err
	}))
	if done {
		s.failpoint.After(err, failpoints.WebhookEventsDispatched)
	}
	return done && err == nil, translate(err)
}

// dispatch is the work of one Dispatch.
type dispatch struct {
	cursor  Cursor
	changes []payment.Change
	now     time.Time
}

func (s *Store) dispatch(ctx context.Context, tx pgx.Tx, work *dispatch) (done bool, err error) {
	merchant, mode := work.cursor.Merchant, int16(work.cursor.Mode)
	tag, err := tx.Exec(ctx, claimCursor, merchant, mode, work.cursor.Sequence)
	if err != nil || tag.RowsAffected() == 0 {
		return false, err
	}
	rows, err := tx.Query(ctx, lockEndpoints, merchant, mode)
	if err != nil {
		return false, err
	}
	listeners, err := pgx.CollectRows(rows, scanListener)
	if err != nil {
		return false, err
	}
	var made deliveries
	for i := range work.changes {
		if err := made.add(&work.changes[i], listeners); err != nil {
			return false, err
		}
	}
	if len(made.ids) > 0 {
		_, err := tx.Exec(ctx, insertDeliveries, merchant, mode, made.ids, made.endpoints, made.sequences, made.types, made.payloads, work.now)
		if err != nil {
			return false, err
		}
	}
	if err := s.wake(ctx, tx, &made, work.now); err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, moveCursor, merchant, mode, work.changes[len(work.changes)-1].Event.Sequence)
	return err == nil, err
}

// deliveries are rows to insert, column by column.
type deliveries struct {
	ids, endpoints [][16]byte
	sequences      []int64
	types          []string
	payloads       [][]byte
	// woken are the endpoints that get something.
	woken map[id.ID]*webhook.Endpoint
}

// add makes the deliveries of one event.
func (d *deliveries) add(change *payment.Change, listeners []listener) error {
	kind, payload, err := webhook.Payload(change)
	if err != nil {
		return err
	}
	sequence := change.Event.Sequence
	for i := range listeners {
		l := &listeners[i]
		if sequence <= l.after || !l.endpoint.Wants(kind) {
			continue
		}
		d.ids = append(d.ids, webhook.DeliveryID(l.endpoint.ID, sequence))
		d.endpoints = append(d.endpoints, l.endpoint.ID)
		d.sequences = append(d.sequences, sequence)
		d.types = append(d.types, string(kind))
		d.payloads = append(d.payloads, payload)
		if d.woken == nil {
			d.woken = make(map[id.ID]*webhook.Endpoint)
		}
		d.woken[l.endpoint.ID] = &l.endpoint
	}
	return nil
}

// probeWait bounds how long a new event of an endpoint that fails waits for the try that is due anyway.
const probeWait = time.Minute

// wake makes the jobs run of those endpoints that get something, in the order of ids, in which jobs are locked.
func (s *Store) wake(ctx context.Context, tx pgx.Tx, made *deliveries, now time.Time) error {
	woken := slices.SortedFunc(maps.Values(made.woken), func(a, b *webhook.Endpoint) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	for _, l := range woken {
		at, failing := now, l.Failures > 0
		if failing {
			at = now.Add(probeWait)
		}
		if err := s.jobs.Deliver(ctx, tx, webhook.Job{Endpoint: l.ID, At: at, Apart: failing}); err != nil {
			return err
		}
	}
	return nil
}
