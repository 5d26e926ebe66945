package identity

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"time"

	"codebank.dev/platform/id"
)

// Limit says how many attempts are free and how those after them are slowed down.
type Limit struct {
	// Free is how many attempts may come one after another.
	Free int
	// Pause is the wait between attempts beyond the free ones.
	Pause time.Duration
	// Window is after how long without an attempt all are forgotten.
	Window time.Duration
}

// The limits.
var (
	// pairLimit is for wrong passwords of one account from one address, from one known device, or in one
	// session.
	pairLimit = Limit{Free: 5, Pause: 15 * time.Minute, Window: 15 * time.Minute}
	// accountLimit is for wrong passwords of one account from anywhere but its known devices. It
	// slows down and never locks, so that nobody can lock another out.
	accountLimit = Limit{Free: 20, Pause: 30 * time.Second, Window: time.Hour}
	// addressLimit is for wrong passwords of all accounts from one address: it slows down who tries one
	// password on many accounts.
	addressLimit = Limit{Free: 100, Pause: 2 * time.Second, Window: 15 * time.Minute}
	// mailLimit is for requests from one address that send an e-mail.
	mailLimit = Limit{Free: 20, Pause: 15 * time.Minute, Window: time.Hour}
)

// Counter counts attempts of one kind.
type Counter struct {
	Key   string
	Limit Limit
	// Shared says that it counts the attempts of others too.
	Shared bool
	// Unchecked says that it also counts attempts whose password was not checked, because no slot for a hash
	// was free. The others take them back.
	Unchecked bool
}

// Attempts are the attempts that a counter has seen.
type Attempts struct {
	Count  int
	LastAt time.Time
}

// Take returns the attempts with one more, or how long to wait before one may be made. An attempt
// is counted before its outcome is known, so that attempts at the same moment are counted too; a
// right one is forgiven afterwards.
func (l Limit) Take(seen Attempts, now time.Time) (Attempts, time.Duration) {
	if now.Sub(seen.LastAt) >= l.Window {
		seen = Attempts{}
	}
	if wait := seen.LastAt.Add(l.Pause).Sub(now); seen.Count >= l.Free && wait > 0 {
		return seen, wait
	}
	return Attempts{Count: seen.Count + 1, LastAt: now}, 0
}

// PasswordCounters returns the counters of an attempt to guess the password of an address. A
// device that the account knows has a counter of its own, so that neither its address nor the
// attempts of others slow it down; nil for none.
func PasswordCounters(email Email, from netip.Addr, device *Digest) []Counter {
	if device != nil {
		return []Counter{{"device " + email.Key() + " " + hex.EncodeToString(device[:12]), pairLimit, false, false}}
	}
	return []Counter{
		{"account " + email.Key(), accountLimit, true, false},
		AddressCounter(from),
		{"pair " + email.Key() + " " + network(from), pairLimit, false, false},
	}
}

// AddressCounter returns the counter of wrong passwords of all accounts from an address, and of its calls that
// got no slot for a hash.
func AddressCounter(from netip.Addr) Counter {
	return Counter{"address " + network(from), addressLimit, true, true}
}

// NotChecked returns the counters that take an attempt back whose password was not checked: all but
// that of the address.
func NotChecked(counters []Counter) []Counter {
	return slices.DeleteFunc(slices.Clone(counters), func(counter Counter) bool { return counter.Unchecked })
}

// SessionCounter returns the counter of attempts to name the current password in a session. Who has one has
// signed in, so that the attempts of others do not slow him down.
func SessionCounter(session id.ID) Counter {
	return Counter{"session " + session.String(), pairLimit, false, false}
}

// MailCounter returns the counter of requests that send an e-mail.
func MailCounter(from netip.Addr) Counter {
	return Counter{"mail " + network(from), mailLimit, false, false}
}

// network returns the part of an address that one customer of a network provider has: the whole
// IPv4 address, or the first 64 bits of IPv6.
func network(address netip.Addr) string {
	if !address.Is6() {
		return address.String()
	}
	const customer = 64
	prefix, err := address.Prefix(customer)
	if err != nil {
		return address.String()
	}
	return prefix.String()
}
