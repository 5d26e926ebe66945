package identity

import (
	"context"
	"time"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
)

// What the store and the use cases answer.
var (
	// ErrCredentials says that an address and a password do not belong together, or that there is
	// no such account: nobody is told which.
	ErrCredentials = fault.New(fault.Unauthenticated, "WRONG_CREDENTIALS", "The e-mail address and the password do not belong together.")
	// ErrRefresh says that a refresh token is not one, or not any more.
	ErrRefresh = fault.New(fault.Unauthenticated, "REFRESH_TOKEN_INVALID", "The session has ended. Sign in again.")
	// ErrMailToken says that the token of an e-mail is unknown, used or too old.
	ErrMailToken = fault.New(fault.FailedPrecondition, "MAIL_TOKEN_INVALID", "The link of this e-mail was used or is too old. Ask for a new one.")
	// ErrAttempts says that too many attempts were made.
	ErrAttempts = fault.New(fault.ResourceExhausted, "TOO_MANY_ATTEMPTS", "There were too many attempts. Please wait and try again.")
	// ErrNoSession says that a session does not exist or is not the caller's.
	ErrNoSession = fault.New(fault.NotFound, "SESSION_NOT_FOUND", "There is no such session.")
	// ErrNoUser says that a command names an address without an account.
	ErrNoUser = fault.New(fault.NotFound, "USER_NOT_FOUND", "No account has this e-mail address.")
)

// Store is where identities live. Every method that takes a Record commits it to the audit log
// together with what it does, or does neither. Times are those of the caller's clock. Errors
// other than those named are Unavailable, Internal or DeadlineExceeded.
type Store interface {
	Users
	Sessions
	Guard
	Mails
	Ends
}

// Users are the accounts.
type Users interface {
	// Candidate returns the user with an address, and whether the account knows the device, whose
	// digest is nil for none. known is false if there is no such user.
	Candidate(ctx context.Context, email Email, device *Digest) (user User, known, knowsDevice bool, err error)
	// CreateUser creates a user and consumes the token that proves the address. ErrMailToken if
	// the token cannot be used or the address has a user. A nil token is not asked for.
	CreateUser(ctx context.Context, user User, token *Digest, act auditlog.Record) error
	// SetPassword sets a password and ends sessions. ErrMailToken if change has a token that
	// cannot be used; ErrCredentials if the password was changed since it was verified.
	SetPassword(ctx context.Context, change PasswordChange, act auditlog.Record) error
	// ChangeRoles adds and takes roles. If it takes one, all sessions of the user end. ErrNoUser.
	ChangeRoles(ctx context.Context, email Email, change RoleChange, act auditlog.Record) (User, error)
}

// PasswordChange says how a password changes.
type PasswordChange struct {
	// User is the account, and Email its address.
	User  id.ID
	Email Email
	// Hash is the new hash. Verified is the one it replaces; "" for any.
	Hash, Verified string
	// Token is the token of the e-mail that allows the change; nil for none.
	Token *Digest
	// Keep is the session that goes on; zero for none.
	Keep   id.ID
	Reason EndReason
	// Forgive are the counters of attempts that were right.
	Forgive []Counter
}

// RoleChange says how roles change.
type RoleChange struct{ Add, Take []Role }

// Sessions are the sign-ins.
type Sessions interface {
	// OpenSession stores a session with its first refresh token. ErrCredentials if the password was
	// changed since it was verified.
	OpenSession(ctx context.Context, opening Opening, act auditlog.Record) error
	// Refresh presents a refresh token (DecideRefresh). RefreshStolen ends the session and commits
	// the act; the other outcomes are not in the audit log. ErrRefresh for an unknown token.
	Refresh(ctx context.Context, presented Presented, act auditlog.Record) (Refreshed, error)
	// EndSession ends a session. One that has ended is no error and no act. ErrNoSession if the
	// user has no such session.
	EndSession(ctx context.Context, end SessionEnd, act auditlog.Record) error
	// Caller returns the user of a session that goes on. ok is false for any other session.
	Caller(ctx context.Context, session id.ID, now time.Time) (user User, ok bool, err error)
	// ListSessions returns the sessions of a user that go on, the last used first.
	ListSessions(ctx context.Context, user id.ID, now time.Time) ([]Session, error)
}

