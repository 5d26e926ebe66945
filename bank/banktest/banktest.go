// Package banktest states the contract of the bank's ports as tests that every adapter passes. It
// also has what tests of the bank need: a clock that can be set, published test card numbers, and
// builders for accounts, cards and entries.
//
// The test of an adapter passes a function that opens an empty ledger:
//
//	banktest.TestStore(t, func(t *testing.T) banktest.Ledger { return inmem.New(time.Now) })
//
// The files, in reading order:
//
//	banktest.go     Ledger, and a clock for tests
//	store.go        the contract of bank.Store, bank.Directory, bank.Reader and bank.AccountReader
//	store_rules.go  more rules of the same contract
//	holds.go        its rules about holds, and the contract of bank.Holds
//	customers.go    the contract of bank.CustomerLinks
//	commands.go     the contract of bank.CommandStore
//	tokens.go       its rules about card tokens
//	fields.go       every field is stored: generators of random values
//	messages.go     the contract of bank.Messages, and of the messages of a batch
//	pix.go          the contracts of bank.PixPayments, bank.PixKeys and bank.Holders
//	pixcodes.go     the contract of bank.PixCodes, and of the codes that a batch pays
//	outbox.go       the contract of bank.Outbox and bank.Marker
//	concurrency.go  random batches from many goroutines
//	equivalence.go  two ledgers give the same results
//	fixtures.go     accounts, cards, entries and batches for tests
//
// Its own tests run random operations of all use cases on both ledgers and compare them with a
// model (sequences_test.go).
package banktest

import (
	"sync"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/outbox"
)

// Ledger is everything that an adapter for the ledger implements.
type Ledger interface {
	bank.Store
	bank.Directory
	Readers
	Outbox
	Pix
}

// Readers are the parts of a ledger that read without locks.
type Readers interface {
	bank.Reader
	bank.AccountReader
	bank.Holds
	bank.CustomerLinks
	bank.CommandStore
}

// Pix is the part of a ledger that is for payments between banks.
type Pix interface {
	bank.Messages
	bank.PixPayments
	bank.PixKeys
	bank.PixCodes
	bank.Holders
}

// Outbox is the part of a ledger that the relay uses.
type Outbox interface {
	bank.Outbox
	bank.Marker
	// Messages are those to the hub between banks.
	Messages() outbox.Store
}

// Open returns an empty ledger that lasts as long as the test.
type Open func(t *testing.T) Ledger

// rule is one sentence of a contract, with the test that proves it.
type rule struct {
	name string
	test func(t *testing.T, ledger Ledger)
}

// run tests each rule on a ledger of its own, several at a time.
func run(t *testing.T, open Open, rules []rule) {
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			rule.test(t, open(t))
		})
	}
}

// Clock is a clock that stands still until it is set. It is safe for concurrent use.
type Clock struct {
	mutex sync.Mutex
	now   time.Time
}

// Start is the time of a new Clock: an ordinary afternoon, UTC, whole milliseconds.
var Start = time.Date(2026, time.March, 4, 15, 6, 7, 89_000_000, time.UTC)

// NewClock returns a Clock that stands at Start.
func NewClock() *Clock { return &Clock{now: Start} }

// Now returns the time of the clock. Its method value is the Now of a Config.
func (c *Clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

// Advance moves the clock by d, which may be negative, and returns the new time.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// Set sets the clock to now.
func (c *Clock) Set(now time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = now
}
