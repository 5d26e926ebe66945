package serve

import (
	"context"
	"encoding/base64"
	"net/netip"
	"strings"
	"sync"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
	"google.golang.org/grpc/metadata"
)

// Secrets finds out whose an API secret is: the third proof of who calls, beside certificates and access tokens.
// It is safe for concurrent use.
type Secrets interface {
	// Verify returns whose a secret is. A text that is none takes as long, whatever is wrong with it, and is
	// refused by a fault.Unauthenticated.
	Verify(ctx context.Context, text string) (principal.Principal, error)
}

const (
	bearerScheme = "bearer "
	basicScheme  = "basic "
	// secretPrefix begins every API secret, and no access token.
	secretPrefix = "sk_"
)

// secretOf returns the API secret of a call: a bearer token that begins as one, or the user name of the scheme Basic
// (RFC 7617), whose password is not read. It reports false if there is none, or more than one.
func secretOf(ctx context.Context) (text string, shown bool) {
	values := metadata.ValueFromIncomingContext(ctx, authorizationKey)
	if len(values) != 1 {
		return "", false
	}
	if text, ok := cutScheme(values[0], bearerScheme); ok {
		return text, strings.HasPrefix(text, secretPrefix)
	}
	encoded, ok := cutScheme(values[0], basicScheme)
	if !ok {
		return "", false
	}
	decoded, _ := base64.StdEncoding.DecodeString(encoded) // What cannot be decoded is no secret of anybody.
	text, _, _ = strings.Cut(string(decoded), ":")
	return text, true
}

func cutScheme(value, scheme string) (string, bool) {
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", false
	}
	return strings.TrimSpace(value[len(scheme):]), true
}

// judge fills in who calls: whose the secret is, or what the walls say.
func (e *edge) judge(ctx context.Context, known *identity) error {
	text, shown := secretOf(ctx)
	if e.config.Secrets == nil || !shown {
		return e.config.Walls.judge(ctx, known)
	}
	known.caller, known.subject = known.proof.caller, known.proof.peer
	if err := e.config.Walls.holds(known.proof); err != nil {
		return err
	}
	from := known.address // that of a request to a route
	if !from.IsValid() {
		from = e.address(context.WithValue(ctx, identityKey{}, *known))
	}
	if wait := e.guesses.wait(from, time.Now()); wait > 0 {
		return errGuesses.After(wait)
	}
	subject, err := e.config.Secrets.Verify(ctx, text)
	if err != nil {
		if fault.CodeOf(err) == fault.Unauthenticated {
			e.guesses.note(from, time.Now())
		}
		return err
	}
	// Request ids belong to the merchant, whatever program sends his secret.
	known.subject, known.caller = subject, e.config.Walls.Namespace(&subject)
	return nil
}

const (
	// A network address may send this many wrong secrets at once, and one more in each guessInterval.
	freeGuesses   = 10
	guessInterval = 6 * time.Second
	// maxGuessers bounds the memory of the limit.
	maxGuessers = 10_000
)

// errNothingShown refuses who proves nothing to a program that takes API secrets, and secretSchemes says how to show one.
var errNothingShown = fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "This call needs an API secret, an access token or a client certificate.")

const secretSchemes = `Bearer, Basic realm="merchants"`

var errGuesses = fault.New(fault.ResourceExhausted, "TOO_MANY_ATTEMPTS", "There were too many attempts. Please wait and try again.")

// guesses counts wrong secrets by network address. Nobody guesses 256 random bits; the limit keeps the store from
// looking up what cannot be there. It is safe for concurrent use.
type guesses struct {
	mutex sync.Mutex
	// paid is until when the guesses of an address take, if each takes guessInterval.
	paid map[netip.Addr]time.Time
}

// wait returns how long an address must wait for its next guess; 0 if it need not.
func (g *guesses) wait(from netip.Addr, now time.Time) time.Duration {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	until, known := g.paid[network(from)]
	if !known {
		return 0
	}
	return max(0, until.Add(-(freeGuesses-1)*guessInterval).Sub(now))
}

// note counts a wrong secret.
func (g *guesses) note(from netip.Addr, now time.Time) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.paid == nil {
		g.paid = make(map[netip.Addr]time.Time)
	}
	key := network(from)
	until := g.paid[key]
	if until.Before(now) {
		until = now
	}
	if len(g.paid) >= maxGuessers {
		g.forget(now)
	}
	// However many are sent at the same time, the next one waits no longer than one interval.
	g.paid[key] = earlier(until.Add(guessInterval), now.Add(freeGuesses*guessInterval))
}

// forget makes room: it drops the addresses that need not wait, or any one if all must.
func (g *guesses) forget(now time.Time) {
	for key, until := range g.paid {
		if until.Before(now) {
			delete(g.paid, key)
		}
	}
	for key := range g.paid {
		if len(g.paid) < maxGuessers {
			return
		}
		delete(g.paid, key)
	}
}

// network returns the address that a limit counts: of IPv6 the network of one customer.
func network(from netip.Addr) netip.Addr {
	const customerBits = 64
	if !from.Is6() {
		return from
	}
	prefix, err := from.Prefix(customerBits)
	if err != nil {
		return from
	}
	return prefix.Addr()
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