// Opening is a session that opens.
type Opening struct {
	Session Session
	Refresh Digest
	// Verified is the hash that the password was verified against, and Rehash the one that replaces it;
	// "" for none.
	Verified, Rehash string
	// Device is the device that the account knows from now on.
	Device Digest
	// Forgive are the counters of attempts that were right.
	Forgive []Counter
}

// Presented is a refresh token that is presented.
type Presented struct {
	Token Digest
	At    time.Time
	// Nonce makes the successor if the token is exchanged now.
	Nonce     Nonce
	Successor Digest
}

// Refreshed is what became of a refresh token.
type Refreshed struct {
	Outcome RefreshOutcome
	Session Session
	User    User
	// Nonce makes the successor, if there is one.
	Nonce Nonce
}

// SessionEnd says which session ends.
type SessionEnd struct {
	// Session is the session of User; or else Token is its refresh token.
	Session, User id.ID
	Token         *Digest
	Reason        EndReason
}

// Guard counts attempts and keeps the audit log.
type Guard interface {
	// Take counts an attempt with all counters, or with none if one of them asks to wait. last says
	// that a counter that is not shared has no free attempt left.
	Take(ctx context.Context, now time.Time, counters []Counter) (wait time.Duration, last bool, err error)
	// GiveBack takes an attempt back from all counters, one that Take has counted and nobody has checked.
	GiveBack(ctx context.Context, counters []Counter) error
	// Record commits an act that changes nothing else.
	Record(ctx context.Context, act auditlog.Record) error
	// Prune deletes what is too old to matter. It does a part of the work if there is much.
	Prune(ctx context.Context, now time.Time) error
}

// MailKind is what an e-mail is for.
type MailKind string

// The kinds.
const (
	MailSignUp          MailKind = "SIGN_UP"
	MailPasswordReset   MailKind = "PASSWORD_RESET"
	MailPasswordChanged MailKind = "PASSWORD_CHANGED"
)

// How long the tokens of e-mails live, and how often one is sent.
const (
	SignUpLifetime        = 24 * time.Hour
	PasswordResetLifetime = 30 * time.Minute
	// MailPause is the least time between two e-mails of a kind to an address.
	MailPause = time.Minute
	// MailTries is how often sending an e-mail is tried.
	MailTries = 12
)

// Lifetime returns how long the token of an e-mail lives.
func (k MailKind) Lifetime() time.Duration {
	if k == MailSignUp {
		return SignUpLifetime
	}
	return PasswordResetLifetime
}

// Mail is an e-mail that is due. It has no text and no token yet: both are made when it is sent, so
// that no store keeps a token.
type Mail struct {
	Email       Email
	Kind        MailKind
	RequestedAt time.Time
}

// Mails are the e-mails to send, and the tokens in those that were sent.
type Mails interface {
	// RequestMail asks for an e-mail. It does nothing if one of the kind is due to the address or was
	// sent less than MailPause ago.
	RequestMail(ctx context.Context, mail Mail, act auditlog.Record) error
	// ClaimMail returns an e-mail that is due. Nobody else gets it for a while, which grows with every
	// try. ok is false if none is due.
	ClaimMail(ctx context.Context, now time.Time) (mail Mail, ok bool, err error)
	// MailSent marks an e-mail as sent at a time.
	MailSent(ctx context.Context, mail Mail, at time.Time) error
	// AddMailToken stores the token of an e-mail before it is sent.
	AddMailToken(ctx context.Context, mail Mail, token Digest, expiresAt time.Time) error
	// MailToken returns the address that a token proves. ErrMailToken.
	MailToken(ctx context.Context, kind MailKind, token Digest, now time.Time) (Email, error)
}

// Ends are the sessions that have ended.
type Ends interface {
	// EndsAfter returns sessions that have ended, behind a sequence and in its order, as long as tokens
	// of them may be alive: at most a thousand. A sequence beyond the last one is of a store that was
	// restored since: then all are returned.
	EndsAfter(ctx context.Context, sequence int64, now time.Time) ([]EndedSession, error)
}
