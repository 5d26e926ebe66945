// Package banktest states the contract of the bank's ports as tests that every
// adapter passes, and has what tests of the bank need: a clock that can be set,
// published test card numbers, and builders for accounts, cards and entries.
//
// An adapter's own test opens an empty ledger and hands it over:
//
//	banktest.TestStore(t, func(t *testing.T) banktest.Ledger { return inmem.New(time.Now) })
package banktest

import (
	"sync"
	"testing"
	"time"

	"codebank.dev/bank"
)

// Ledger is all that an adapter that keeps the ledger has to offer.
type Ledger interface {
	bank.Store
	bank.Directory
	bank.Reader
	bank.TokenStore
	Outbox
}

// Outbox is what a ledger offers to the relay.
type Outbox interface {
	bank.Outbox
	bank.Marker
}

// Open returns an empty ledger that lasts as long as the test.
type Open func(t *testing.T) Ledger

// rule is one sentence of a contract with the test that shows it.
type rule struct {
	name string
	show func(t *testing.T, ledger Ledger)
}

// run shows each rule on a ledger of its own, several at a time.
func run(t *testing.T, open Open, rules []rule) {
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			rule.show(t, open(t))
		})
	}
}

// Clock is a clock that stands still until it is set. It is safe for concurrent use.
type Clock struct {
	mutex sync.Mutex
	now   time.Time
}

// Start is where a new Clock stands: an ordinary afternoon, UTC, whole milliseconds.
var Start = time.Date(2026, time.March, 4, 15, 6, 7, 89_000_000, time.UTC)

// NewClock returns a Clock that stands at Start.
func NewClock() *Clock { return &Clock{now: Start} }

// Now returns where the clock stands. Its method value is what a Config asks for.
func (c *Clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

// Advance moves the clock by d, which may be negative, and returns where it stands then.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// Set moves the clock to now.
func (c *Clock) Set(now time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = now
}
