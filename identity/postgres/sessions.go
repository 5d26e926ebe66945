package postgres

import (
	"context"
	"errors"
	"time"

	"codebank.dev/identity"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/id"
	"github.com/jackc/pgx/v5"
)

// OpenSession implements identity.Sessions.
func (s *Store) OpenSession(ctx context.Context, opening identity.Opening, act auditlog.Record) error {
	return s.act(ctx, &act, func(tx pgx.Tx) error { return openSession(ctx, tx, opening) })
}

func openSession(ctx context.Context, tx pgx.Tx, opening identity.Opening) error {
	session := opening.Session
	tag, err := tx.Exec(ctx, "UPDATE users SET password_hash = coalesce(nullif($3, ''), password_hash) WHERE id = $1 AND password_hash = $2",
		[16]byte(session.User), opening.Verified, opening.Rehash)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return identity.ErrCredentials
	}
	if err := forgive(ctx, tx, opening.Forgive); err != nil {
		return err
	}
	batch := new(pgx.Batch)
	batch.Queue(`INSERT INTO sessions (id, user_id, device, address, created_at, used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $5, $6)`,
		[16]byte(session.ID), [16]byte(session.User), session.Device, session.Address, session.CreatedAt, session.ExpiresAt)
	batch.Queue("INSERT INTO refresh_tokens (digest, session_id) VALUES ($1, $2)", opening.Refresh[:], [16]byte(session.ID))
	batch.Queue(`INSERT INTO devices (user_id, digest, used_at) VALUES ($1, $2, $3)
ON CONFLICT (user_id, digest) DO UPDATE SET used_at = excluded.used_at`, [16]byte(session.User), opening.Device[:], session.CreatedAt)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	return endSessions(ctx, tx, ending{
		user: session.User, reason: identity.TooManySessions, at: session.CreatedAt, spare: identity.MaxSessions,
	})
}

// ending says which sessions of a user end.
type ending struct {
	user id.ID
	// session is the one that ends; zero for all but keep and the spare ones.
	session, keep id.ID
	// spare is how many of the sessions go on: those that were used last.
	spare  int
	reason identity.EndReason
	at     time.Time
}

// endSessions ends sessions and puts them before the verifiers of tokens. It locks the head of the
// audit log, so nothing but the act itself may follow it. It returns errNothing if a session was named
// that has ended, and ErrNoSession if the user has no such session.
func endSessions(ctx context.Context, tx pgx.Tx, e ending) error {
	rows, err := tx.Query(ctx, `
UPDATE sessions SET ended_at = $5, end_reason = $6 WHERE id IN (
	SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND (id = $2 OR $2 IS NULL) AND id <> $3
	ORDER BY used_at DESC, id OFFSET $4
) RETURNING id`, [16]byte(e.user), optional(e.session), [16]byte(e.keep), e.spare, e.at, string(e.reason))
	if err != nil {
		return err
	}
	ended, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
	if err != nil {
		return err
	}
	if len(ended) == 0 {
		return noneEnded(ctx, tx, e)
	}
	var last int64
	if err := tx.QueryRow(ctx, "SELECT ended_sequence FROM audit_head FOR UPDATE").Scan(&last); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
WITH told AS (
	INSERT INTO ended_sessions (sequence, session_id, ended_at, tokens_expire_at)
	SELECT $1 + place, session, $3, $4 FROM unnest($2::uuid[]) WITH ORDINALITY AS ended (session, place)
)
UPDATE audit_head SET ended_sequence = $1 + cardinality($2::uuid[])`, last, ended, e.at, e.at.Add(identity.TokensForgotten))
	return err
}

func noneEnded(ctx context.Context, tx pgx.Tx, e ending) error {
	if e.session.IsZero() {
		return nil
	}
	var exists bool
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM sessions WHERE id = $1 AND user_id = $2)", [16]byte(e.session), [16]byte(e.user)).Scan(&exists)
	switch {
	case err != nil:
		return err
	case !exists:
		return identity.ErrNoSession
	}
	return errNothing
}

// optional returns null for none.
func optional(of id.ID) *[16]byte {
	if of.IsZero() {
		return nil
	}
	uuid := [16]byte(of)
	return &uuid
}

// EndSession implements identity.Sessions.
func (s *Store) EndSession(ctx context.Context, end identity.SessionEnd, act auditlog.Record) error {
	return s.act(ctx, &act, func(tx pgx.Tx) error {
		if end.Token != nil {
			var session, user [16]byte
			err := tx.QueryRow(ctx, `SELECT sessions.id, user_id FROM refresh_tokens JOIN sessions ON sessions.id = session_id WHERE digest = $1`,
				end.Token[:]).Scan(&session, &user)
			if errors.Is(err, pgx.ErrNoRows) {
				return errNothing
			}
			if err != nil {
				return err
			}
			end.Session, end.User = id.ID(session), id.ID(user)
			identity.User{ID: end.User}.Who().Did(&act)
		}
		act.What = identity.SessionName(end.Session)
		return endSessions(ctx, tx, ending{user: end.User, session: end.Session, reason: end.Reason, at: act.At})
	})
}

// Caller implements identity.Sessions.
func (s *Store) Caller(ctx context.Context, session id.ID, now time.Time) (identity.User, bool, error) {
	user, err := scanUser(s.pool.QueryRow(ctx, "SELECT "+userColumns+` FROM sessions JOIN users ON users.id = user_id
WHERE sessions.id = $1 AND ended_at IS NULL AND expires_at > $2`, [16]byte(session), now))
	if errors.Is(err, pgx.ErrNoRows) {
		return identity.User{}, false, nil
	}
	return user, err == nil, failure(err)
}

// sessionColumns are the columns that scanSession reads.
const sessionColumns = "sessions.id, sessions.user_id, sessions.device, sessions.address, sessions.created_at, sessions.used_at, sessions.expires_at"

// sessionFields returns where to scan sessionColumns to.
func sessionFields(session *identity.Session) []any {
	return []any{(*[16]byte)(&session.ID), (*[16]byte)(&session.User), &session.Device, &session.Address, &session.CreatedAt, &session.UsedAt, &session.ExpiresAt}
}

// ListSessions implements identity.Sessions.
func (s *Store) ListSessions(ctx context.Context, user id.ID, now time.Time) ([]identity.Session, error) {
	rows, err := s.pool.Query(ctx, "SELECT "+sessionColumns+` FROM sessions
WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY used_at DESC, id LIMIT $3`, [16]byte(user), now, identity.MaxSessions)
	if err != nil {
		return nil, failure(err)
	}
	sessions, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (session identity.Session, err error) {
		err = row.Scan(sessionFields(&session)...)
		return session, err
	})
	return sessions, failure(err)
}

// endsPage is how many ends are read at once.
const endsPage = 1000

// EndsAfter implements identity.Ends.
func (s *Store) EndsAfter(ctx context.Context, sequence int64, now time.Time) ([]identity.EndedSession, error) {
	rows, err := s.pool.Query(ctx, `SELECT sequence, session_id, ended_at, tokens_expire_at FROM ended_sessions
WHERE sequence > (SELECT CASE WHEN ended_sequence >= $1 THEN $1 ELSE 0 END FROM audit_head) AND tokens_expire_at > $2 ORDER BY sequence LIMIT $3`, sequence, now, endsPage)
	if err != nil {
		return nil, failure(err)
	}
	ends, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (end identity.EndedSession, err error) {
		err = row.Scan(&end.Sequence, (*[16]byte)(&end.Session), &end.EndedAt, &end.TokensExpireAt)
		return end, err
	})
	return ends, failure(err)
}
