package identity

import (
	"net/netip"
	"time"

	"codebank.dev/platform/auditlog"
)

// The acts in the audit log. What they are done to is a user, a session, or the key of an address: no
// record holds a secret or an e-mail address.
const (
	ActSignUpRequested auditlog.Act = "SIGN_UP_REQUESTED"
	ActUserCreated     auditlog.Act = "USER_CREATED"
	ActSignedIn        auditlog.Act = "SIGNED_IN"
	ActSignInFailed    auditlog.Act = "SIGN_IN_FAILED"
	ActSignInLocked    auditlog.Act = "SIGN_IN_LOCKED"
	ActSessionEnded    auditlog.Act = "SESSION_ENDED"
	ActRefreshReused   auditlog.Act = "REFRESH_TOKEN_REUSED"
	ActPasswordChanged auditlog.Act = "PASSWORD_CHANGED"
	ActResetRequested  auditlog.Act = "PASSWORD_RESET_REQUESTED"
	ActPasswordReset   auditlog.Act = "PASSWORD_RESET"
	ActRolesChanged    auditlog.Act = "ROLES_CHANGED"
)

// Acts returns the names of all acts.
func Acts() []auditlog.Act {
	return []auditlog.Act{
		ActSignUpRequested, ActUserCreated, ActSignedIn, ActSignInFailed, ActSignInLocked, ActSessionEnded, ActRefreshReused,
		ActPasswordChanged, ActResetRequested, ActPasswordReset, ActRolesChanged,
	}
}

// Who is who did an act.
type Who struct{ kind, name string }

// Nobody did what no user is known to have done, and Command what an operator's command did.
var (
	Nobody  = Who{"NOBODY", "nobody"}
	Command = Who{"OPERATOR", "command"}
)

// Who returns the user as the one who did an act.
func (u User) Who() Who { return Who{"USER", u.Name()} }

// Did writes into a record who did its act.
func (w Who) Did(act *auditlog.Record) { act.WhoKind, act.Who = w.kind, w.name }

// Origin is where a call comes from.
type Origin struct {
	Address netip.Addr
	Trace   string
}

// Network returns the part of the network that one customer of a provider has: the whole IPv4 address, or
// the first 64 bits of IPv6.
func (o Origin) Network() string { return network(o.Address) }

// Act returns the record of an act that was done, by a caller of this origin.
func (o Origin) Act(at time.Time, name auditlog.Act, who Who, what string) auditlog.Record {
	act := auditlog.Record{At: at, Act: name, What: what, Trace: o.Trace, Result: auditlog.ResultOK}
	who.Did(&act)
	if o.Address.IsValid() {
		act.Address = o.Address.String()
	}
	return act
}
