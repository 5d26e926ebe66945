package postgres

import (
	"sync"
	"sync/atomic"

	"codebank.dev/bank"
	"codebank.dev/platform/cache"
)

// How many accounts and transactions each generation of the memory holds: with two
// of them it is bounded to about 130 MB.
const (
	rememberedAccounts     = 125_000
	rememberedTransactions = 250_000
)

// known is what this process knows of an account and of those of its cards that it
// has met, as of a version of the account's row. It is never changed, only replaced.
type known struct {
	account bank.Account
	version int64
	cards   []bank.Card
}

// with returns what is known after a change: card replaces the one with its id.
func (k known) with(card bank.Card) known {
	cards := make([]bank.Card, 0, len(k.cards)+1)
	for i := range k.cards {
		if k.cards[i].ID != card.ID {
			cards = append(cards, k.cards[i])
		}
	}
	k.cards = append(cards, card)
	return k
}

// memory is what the last commits left of the accounts they touched. Nothing is
// true because it stands here: a batch decided on it commits only if the row of
// every account still has the version remembered, see presume.
type memory struct {
	accounts *cache.Map[bank.ID, packed]
	// decided are transactions that exist: one that is asked for again is looked up,
	// instead of being found out by the conflict.
	decided *cache.Map[bank.ID, struct{}]
	// epoch counts how often everything was forgotten. What was learnt before is not
	// written down after.
	epoch atomic.Int64

	mutex sync.Mutex
	// pause is how many batches do without the memory, and lesson how many will the
	// next time it is wrong: with another process on the same accounts it is wrong
	// nearly always, and each time costs a round trip.
	pause, lesson int
}

func newMemory() *memory {
	return &memory{
		accounts: cache.New[bank.ID, packed](rememberedAccounts),
		decided:  cache.New[bank.ID, struct{}](rememberedTransactions),
	}
}

// recall returns what is known of the accounts and cards that keys name, and the keys
// of those that are not. It reports false when keys ask for what is never remembered
// (tokens, what was given back, the outcome of a transaction), or in a pause.
func (m *memory) recall(keys *bank.Keys) (seen *view, lacking bank.Keys, ok bool) {
	if len(keys.Tokens) > 0 || len(keys.Originals) > 0 || m.pausing() {
		return nil, lacking, false
	}
	for _, id := range keys.Transactions {
		if _, ok := m.decided.Get(id); ok {
			return nil, lacking, false
		}
	}
	seen = newView(m.epoch.Load(), len(keys.Accounts))
	seen.presumed = true
	for _, id := range keys.Accounts {
		if p, ok := m.accounts.Get(id); ok {
			seen.add(p.unpack(id))
		} else {
			lacking.Accounts = append(lacking.Accounts, id)
		}
	}
	lacking.Cards = seen.lackedCards(keys.Cards)
	return seen, lacking, true
}

func (m *memory) pausing() bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.pause == 0 {
		return false
	}
	m.pause--
	return true
}

// learn takes over what a batch left behind that was decided on seen and committed.
func (m *memory) learn(seen *view, changes *bank.Changes) {
	left := seen.after(changes)
	if seen.epoch != m.epoch.Load() {
		return
	}
	for i := range left.known {
		k := &left.known[i]
		if p, ok := pack(k); ok {
			m.accounts.Put(k.account.ID, p)
		} else {
			m.accounts.Delete(k.account.ID)
		}
	}
	for _, entry := range changes.Entries {
		m.decided.Put(entry.TransactionID, struct{}{})
	}
	if seen.presumed {
		m.mutex.Lock()
		m.lesson = max(m.lesson-1, 0)
		m.mutex.Unlock()
	}
}

// The least and the most batches that do without the memory after it was wrong.
const (
	shortestPause = 4
	longestPause  = 1024
)

// doubt is called when the memory turned out to be wrong about an account.
func (m *memory) doubt() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.lesson = min(max(2*m.lesson, shortestPause), longestPause)
	m.pause = m.lesson
}

// forget drops accounts that were found different, or of which nobody knows whether
// their commit took place.
func (m *memory) forget(seen *view) {
	for i := range seen.known {
		m.accounts.Delete(seen.known[i].account.ID)
	}
}

// forgetAll is called for every new connection: behind it may be a database that was
// restored to an earlier state, where a version comes a second time.
func (m *memory) forgetAll() {
	m.epoch.Add(1)
	m.accounts.Clear()
	m.decided.Clear()
}
