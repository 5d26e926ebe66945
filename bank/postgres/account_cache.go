package postgres

import (
	"bytes"
	"slices"
	"sync/atomic"

	"codebank.dev/bank"
	"codebank.dev/platform/cache"
)

// How many accounts, transactions and uses of tokens each of the two generations of the cache holds;
// together they take at most about 150 MB.
const (
	cachedAccounts     = 125_000
	cachedTransactions = 250_000
	cachedTokens       = 125_000
)

// accountState is an account and those of its cards that this process has read, as of a version of
// the account's row. It is never changed, only replaced.
type accountState struct {
	account bank.Account
	version int64
	// readAt is the version at which the account was read. This process made every version after it, up
	// to the present one.
	readAt int64
	cards  []bank.Card
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
	// decided are transactions that exist. A batch that names one of them reads it, instead of
	// running into the conflict.
	decided *cache.Map[bank.ID, struct{}]
	// tokenUsers are the transactions that used tokens, by nonce. Like decided they save a conflict.
	tokenUsers *cache.Map[bank.ID, bank.ID]
	holds      *openHoldCache
	// epoch counts how often the cache was cleared. A batch that was decided before a clear does
	// not store its accounts after it.
	epoch    atomic.Int64
	backoffs backoffs
}

func newAccountCache() *accountCache {
	return &accountCache{
		accounts:   cache.New[bank.ID, packed](cachedAccounts),
		decided:    cache.New[bank.ID, struct{}](cachedTransactions),
		tokenUsers: cache.New[bank.ID, bank.ID](cachedTokens),
		holds:      newOpenHoldCache(),
		backoffs:   backoffs{accounts: make(map[bank.ID]backoff)},
	}
}

// load returns what is cached of the accounts, cards, tokens and open holds that keys name, and the keys
// of what must be read before a batch is decided: missing accounts and cards, transactions that are known
// to exist, and those that commands refer to and that are no open hold of a cached account. All other
// transactions and tokens are taken for new; the write proves that they are. load reports false during
// the backoff of an account, and when the batch needs locks on stored tokens.
func (c *accountCache) load(keys *bank.Keys) (seen *view, missing bank.Keys, ok bool) {
	if len(keys.StoredTokens) > 0 || c.backoffs.take(keys.Accounts) {
		return nil, missing, false
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
	missing.PixCodes = keys.PixCodes // Somebody else may have cancelled one.
	for _, id := range keys.Transactions {
		if _, decided := c.decided.Get(id); decided {
			missing.Transactions = append(missing.Transactions, id)
		}
	}
	for _, id := range keys.Originals {
		// A transaction that is read anyway is read with its sums.
		if hold := c.holds.find(id, seen); hold != nil && !slices.Contains(missing.Transactions, id) {
			seen.openHolds = append(seen.openHolds, hold)
		} else {
			missing.Originals = append(missing.Originals, id)
		}
	}
	for _, nonce := range keys.Tokens {
		if user, used := c.tokenUsers.Get(nonce); used {
			seen.tokenUses = append(seen.tokenUses, bank.TokenUse{Nonce: nonce, TransactionID: user})
		}
	}
	return seen, missing, true
}

func compareIDs(a, b bank.ID) int { return bytes.Compare(a[:], b[:]) }

// store stores the accounts that a committed batch left, which was decided on seen.
func (c *accountCache) store(seen *view, changes *bank.Changes) {
	left := seen.after(changes)
	if seen.epoch != c.epoch.Load() {
		return
	}
	// The holds that ended go before the accounts come at their new versions.
	c.holds.store(left, changes.Entries)
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
	c.storeTokenUses(changes.TokenUses)
	if seen.optimistic {
		c.backoffs.shrink(seen.accounts)
	}
}

// storeRead stores which transactions exist and which tokens are used, as a batch read at an epoch.
func (c *accountCache) storeRead(reads *bank.ReadSet, epoch int64) {
	if epoch != c.epoch.Load() {
		return
	}
	for i := range reads.Entries {
		c.decided.Put(reads.Entries[i].TransactionID, struct{}{})
	}
	c.storeTokenUses(reads.TokenUses)
}

func (c *accountCache) storeTokenUses(uses []bank.TokenUse) {
	for i := range uses {
		c.tokenUsers.Put(uses[i].Nonce, uses[i].TransactionID)
	}
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
	c.tokenUsers.Clear()
	c.holds.entries.Clear()
}
