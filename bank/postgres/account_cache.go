package postgres

import (
	"sync"
	"sync/atomic"

	"codebank.dev/bank"
	"codebank.dev/platform/cache"
)

// How many accounts and transactions each of the two generations of the cache holds; together they
// take at most about 130 MB.
const (
	cachedAccounts     = 125_000
	cachedTransactions = 250_000
)

// accountState is an account and those of its cards that this process has read, as of a version of
// the account's row. It is never changed, only replaced.
type accountState struct {
	account bank.Account
	version int64
	cards   []bank.Card
}

// withCard returns the state with a card, which replaces the card with the same id.
func (state accountState) withCard(card bank.Card) accountState {
	cards := make([]bank.Card, 0, len(state.cards)+1)
	for i := range state.cards {
		if state.cards[i].ID != card.ID {
			cards = append(cards, state.cards[i])
		}
	}
	state.cards = append(cards, card)
	return state
}

// accountCache keeps accounts as the last commits of this process left them. A cached account may
// be outdated: a batch that is decided on it commits only if the row of every account still has the
// cached version (see executeOptimistic).
type accountCache struct {
	accounts *cache.Map[bank.ID, packed]
	// decided are transactions that exist. A request for one of them goes to the locked path at
	// once, instead of running into the conflict.
	decided *cache.Map[bank.ID, struct{}]
	// epoch counts how often the cache was cleared. A batch that was decided before a clear does
	// not store its accounts after it.
	epoch atomic.Int64

	mutex sync.Mutex
	// backoff is how many batches go to the locked path at once, and nextBackoff how many will
	// after the next conflict. When another process works on the same accounts, the cache is nearly
	// always outdated, and each conflict costs a round trip.
	backoff, nextBackoff int
}

func newAccountCache() *accountCache {
	return &accountCache{
		accounts: cache.New[bank.ID, packed](cachedAccounts),
		decided:  cache.New[bank.ID, struct{}](cachedTransactions),
	}
}

// load returns the cached accounts and cards that keys name, and the keys of the missing ones. It
// reports false during a backoff, and when keys name rows that are never cached: tokens, amounts
// given back, the outcome of a transaction.
func (c *accountCache) load(keys *bank.Keys) (seen *view, missing bank.Keys, ok bool) {
	if len(keys.Tokens) > 0 || len(keys.Originals) > 0 || c.backingOff() {
		return nil, missing, false
	}
	for _, id := range keys.Transactions {
		if _, ok := c.decided.Get(id); ok {
			return nil, missing, false
		}
	}
	seen = newView(c.epoch.Load(), len(keys.Accounts))
	seen.optimistic = true
	for _, id := range keys.Accounts {
		if p, ok := c.accounts.Get(id); ok {
			seen.add(p.unpack(id))
		} else {
			missing.Accounts = append(missing.Accounts, id)
		}
	}
	missing.Cards = seen.missingCards(keys.Cards)
	return seen, missing, true
}

func (c *accountCache) backingOff() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.backoff == 0 {
		return false
	}
	c.backoff--
	return true
}

// store stores the accounts that a committed batch left, which was decided on seen.
func (c *accountCache) store(seen *view, changes *bank.Changes) {
	left := seen.after(changes)
	if seen.epoch != c.epoch.Load() {
		return
	}
	for i := range left.accounts {
		state := &left.accounts[i]
		if p, ok := pack(state); ok {
			c.accounts.Put(state.account.ID, p)
		} else {
			c.accounts.Delete(state.account.ID)
		}
	}
	for _, entry := range changes.Entries {
		c.decided.Put(entry.TransactionID, struct{}{})
	}
	if seen.optimistic {
		c.mutex.Lock()
		c.nextBackoff = max(c.nextBackoff-1, 0)
		c.mutex.Unlock()
	}
}

// The fewest and the most batches of a backoff.
const (
	shortestBackoff = 4
	longestBackoff  = 1024
)

// backOff is called when a cached account was outdated.
func (c *accountCache) backOff() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.nextBackoff = min(max(2*c.nextBackoff, shortestBackoff), longestBackoff)
	c.backoff = c.nextBackoff
}

// evict drops accounts that were outdated, or whose commit has an unknown outcome.
func (c *accountCache) evict(seen *view) {
	for i := range seen.accounts {
		c.accounts.Delete(seen.accounts[i].account.ID)
	}
}

// clear is called for every new connection. The database may have been restored to an earlier
// state, in which a version appears a second time.
func (c *accountCache) clear() {
	c.epoch.Add(1)
	c.accounts.Clear()
	c.decided.Clear()
}
