package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"codebank.dev/identity"
	"codebank.dev/identity/failpoints"
	"codebank.dev/platform/auditlog"
	"github.com/jackc/pgx/v5"
)

// RequestMail implements identity.Mails.
func (s *Store) RequestMail(ctx context.Context, mail identity.Mail, act auditlog.Record) error {
	return s.act(ctx, &act, func(tx pgx.Tx) error {
		requested, err := requestMail(ctx, tx, mail)
		if err == nil && !requested {
			return errNothing
		}
		return err
	})
}

// requestMail reports whether the e-mail was not due already, nor sent a moment ago.
func requestMail(ctx context.Context, tx pgx.Tx, mail identity.Mail) (bool, error) {
	tag, err := tx.Exec(ctx, `INSERT INTO mails (email, kind, requested_at, next_try_at) VALUES ($1, $2, $3, $3)
ON CONFLICT (email, kind) DO UPDATE SET requested_at = excluded.requested_at, next_try_at = excluded.next_try_at, sent_at = NULL, tries = 0
WHERE mails.sent_at <= $4 OR mails.tries >= $5`,
		string(mail.Email), string(mail.Kind), mail.RequestedAt, mail.RequestedAt.Add(-identity.MailPause), identity.MailTries)
	return tag.RowsAffected() > 0, err
}

// claimMail takes the e-mail that is due first. Its next try is in 2, 4, 8 … seconds, at most 17
// minutes.
const claimMail = `
UPDATE mails SET tries = tries + 1, next_try_at = $1 + interval '1 second' * 2 ^ least(tries + 1, 10)
WHERE (email, kind) = (
	SELECT email, kind FROM mails WHERE sent_at IS NULL AND next_try_at <= $1 AND tries < $2
	ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING email, kind, requested_at`

// ClaimMail implements identity.Mails.
func (s *Store) ClaimMail(ctx context.Context, now time.Time) (mail identity.Mail, ok bool, err error) {
	var email, kind string
	err = s.pool.QueryRow(ctx, claimMail, now, identity.MailTries).Scan(&email, &kind, &mail.RequestedAt)
	s.config.Failpoint.After(err, failpoints.MailClaimed)
	if errors.Is(err, pgx.ErrNoRows) {
		return identity.Mail{}, false, nil
	}
	mail.Email, mail.Kind = identity.Email(email), identity.MailKind(kind)
	return mail, err == nil, failure(err)
}

// MailSent implements identity.Mails.
func (s *Store) MailSent(ctx context.Context, mail identity.Mail, at time.Time) error {
	_, err := s.pool.Exec(ctx, "UPDATE mails SET sent_at = $4 WHERE email = $1 AND kind = $2 AND requested_at = $3",
		string(mail.Email), string(mail.Kind), mail.RequestedAt, at)
	s.config.Failpoint.After(err, failpoints.MailDone)
	return failure(err)
}

// AddMailToken implements identity.Mails.
func (s *Store) AddMailToken(ctx context.Context, mail identity.Mail, token identity.Digest, expiresAt time.Time) error {
	_, err := s.pool.Exec(ctx, "INSERT INTO mail_tokens (digest, kind, email, expires_at) VALUES ($1, $2, $3, $4)",
		token[:], string(mail.Kind), string(mail.Email), expiresAt)
	s.config.Failpoint.After(err, failpoints.MailTokenStored)
	return failure(err)
}

// MailToken implements identity.Mails.
func (s *Store) MailToken(ctx context.Context, kind identity.MailKind, token identity.Digest, now time.Time) (identity.Email, error) {
	var email string
	err := s.pool.QueryRow(ctx, "SELECT email FROM mail_tokens WHERE digest = $1 AND kind = $2 AND expires_at > $3", token[:], string(kind), now).Scan(&email)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", identity.ErrMailToken
	}
	return identity.Email(email), failure(err)
}

// mailToken is the token of an e-mail that is used.
type mailToken struct {
	kind   identity.MailKind
	digest identity.Digest
	email  identity.Email
}

// useMailToken deletes a token and all others of its kind for the address that can be used at a time.
// ErrMailToken if the token is not one of them. One statement deletes them all, so each caller locks
// them in the order in which they are stored. A caller that locked its own token first could
// deadlock with the caller of another.
func useMailToken(ctx context.Context, tx pgx.Tx, token mailToken, at time.Time) error {
	rows, err := tx.Query(ctx, "DELETE FROM mail_tokens WHERE kind = $1 AND email = $2 AND expires_at > $3 RETURNING digest",
		string(token.kind), string(token.email), at)
	if err != nil {
		return err
	}
	digests, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return err
	}
	used := func(digest []byte) bool { return identity.Digest(digest) == token.digest }
	if !slices.ContainsFunc(digests, used) {
		return identity.ErrMailToken
	}
	return nil
}

func forgetMailTokens(ctx context.Context, tx pgx.Tx, kind identity.MailKind, email identity.Email) error {
	_, err := tx.Exec(ctx, "DELETE FROM mail_tokens WHERE kind = $1 AND email = $2", string(kind), string(email))
	return err
}
