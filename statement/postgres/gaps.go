package postgres

import (
	"context"
	"errors"
	"time"

	"codebank.dev/statement"
	"codebank.dev/statement/failpoints"
	"github.com/jackc/pgx/v5"
)

// nextStretch locks the position of the check. It returns where the next stretch of time
// begins, and the latest moment at which it may end. The arrived_at of a row is the time at
// which its transaction began, so the stretch ends before the oldest transaction that may
// still commit rows.
const nextStretch = `
SELECT checked_to, least(now() - $1::interval, (
	SELECT min(xact_start) FROM pg_stat_activity
	WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()))
FROM statement_watch FOR UPDATE SKIP LOCKED`

// The predecessor is read one by one, because for a join the planner may read the
// whole table. LIMIT keeps the planner from making a join of it.
const predecessor = `(
	SELECT before.sequence FROM statement_lines AS before
	WHERE before.account_id = gap.account_id AND before.sequence < gap.sequence
	ORDER BY before.sequence DESC LIMIT 1)`

// unsound is true for a gap whose own event cannot be shown.
const unsound = `EXISTS (
	SELECT FROM statement_lines AS line
	WHERE line.account_id = gap.account_id AND line.sequence = gap.sequence AND ` + sound + ` IS NOT TRUE)`

// deleteGaps ends a gap when its predecessor has arrived and its own event can be shown. It
// also ends a gap whose own event somebody has deleted, because nothing is missing before an
// event that does not exist.
const deleteGaps = `DELETE FROM statement_gaps AS gap
WHERE (gap.sequence = 1 OR ` + predecessor + ` = gap.sequence - 1) AND NOT ` + unsound + ` OR NOT EXISTS (
	SELECT FROM statement_lines AS own WHERE own.account_id = gap.account_id AND own.sequence = gap.sequence)`

// insertGaps reads the index only for events that do not follow on within the stretch
// itself. An event whose sequence is out of range belongs to no statement.
const insertGaps = `
WITH arrived AS MATERIALIZED (
	SELECT account_id, sequence, arrived_at, ` + sound + ` IS NOT TRUE AS unsound,
		lag(sequence) OVER (PARTITION BY account_id ORDER BY sequence) AS previous
	FROM statement_lines AS line
	WHERE arrived_at >= $1 AND arrived_at < $2 AND account_id IS NOT NULL AND sequence BETWEEN 1 AND ` + lastSequence + `
), found AS (
	INSERT INTO statement_gaps (account_id, sequence, arrived_at)
	SELECT account_id, sequence, arrived_at FROM arrived AS gap
	WHERE unsound OR sequence > 1 AND previous IS DISTINCT FROM sequence - 1
		AND ` + predecessor + ` IS DISTINCT FROM sequence - 1
	ON CONFLICT DO NOTHING
)
SELECT count(*) FROM arrived`

// FindGaps implements statement.Store.
func (s *Store) FindGaps(ctx context.Context, age, window time.Duration) (examined int64, caughtUp bool, err error) {
	if _, err := s.prepared(); err != nil {
		return 0, false, err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var from, latest time.Time
		err := tx.QueryRow(ctx, nextStretch, age).Scan(&from, &latest)
		if errors.Is(err, pgx.ErrNoRows) {
			caughtUp = true // Another replica does it.
			return nil
		}
		if err != nil {
			return err
		}
		to := from.Add(window)
		if caughtUp = !to.Before(latest); caughtUp {
			to = latest
		}
		if to.Before(from) {
			to = from // No new event is old enough yet.
		}
		batch := &pgx.Batch{}
		// The planner cannot know that a stretch of time is a small part of the table. The
		// work is not worth a second processor.
		batch.Queue(setReader, string(statement.Everybody))
		batch.Queue("SET LOCAL enable_bitmapscan = on")
		batch.Queue("SET LOCAL enable_seqscan = off")
		batch.Queue("SET LOCAL plan_cache_mode = auto")
		batch.Queue("SET LOCAL max_parallel_workers_per_gather = 0")
		batch.Queue(deleteGaps)
		batch.Queue(insertGaps, from, to).QueryRow(func(row pgx.Row) error { return row.Scan(&examined) })
		batch.Queue("UPDATE statement_watch SET checked_to = $1", to)
		err = tx.SendBatch(ctx, batch).Close()
		s.config.Failpoint.After(err, failpoints.GapsFound)
		return err
	})
	s.config.Failpoint.After(err, failpoints.GapsStored)
	return examined, caughtUp, failure(err)
}

const openGaps = `
WITH gap AS (
	SELECT account_id, sequence, arrived_at, ` + unsound + ` AS unsound, ` + predecessor + ` AS predecessor FROM statement_gaps AS gap
)
SELECT account_id, CASE WHEN unsound THEN sequence ELSE coalesce(predecessor, 0) + 1 END, sequence, unsound,
	extract(epoch FROM now() - arrived_at)::bigint
FROM gap WHERE unsound OR sequence > 1 AND predecessor IS DISTINCT FROM sequence - 1
ORDER BY arrived_at, account_id, sequence LIMIT $1`

const countGaps = `
SELECT count(*), coalesce(extract(epoch FROM now() - min(arrived_at))::bigint, 0) FROM statement_gaps`

// Gaps implements statement.Store.
func (s *Store) Gaps(ctx context.Context, limit int) (statement.Gaps, error) {
	if _, err := s.prepared(); err != nil {
		return statement.Gaps{}, err
	}
	var gaps statement.Gaps
	batch := &pgx.Batch{}
	batch.Queue(setReader, string(statement.Everybody))
	batch.Queue(countGaps).QueryRow(func(row pgx.Row) error {
		var seconds int64
		err := row.Scan(&gaps.Count, &seconds)
		gaps.Oldest = time.Duration(seconds) * time.Second
		return err
	})
	batch.Queue(openGaps, limit).Query(func(rows pgx.Rows) (err error) {
		gaps.List, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (statement.Gap, error) {
			var gap statement.Gap
			var seconds int64
			err := row.Scan(&gap.Account, &gap.Missing, &gap.Next, &gap.Unsound, &seconds)
			gap.Age = time.Duration(seconds) * time.Second
			return gap, err
		})
		return err
	})
	return gaps, failure(s.pool.SendBatch(ctx, batch).Close())
}
