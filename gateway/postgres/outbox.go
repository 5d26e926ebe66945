package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/gateway/failpoints"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

var _ outbox.Store = (*Store)(nil)

// claim takes the rows that are due first.
const claim = `
WITH due AS (
	SELECT id, due_at, position FROM outbox WHERE due_at <= now() ORDER BY due_at, position LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE outbox SET due_at = now() + $2::interval, claims = claims + 1 FROM due WHERE outbox.id = due.id
RETURNING due.due_at, due.position, outbox.id, topic, key, schema_folder, schema_version, body, mac_key_id, mac, claims`

// claimed is a row with its place in the order of what is due.
type claimed struct {
	dueAt    time.Time
	position int64
	row      outbox.Row
}

// Claim implements outbox.Store.
func (s *Store) Claim(ctx context.Context, limit int, lease time.Duration) ([]outbox.Row, error) {
	var found []claimed
	err := s.as(ctx, everybody, func(batch *pgx.Batch) {
		batch.Queue(claim, limit, lease).Query(func(rows pgx.Rows) (err error) {
			found, err = pgx.CollectRows(rows, scanRow)
			return err
		})
	})
	if err == nil && len(found) > 0 {
		s.config.Failpoint.At(failpoints.CommandsClaimed)
	}
	if err != nil {
		return nil, failure(err)
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
	row := &c.row
	err = from.Scan(&c.dueAt, &c.position, (*[16]byte)(&row.ID), &row.Topic, &row.Key, &row.Folder, &row.Version, &row.Body, &keyID, &mac, &row.Claims)
	row.Headers = []outbox.Header{{Key: command.HeaderKey, Value: []byte(keyID)}, {Key: command.HeaderMAC, Value: []byte(mac)}}
	return c, err
}

// The wait before a command that has not ended is sent again: it doubles with each time, from the shortest to the
// longest, and is spread by a quarter both ways. An answer takes well under a second.
const shortestRepeat, longestRepeat = 10 * time.Second, 10 * time.Minute

// sent makes rows due again for as long as the transfer has not ended.
const sent = `
WITH locked AS (SELECT id FROM outbox WHERE id = ANY($1) ORDER BY id FOR UPDATE)
UPDATE outbox SET sent_at = now(), sends = sends + 1, claims = 0,
	due_at = now() + least($2::interval * 2 ^ least(sends, 20), $3::interval) * (0.75 + random() / 2)
FROM locked WHERE outbox.id = locked.id`

// Sent implements outbox.Store. A row is due again until the transfer has ended: the bank answers a repeat with
// the same result, so a result that was lost comes again.
func (s *Store) Sent(ctx context.Context, rows []id.ID) error {
	err := s.as(ctx, everybody, func(batch *pgx.Batch) { batch.Queue(sent, uuids(rows), shortestRepeat, longestRepeat) })
	s.config.Failpoint.After(err, failpoints.CommandsSent)
	return failure(err)
}

// again makes rows due that were not sent.
const again = `
WITH locked AS (SELECT id FROM outbox WHERE id = ANY($1) ORDER BY id FOR UPDATE)
UPDATE outbox SET due_at = now() + $2::interval FROM locked WHERE outbox.id = locked.id`

// Again implements outbox.Store.
func (s *Store) Again(ctx context.Context, rows []id.ID, after time.Duration) error {
	err := s.as(ctx, everybody, func(batch *pgx.Batch) { batch.Queue(again, uuids(rows), after) })
	s.config.Failpoint.After(err, failpoints.CommandsReleased)
	return failure(err)
}

// signedBy counts the commands that a key has signed.
const signedBy = "SELECT count(*) FROM outbox WHERE mac_key_id = $1"

// CommandsSignedBy returns how many commands that a key has signed have not ended. A command is in the outbox until the
// gateway has its result, so one that waits on the topic is counted too.
func (s *Store) CommandsSignedBy(ctx context.Context, keyID string) (count int64, err error) {
	err = s.as(ctx, everybody, func(batch *pgx.Batch) {
		batch.Queue(signedBy, keyID).QueryRow(func(row pgx.Row) error { return row.Scan(&count) })
	})
	return count, failure(err)
}

func uuids(ids []id.ID) [][16]byte {
	out := make([][16]byte, 0, len(ids))
	for _, one := range ids {
		out = append(out, one)
	}
	return out
}
