package postgres

import (
	"context"
	"errors"
	"time"

	"codebank.dev/identity"
	"codebank.dev/identity/failpoints"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"github.com/jackc/pgx/v5"
)

// Refresh implements identity.Sessions.
func (s *Store) Refresh(ctx context.Context, presented identity.Presented, act auditlog.Record) (refreshed identity.Refreshed, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if refreshed, err = refresh(ctx, tx, presented); err != nil || refreshed.Outcome != identity.RefreshStolen {
			return err
		}
		refreshed.User.Who().Did(&act)
		act.What = refreshed.Session.Name()
		end := ending{
			user: refreshed.User.ID, session: refreshed.Session.ID, reason: identity.RefreshReused,
			at: act.At,
		}
		if err := endSessions(ctx, tx, end); err != nil {
			return err
		}
		return table.Append(ctx, tx, act)
	})
	s.config.Failpoint.After(err, failpoints.TokenRefreshed)
	if err == nil {
		s.counters.count(func(stats *Stats) {
			stats.Refreshes[refreshed.Outcome]++
			if refreshed.Outcome == identity.RefreshStolen {
				stats.Acts[act.Act]++
			}
		})
	}
	return refreshed, failure(err)
}

// refresh decides about a refresh token. The lock of its session lets one caller at a time decide.
func refresh(ctx context.Context, tx pgx.Tx, presented identity.Presented) (refreshed identity.Refreshed, err error) {
	var known identity.Refreshing
	var rotated *time.Time
	var nonce []byte
	fields := append(sessionFields(&known.Session), &known.Ended)
	// The lock comes first: the second statement then sees what the one before us committed.
	err = tx.QueryRow(ctx, "SELECT "+sessionColumns+`, ended_at IS NOT NULL FROM sessions
WHERE id = (SELECT session_id FROM refresh_tokens WHERE digest = $1) FOR UPDATE`, presented.Token[:]).Scan(fields...)
	if errors.Is(err, pgx.ErrNoRows) {
		return refreshed, identity.ErrRefresh
	}
	if err != nil {
		return refreshed, err
	}
	err = tx.QueryRow(ctx, "SELECT rotated_at, nonce FROM refresh_tokens WHERE digest = $1", presented.Token[:]).Scan(&rotated, &nonce)
	if err != nil {
		return refreshed, err
	}
	if rotated != nil {
		known.RotatedAt = *rotated
		// rotate deletes the nonce of the token before. A prune deletes it too, but only after the grace.
		known.SuccessorRotated = nonce == nil
	}
	if refreshed.User, err = scanUser(tx.QueryRow(ctx, "SELECT "+userColumns+" FROM users WHERE id = $1", [16]byte(known.Session.User))); err != nil {
		return refreshed, err
	}
	refreshed.Session, refreshed.Outcome = known.Session, identity.DecideRefresh(known, presented.At)
	if refreshed.Outcome == identity.RefreshRotated {
		refreshed.Nonce = presented.Nonce
		refreshed.Session.UsedAt = presented.At
		refreshed.Session.ExpiresAt = identity.Expiry(known.Session.CreatedAt, presented.At)
		return refreshed, rotate(ctx, tx, presented, refreshed.Session)
	}
	copy(refreshed.Nonce[:], nonce)
	return refreshed, nil
}

// rotate exchanges a token. The nonce of the token before is deleted: nobody needs its successor any more.
func rotate(ctx context.Context, tx pgx.Tx, presented identity.Presented, session identity.Session) error {
	batch := new(pgx.Batch)
	batch.Queue("UPDATE refresh_tokens SET nonce = NULL WHERE session_id = $1 AND nonce IS NOT NULL", [16]byte(session.ID))
	batch.Queue("UPDATE refresh_tokens SET rotated_at = $2, nonce = $3 WHERE digest = $1", presented.Token[:], presented.At, presented.Nonce[:])
	batch.Queue("INSERT INTO refresh_tokens (digest, session_id) VALUES ($1, $2)", presented.Successor[:], [16]byte(session.ID))
	batch.Queue("UPDATE sessions SET used_at = $2, expires_at = $3 WHERE id = $1", [16]byte(session.ID), session.UsedAt, session.ExpiresAt)
	return tx.SendBatch(ctx, batch).Close()
}
