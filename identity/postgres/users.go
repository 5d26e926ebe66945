package postgres

import (
	"context"
	"errors"
	"slices"

	"codebank.dev/identity"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/database"
	"codebank.dev/platform/id"
	"github.com/jackc/pgx/v5"
)

// userColumns are the columns that scanUser reads.
const userColumns = "users.id, users.email, users.password_hash, users.roles, users.created_at"

// row is a row of a result, or the only one.
type row interface{ Scan(...any) error }

// scanUser reads userColumns and more.
func scanUser(from row, more ...any) (identity.User, error) {
	var user identity.User
	var uuid [16]byte
	var email string
	var roles []string
	err := from.Scan(append([]any{&uuid, &email, &user.PasswordHash, &roles, &user.CreatedAt}, more...)...)
	user.ID, user.Email = id.ID(uuid), identity.Email(email)
	for _, role := range roles {
		user.Roles = append(user.Roles, identity.Role(role))
	}
	return user, err
}

func texts(roles []identity.Role) []string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = string(role)
	}
	return names
}

// bytes returns the bytes of a digest, or nil for none.
func bytes(digest *identity.Digest) []byte {
	if digest == nil {
		return nil
	}
	return digest[:]
}

// Candidate implements identity.Users.
func (s *Store) Candidate(ctx context.Context, email identity.Email, device *identity.Digest) (user identity.User, known, knowsDevice bool, err error) {
	user, err = scanUser(s.pool.QueryRow(ctx, "SELECT "+userColumns+`,
EXISTS (SELECT FROM devices WHERE user_id = users.id AND digest = $2) FROM users WHERE email = $1`,
		string(email), bytes(device)), &knowsDevice)
	if errors.Is(err, pgx.ErrNoRows) {
		return identity.User{}, false, false, nil
	}
	return user, err == nil, knowsDevice, failure(err)
}

// CreateUser implements identity.Users.
func (s *Store) CreateUser(ctx context.Context, user identity.User, token *identity.Digest, act auditlog.Record) error {
	err := s.act(ctx, &act, func(tx pgx.Tx) error { return createUser(ctx, tx, user, token) })
	if database.State(err) == uniqueViolation {
		return identity.ErrMailToken.Wrap(err)
	}
	return err
}

const uniqueViolation = "23505"

func createUser(ctx context.Context, tx pgx.Tx, user identity.User, token *identity.Digest) error {
	if token != nil {
		if err := useMailToken(ctx, tx, mailToken{identity.MailSignUp, *token, user.Email}, user.CreatedAt); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, "INSERT INTO users (id, email, password_hash, roles, created_at) VALUES ($1, $2, $3, $4, $5)",
		[16]byte(user.ID), string(user.Email), user.PasswordHash, texts(user.Roles), user.CreatedAt)
	return err
}

// SetPassword implements identity.Users.
func (s *Store) SetPassword(ctx context.Context, change identity.PasswordChange, act auditlog.Record) error {
	return s.act(ctx, &act, func(tx pgx.Tx) error { return setPassword(ctx, tx, change, act) })
}

func setPassword(ctx context.Context, tx pgx.Tx, change identity.PasswordChange, act auditlog.Record) error {
	tag, err := tx.Exec(ctx, "UPDATE users SET password_hash = $2 WHERE id = $1 AND (password_hash = $3 OR $3 = '')",
		[16]byte(change.User), change.Hash, change.Verified)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return identity.ErrCredentials
	}
	if change.Token != nil {
		if err := useMailToken(ctx, tx, mailToken{identity.MailPasswordReset, *change.Token, change.Email}, act.At); err != nil {
			return err
		}
	} else if err := forgetMailTokens(ctx, tx, identity.MailPasswordReset, change.Email); err != nil {
		return err
	}
	if err := forgive(ctx, tx, change.Forgive); err != nil {
		return err
	}
	notice := identity.Mail{Email: change.Email, Kind: identity.MailPasswordChanged, RequestedAt: act.At}
	if _, err := requestMail(ctx, tx, notice); err != nil {
		return err
	}
	return endSessions(ctx, tx, ending{user: change.User, keep: change.Keep, reason: change.Reason, at: act.At})
}

// ChangeRoles implements identity.Users.
func (s *Store) ChangeRoles(ctx context.Context, email identity.Email, change identity.RoleChange, act auditlog.Record) (user identity.User, err error) {
	err = s.act(ctx, &act, func(tx pgx.Tx) error {
		user, err = changeRoles(ctx, tx, email, change)
		if err == nil && len(change.Take) > 0 {
			err = endSessions(ctx, tx, ending{user: user.ID, reason: identity.RolesChanged, at: act.At})
		}
		act.What = user.Name()
		return err
	})
	return user, err
}

func changeRoles(ctx context.Context, tx pgx.Tx, email identity.Email, change identity.RoleChange) (identity.User, error) {
	user, err := scanUser(tx.QueryRow(ctx, "SELECT "+userColumns+" FROM users WHERE email = $1 FOR UPDATE", string(email)))
	if errors.Is(err, pgx.ErrNoRows) {
		return user, identity.ErrNoUser
	}
	if err != nil {
		return user, err
	}
	var roles []identity.Role
	for _, role := range identity.Roles() {
		has := slices.Contains(user.Roles, role) || slices.Contains(change.Add, role)
		if has && !slices.Contains(change.Take, role) {
			roles = append(roles, role)
		}
	}
	user.Roles = roles
	_, err = tx.Exec(ctx, "UPDATE users SET roles = $2 WHERE id = $1", [16]byte(user.ID), texts(roles))
	return user, err
}
