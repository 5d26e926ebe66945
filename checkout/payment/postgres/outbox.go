package postgres

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

// claim takes the rows that are due first.
const claim = `
WITH due AS (
	SELECT id, due_at, position FROM charge_outbox WHERE due_at <= now() ORDER BY due_at, position LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE charge_outbox o SET due_at = now() + $2::interval, claims = claims + 1 FROM due WHERE o.id = due.id
RETURNING due.due_at, due.position, o.id, topic, key, schema_folder, schema_version, body, mac_key_id, mac, claims, sends`

// claimed is a row with its place in the order of what is due.
type claimed struct {
	dueAt    time.Time
	position int64
	row      outbox.Row
}

// Claim implements outbox.Store. A row that was sent before says how often, in the header payment.HeaderTries.
func (s *Store) Claim(ctx context.Context, limit int, lease time.Duration) ([]outbox.Row, error) {
	var found []claimed
	err := s.as(ctx, everybody, func(batch *pgx.Batch) { batch.Queue(claim, limit, lease).Query(into(scanRow, &found)) })
	if err == nil && len(found) > 0 {
		s.failpoint.At(failpoints.ChargeRecordsClaimed)
	}
	if err != nil {
		return nil, translate(err)
	}
	slices.SortFunc(found, func(a, b claimed) int { return cmp.Or(a.dueAt.Compare(b.dueAt), cmp.Compare(a.position, b.position)) })
	rows := make([]outbox.Row, 0, len(found))
	for i := range found {
		rows = append(rows, found[i].row)
	}
	return rows, nil
}

func scanRow(from pgx.CollectableRow) (c claimed, err error) {
	var keyID, mac string
	var sends int
	row := &c.row
	err = from.Scan(&c.dueAt, &c.position, (*[16]byte)(&row.ID), &row.Topic, &row.Key, &row.Folder, &row.Version, &row.Body, &keyID, &mac,
		&row.Claims, &sends)
	row.Headers = []outbox.Header{{Key: command.HeaderKey, Value: []byte(keyID)}, {Key: command.HeaderMAC, Value: []byte(mac)}}
	if sends > 0 {
		row.Headers = append(row.Headers, outbox.Header{Key: payment.HeaderTries, Value: strconv.AppendInt(nil, int64(sends), 10)})
	}
	return c, err
}

// The wait before a record that is not answered is sent again: it doubles with each time, from the shortest to the
// longest, and is spread by a quarter both ways. An answer takes well under a second.
const shortestRepeat, longestRepeat = 10 * time.Second, 10 * time.Minute

// sent makes rows due again for as long as they are not answered.
const sent = `
WITH locked AS (SELECT id FROM charge_outbox WHERE id = ANY($1) ORDER BY id FOR UPDATE)
UPDATE charge_outbox SET sent_at = now(), sends = sends + 1, claims = 0,
	due_at = now() + least($2::interval * 2 ^ least(sends, 20), $3::interval) * (0.75 + random() / 2)
FROM locked WHERE charge_outbox.id = locked.id`

// Sent implements outbox.Store. A row is due again until it is answered: the processor answers a repeat, so an answer
// that was lost comes again.
func (s *Store) Sent(ctx context.Context, rows []id.ID) error {
	err := s.as(ctx, everybody, func(batch *pgx.Batch) { batch.Queue(sent, uuids(rows), shortestRepeat, longestRepeat) })
	s.failpoint.After(err, failpoints.ChargeRecordsSent)
	return translate(err)
}

// again makes rows due that were not sent.
const again = `
WITH locked AS (SELECT id FROM charge_outbox WHERE id = ANY($1) ORDER BY id FOR UPDATE)
UPDATE charge_outbox SET due_at = now() + $2::interval FROM locked WHERE charge_outbox.id = locked.id`

// Again implements outbox.Store.
func (s *Store) Again(ctx context.Context, rows []id.ID, after time.Duration) error {
	err := s.as(ctx, everybody, func(batch *pgx.Batch) { batch.Queue(again, uuids(rows), after) })
	s.failpoint.After(err, failpoints.ChargeRecordsReleased)
	return translate(err)
}

// Backlog returns how many requests are not answered, and since when the oldest of them waits; the zero time if there
// is none.
func (s *Store) Backlog(ctx context.Context) (waiting int64, oldest time.Time, err error) {
	var since *time.Time
	err = s.as(ctx, everybody, func(batch *pgx.Batch) {
		batch.Queue("SELECT count(*), min(created_at) FROM charge_outbox").QueryRow(func(row pgx.Row) error { return row.Scan(&waiting, &since) })
	})
	if since != nil {
		oldest = *since
	}
	return waiting, oldest, translate(err)
}
