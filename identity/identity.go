// Package identity is the language of the program identity: users, their roles, sessions and
// refresh tokens, attempts to guess a password, e-mails that prove an address, and the audit
// log. It decides and stores nothing. A map of the module:
//
//	identity.go   users, roles, sessions, and where a call comes from
//	email.go      e-mail addresses
//	password.go   which passwords are allowed
//	secret.go     refresh tokens and the tokens of e-mails: 256 random bits, stored as SHA-256
//	refresh.go    what becomes of a refresh token that is presented
//	attempts.go   how often a password may be guessed
//	audit.go      the audit log, a chain of hashes
//	store.go      what the store promises
//	access/       the use cases: sign up, sign in, refresh, sign out, change and reset a password
//	hashing/      argon2id, two hashes at once, and the queue for them
//	signing/      the keys of access tokens, their file and their rotation
//	mail/         e-mails by SMTP
//	postgres/     the store
//	rpc/          gRPC and REST
//	cmd/identity/ the program, and the commands of operators
package identity

import (
	"fmt"
	"slices"
	"time"

	"codebank.dev/platform/id"
)

// Role is what a user is to the system.
type Role string

// The roles. Only operators' commands give them, except that who signs up is a customer.
const (
	Customer Role = "customer"
	Merchant Role = "merchant"
	Analyst  Role = "analyst"
	Operator Role = "operator"
)

// Roles returns every role.
func Roles() []Role { return []Role{Customer, Merchant, Analyst, Operator} }

// ParseRole returns the role with a name. The error lists the roles.
func ParseRole(name string) (Role, error) {
	if !slices.Contains(Roles(), Role(name)) {
		return "", fmt.Errorf("%q is none of the roles %v", name, Roles())
	}
	return Role(name), nil
}

// How long sessions live.
const (
	// SessionIdle is how long a session lives without being used.
	SessionIdle = 30 * 24 * time.Hour
	// SessionLongest is how long a session lives at most.
	SessionLongest = 90 * 24 * time.Hour
	// MaxSessions is how many sessions a user may have at once.
	MaxSessions = 20
	// TokensForgotten is how long after the end of a session a verifier must know of it: the longest
	// life of an access token, and a minute for clocks that differ.
	TokensForgotten = 16 * time.Minute
	// MaxDevice is the length of the longest name of a device.
	MaxDevice = 60
)

// User is a person with an account.
type User struct {
	ID    id.ID
	Email Email
	// PasswordHash is argon2id in its text form, with its parameters.
	PasswordHash string
	Roles        []Role
	CreatedAt    time.Time
}

// Name returns the name of the user as a resource.
func (u User) Name() string { return "users/" + u.ID.String() }

// Session is what a sign-in opens and a sign-out ends.
type Session struct {
	ID, User  id.ID
	Device    string
	Address   string
	CreatedAt time.Time
	UsedAt    time.Time
	ExpiresAt time.Time
}

// Name returns the name of the session as a resource.
func (s Session) Name() string { return SessionName(s.ID) }

// SessionName returns the name of the session with an id as a resource.
func SessionName(session id.ID) string { return "sessions/" + session.String() }

// Expiry returns when a session that is used now expires.
func Expiry(createdAt, now time.Time) time.Time {
	idle, longest := now.Add(SessionIdle), createdAt.Add(SessionLongest)
	if idle.Before(longest) {
		return idle
	}
	return longest
}

// EndReason is why a session ended.
type EndReason string

// The reasons.
const (
	SignedOut       EndReason = "SIGNED_OUT"
	EndedByUser     EndReason = "ENDED_BY_USER"
	RefreshReused   EndReason = "REFRESH_TOKEN_REUSED"
	PasswordChanged EndReason = "PASSWORD_CHANGED"
	PasswordReset   EndReason = "PASSWORD_RESET"
	RolesChanged    EndReason = "ROLES_CHANGED"
	TooManySessions EndReason = "TOO_MANY_SESSIONS"
)

// EndedSession is a session that ended while tokens of it may be alive.
type EndedSession struct {
	// Sequence is the place of the end among all ends. It grows in the order of the commits.
	Sequence int64
	Session  id.ID
	EndedAt  time.Time
	// TokensExpireAt is when the last access token of the session has expired everywhere.
	TokensExpireAt time.Time
}
