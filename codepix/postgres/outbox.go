package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/codepix/failpoints"
	"codebank.dev/codepix/record"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
)

// insertRows adds rows in their order. One that is there waits already.
const insertRows = `INSERT INTO payment_outbox (id, payment_id, awaits, topic, key, schema_folder, schema_version, body)
	SELECT id, payment_id, awaits, topic, key, schema_folder, schema_version, body
	FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::text[], $5::bytea[], $6::text[], $7::integer[], $8::bytea[])
		WITH ORDINALITY AS r(id, payment_id, awaits, topic, key, schema_folder, schema_version, body, number)
	ORDER BY number ON CONFLICT (id) DO NOTHING`

func queueRows(batch *pgx.Batch, rows []record.Queued) {
	if len(rows) == 0 {
		return
	}
	var ids []id.ID
	var payments, topics, folders []string
	var awaits []bool
	var keys, bodies [][]byte
	var versions []int32
	for i := range rows {
		row := &rows[i].Row
		ids, payments, awaits = append(ids, row.ID), append(payments, string(rows[i].Payment)), append(awaits, rows[i].Awaits)
		topics, folders, versions = append(topics, row.Topic), append(folders, row.Folder), append(versions, int32(row.Version))
		keys, bodies = append(keys, row.Key), append(bodies, row.Body)
	}
	batch.Queue(insertRows, uuids(ids), payments, awaits, topics, keys, folders, versions, bodies)
}

// deleteRows deletes rows, whose locks it takes in the order of ids.
const deleteRows = `WITH locked AS (SELECT id FROM payment_outbox WHERE id = ANY($1) ORDER BY id FOR UPDATE)
	DELETE FROM payment_outbox USING locked WHERE payment_outbox.id = locked.id`

func queueEnded(batch *pgx.Batch, ended []id.ID) {
	if len(ended) > 0 {
		batch.Queue(deleteRows, uuids(ended))
	}
}

// claimDue takes the rows that are due first.
const claimDue = `
WITH due AS (
	SELECT id, due_at, position FROM payment_outbox WHERE due_at <= now() ORDER BY due_at, position LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE payment_outbox o SET due_at = now() + $2::interval, claims = claims + 1 FROM due WHERE o.id = due.id
RETURNING due.due_at, due.position, o.id, topic, key, schema_folder, schema_version, body, claims`

// claimed is a row with its place in the order of what is due.
type claimed struct {
	dueAt    time.Time
	position int64
	row      outbox.Row
}

// Claim implements outbox.Store.
func (s *Store) Claim(ctx context.Context, limit int, lease time.Duration) ([]outbox.Row, error) {
	rows, err := s.pool.Query(ctx, claimDue, limit, lease)
	if err != nil {
		return nil, translate(err)
	}
	found, err := pgx.CollectRows(rows, scanRow)
	if err != nil {
		return nil, translate(err)
	}
	if len(found) > 0 {
		s.failpoint.At(failpoints.PixRecordsClaimed)
	}
	slices.SortFunc(found, func(a, b claimed) int { return cmp.Or(a.dueAt.Compare(b.dueAt), cmp.Compare(a.position, b.position)) })
	due := make([]outbox.Row, 0, len(found))
	for i := range found {
		due = append(due, found[i].row)
	}
	return due, nil
}

func scanRow(from pgx.CollectableRow) (c claimed, err error) {
	row := &c.row
	err = from.Scan(&c.dueAt, &c.position, (*[16]byte)(&row.ID), &row.Topic, &row.Key, &row.Folder, &row.Version, &row.Body, &row.Claims)
	return c, err
}

// sent makes rows due again for as long as they are not answered, and deletes those that wait for no answer.
const sent = `
WITH locked AS (SELECT id, awaits FROM payment_outbox WHERE id = ANY($1) ORDER BY id FOR UPDATE),
deleted AS (DELETE FROM payment_outbox USING locked WHERE payment_outbox.id = locked.id AND NOT locked.awaits)
UPDATE payment_outbox SET sends = sends + 1, claims = 0,
	due_at = now() + least($2::interval * 2 ^ least(sends, 20), $3::interval) * (0.75 + random() / 2)
FROM locked WHERE payment_outbox.id = locked.id AND locked.awaits`

// Sent implements outbox.Store. A message that waits for an answer is due again: the bank answers a repeat, so an
// answer that was lost comes again.
func (s *Store) Sent(ctx context.Context, rows []id.ID) error {
	_, err := s.pool.Exec(ctx, sent, uuids(rows), record.ShortestRepeat, record.LongestRepeat)
	s.failpoint.After(err, failpoints.PixRecordsSent)
	return translate(err)
}

// again makes rows due that were not sent.
const again = `
WITH locked AS (SELECT id FROM payment_outbox WHERE id = ANY($1) ORDER BY id FOR UPDATE)
UPDATE payment_outbox SET due_at = now() + $2::interval FROM locked WHERE payment_outbox.id = locked.id`

// Again implements outbox.Store.
func (s *Store) Again(ctx context.Context, rows []id.ID, after time.Duration) error {
	_, err := s.pool.Exec(ctx, again, uuids(rows), after)
	s.failpoint.After(err, failpoints.PixRecordsReleased)
	return translate(err)
}
