// Package access has the use cases of identity. A map of the package:
//
//	access.go    Service, and who calls
//	signup.go    sign up
//	signin.go    sign in
//	sessions.go  refresh, sign out, sessions
//	password.go  change and reset a password
//	mailer.go    sends the e-mails that are due
//	pruner.go    deletes what is too old
//
// Nothing here logs or returns a secret in an error.
package access

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"codebank.dev/identity"
	"codebank.dev/identity/hashing"
	"codebank.dev/identity/signing"
	"codebank.dev/platform/id"
	"codebank.dev/platform/token"
)

// Config is what a Service needs. All fields but TokenLifetime and Now are required.
type Config struct {
	Store  identity.Store
	Hasher *hashing.Hasher
	Keys   *signing.Ring
	// Issuer and Audience are those of access tokens.
	Issuer, Audience string
	// TokenLifetime is how long access tokens live; 0 means token.MaxLifetime, which is the most.
	TokenLifetime time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Service does the use cases. It is safe for concurrent use.
type Service struct {
	Config
	verifier *token.Verifier
}

// NewService returns a Service.
func NewService(config Config) (*Service, error) {
	if config.TokenLifetime == 0 {
		config.TokenLifetime = token.MaxLifetime
	}
	if config.TokenLifetime < time.Second || config.TokenLifetime > token.MaxLifetime {
		return nil, errors.New("access: access tokens live a second to 15 minutes")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	verifier, err := token.NewVerifier(token.Config{Issuer: config.Issuer, Audience: config.Audience, Keys: config.Keys, Now: config.Now})
	if err != nil {
		return nil, err
	}
	return &Service{config, verifier}, nil
}

// now returns the time as the database keeps it.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// Caller is a user who calls with an access token.
type Caller struct {
	User    identity.User
	Session id.ID
}

// Authenticate returns the caller with an access token. Its session is looked up: one that has ended a
// moment ago is refused. Errors are those of token.Verifier, and token.ErrEnded.
func (s *Service) Authenticate(ctx context.Context, text string) (Caller, error) {
	claims, err := s.verifier.Verify(ctx, text)
	if err != nil {
		return Caller{}, err
	}
	session, err := id.Parse(claims.Session)
	if err != nil {
		return Caller{}, token.ErrInvalid.Wrap(err)
	}
	user, ok, err := s.Store.Caller(ctx, session, s.now())
	if err != nil {
		return Caller{}, err
	}
	if !ok || user.ID.String() != claims.Subject {
		return Caller{}, token.ErrEnded
	}
	return Caller{user, session}, nil
}

// Tokens are what a client keeps of a session. They are secrets.
type Tokens struct {
	Access    string
	ExpiresAt time.Time
	Refresh   identity.Secret
	Session   id.ID
}

// tokens signs an access token beside a refresh token.
func (s *Service) tokens(user identity.User, session identity.Session, refresh identity.Secret) (Tokens, error) {
	unique, err := id.New(rand.Reader)
	if err != nil {
		return Tokens{}, err
	}
	expires := session.UsedAt.Add(s.TokenLifetime)
	if session.ExpiresAt.Before(expires) {
		expires = session.ExpiresAt
	}
	roles := make([]string, len(user.Roles))
	for i, role := range user.Roles {
		roles[i] = string(role)
	}
	access, err := s.Keys.Sign(signing.Token{
		Issuer: s.Issuer, Audience: s.Audience, Subject: user.ID.String(), Session: session.ID.String(), ID: unique.String(),
		Roles: roles, IssuedAt: session.UsedAt, ExpiresAt: expires,
	})
	return Tokens{access, expires.Truncate(time.Second), refresh, session.ID}, err
}

// countMail counts a request that sends an e-mail.
func (s *Service) countMail(ctx context.Context, from identity.Origin, now time.Time) error {
	wait, _, err := s.Store.Take(ctx, now, []identity.Counter{identity.MailCounter(from.Address)})
	if err == nil && wait > 0 {
		return identity.ErrAttempts.After(wait)
	}
	return err
}

// addressName returns what stands for an e-mail address in the audit log.
func addressName(email identity.Email) string { return "emails/" + email.Key() }
