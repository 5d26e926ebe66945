// Package principal says who asks: one type for every program. The edge of a program (package serve) makes
// a Principal from what a call proves, a client certificate or an access token, and never from what it
// claims.
package principal

import (
	"slices"

	"codebank.dev/platform/id"
)

// Kind is what a principal is. The numbers are stored: append only.
type Kind uint8

// The kinds of principal. The zero Kind is that of a request from before principals were recorded.
const (
	// User is a person who has signed in, and sees and moves only what is his own.
	User Kind = iota + 1
	// Service is a program that acts for itself, such as a shop's checkout.
	Service
	// Merchant is a merchant, who gives back only what was paid to him.
	Merchant
	// Operator is somebody who works for the bank, or a tool of theirs.
	Operator
	// Nobody is a caller who proves nothing. In the ledger it is the bank itself, such as when a hold
	// expires.
	Nobody
)

var names = [...]string{"", "USER", "SERVICE", "MERCHANT", "OPERATOR", "NOBODY"}

// String returns the kind as an event names it, or "" for a kind that does not exist.
func (k Kind) String() string {
	if int(k) >= len(names) {
		return ""
	}
	return names[k]
}

// userPrefix and merchantPrefix begin the namespaces of users and merchants.
const (
	userPrefix     = "user:"
	merchantPrefix = "merchant:"
)

// Principal is who asks.
type Principal struct {
	Kind Kind
	// Name is the stable name of the principal: a program's, a merchant's, or the UUID of a person. It is
	// empty for Nobody.
	Name string
	// Roles are the roles of a person, such as customer.
	Roles []string
	// Session is the sign-in of a person.
	Session string
	// Mode is what a merchant's secret is for: test or live. It is empty for every other kind.
	Mode string
}

// None is the principal of a caller who proves nothing.
func None() Principal { return Principal{Kind: Nobody} }

// Namespace is the name that request ids of a directly connected principal belong to: 1 to 64 letters,
// digits and . _ : - and up to 78 for a merchant, whose modes have request ids of their own. It stays the same
// when a certificate, a session or a secret is replaced.
func (p *Principal) Namespace() string {
	switch p.Kind {
	case Nobody, 0:
		return ""
	case User:
		return userPrefix + p.Name
	case Merchant:
		if p.Mode != "" {
			return merchantPrefix + p.Name + ":" + p.Mode
		}
	case Operator:
		if p.IsPerson() {
			return userPrefix + p.Name
		}
	}
	return p.Name
}

// IsPerson reports whether a person has signed in, rather than a program.
func (p *Principal) IsPerson() bool { return p.Session != "" }

// UserID returns the UUID of a User; zero for every other kind, and for a user whose provider names people
// in another way.
func (p *Principal) UserID() id.ID {
	if p.Kind != User {
		return id.ID{}
	}
	user, err := id.Parse(p.Name)
	if err != nil {
		return id.ID{}
	}
	return user
}

// HasRole reports whether a person has a role.
func (p *Principal) HasRole(role string) bool { return slices.Contains(p.Roles, role) }
