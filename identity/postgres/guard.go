package postgres

import (
	"context"
	"slices"
	"strings"
	"time"

	"codebank.dev/identity"
	"codebank.dev/identity/failpoints"
	"github.com/jackc/pgx/v5"
)

// Take implements identity.Guard.
func (s *Store) Take(ctx context.Context, now time.Time, counters []identity.Counter) (wait time.Duration, last bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		wait, last, err = take(ctx, tx, now, counters)
		return err
	})
	s.config.Failpoint.After(err, failpoints.AttemptCounted)
	if err == nil && wait > 0 {
		s.counters.count(func(stats *Stats) { stats.AttemptsRefused++ })
	}
	return wait, last, failure(err)
}

func take(ctx context.Context, tx pgx.Tx, now time.Time, counters []identity.Counter) (wait time.Duration, last bool, err error) {
	ordered := slices.SortedFunc(slices.Values(counters), func(a, b identity.Counter) int { return strings.Compare(a.Key, b.Key) })
	taken := make([]identity.Attempts, len(ordered))
	for i, counter := range ordered {
		var seen identity.Attempts
		// The update changes nothing, and locks the row.
		err := tx.QueryRow(ctx, `INSERT INTO attempts (key, count, last_at) VALUES ($1, 0, $2)
ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING count, last_at`, counter.Key, now).Scan(&seen.Count, &seen.LastAt)
		if err != nil {
			return 0, false, err
		}
		var pause time.Duration
		taken[i], pause = counter.Limit.Take(seen, now)
		wait, last = max(wait, pause), last || taken[i].Count == counter.Limit.Free && !counter.Shared
	}
	if wait > 0 {
		return wait, false, nil
	}
	for i, counter := range ordered {
		_, err := tx.Exec(ctx, "UPDATE attempts SET count = $2, last_at = $3 WHERE key = $1", counter.Key, taken[i].Count, taken[i].LastAt)
		if err != nil {
			return 0, false, err
		}
	}
	return 0, last, nil
}

// lockAttempts locks rows in the order of take. An update alone would lock them as they are stored, and
// deadlock with take.
const lockAttempts = "SELECT FROM attempts WHERE key = ANY($1) ORDER BY key FOR UPDATE"

// forgive takes an attempt back that was right. A counter that only its maker counts is empty then.
func forgive(ctx context.Context, tx pgx.Tx, counters []identity.Counter) error {
	var keys, shared []string
	for _, counter := range counters {
		keys = append(keys, counter.Key)
		if counter.Shared {
			shared = append(shared, counter.Key)
		}
	}
	batch := new(pgx.Batch)
	batch.Queue(lockAttempts, keys)
	batch.Queue(`UPDATE attempts SET count = CASE WHEN key = ANY($2) THEN greatest(count - 1, 0) ELSE 0 END
WHERE key = ANY($1)`, keys, shared)
	return tx.SendBatch(ctx, batch).Close()
}

// GiveBack implements identity.Guard. It is not idempotent: each call takes one attempt back.
func (s *Store) GiveBack(ctx context.Context, counters []identity.Counter) error {
	var keys []string
	for _, counter := range counters {
		keys = append(keys, counter.Key)
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		batch := new(pgx.Batch)
		batch.Queue(lockAttempts, keys)
		batch.Queue("UPDATE attempts SET count = greatest(count - 1, 0) WHERE key = ANY($1)", keys)
		return tx.SendBatch(ctx, batch).Close()
	})
	s.config.Failpoint.After(err, failpoints.AttemptGivenBack)
	return failure(err)
}

// How long things are kept after they matter no more.
const (
	keepEnded    = 30 * 24 * time.Hour
	keepAttempts = 24 * time.Hour
	keepDevices  = 365 * 24 * time.Hour
	pruneAtOnce  = 1000
)

// prunes delete what is older than $1, at most $2 rows. The times are how much older than now. They skip
// rows that a caller has locked, who may wait for others that a prune holds. Nobody else locks an end, and
// who uses a token of an e-mail locks none that has expired.
var prunes = []struct {
	sql  string
	keep time.Duration
}{
	{"UPDATE refresh_tokens SET nonce = NULL WHERE digest IN (SELECT digest FROM refresh_tokens WHERE nonce IS NOT NULL AND rotated_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)", 2 * identity.RefreshGrace},
	{"DELETE FROM ended_sessions WHERE sequence IN (SELECT sequence FROM ended_sessions WHERE tokens_expire_at < $1 LIMIT $2)", keepAttempts},
	{"DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ended_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)", keepEnded},
	{"DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ended_at IS NULL AND expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)", keepEnded},
	{"DELETE FROM devices WHERE (user_id, digest) IN (SELECT user_id, digest FROM devices WHERE used_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)", keepDevices},
	{"DELETE FROM attempts WHERE key IN (SELECT key FROM attempts WHERE last_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)", keepAttempts},
	{"DELETE FROM mails WHERE (email, kind) IN (SELECT email, kind FROM mails WHERE requested_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)", keepAttempts},
	{"DELETE FROM mail_tokens WHERE digest IN (SELECT digest FROM mail_tokens WHERE expires_at < $1 LIMIT $2)", keepAttempts},
}

// Prune implements identity.Guard.
func (s *Store) Prune(ctx context.Context, now time.Time) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, prune := range prunes {
			if _, err := tx.Exec(ctx, prune.sql, now.Add(-prune.keep), pruneAtOnce); err != nil {
				return err
			}
		}
		return nil
	})
	s.config.Failpoint.After(err, failpoints.IdentitiesPruned)
	return failure(err)
}
