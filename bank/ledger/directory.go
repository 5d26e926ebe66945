package ledger

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/platform/cache"
)

// cachedFacts is how many cards, and how many accounts, each of the two generations of the cache holds.
// The cards take at most about 100 MB, the accounts about 60 MB.
const cachedFacts = 250_000

// CachedDirectory caches the facts about cards and accounts, which never change. It never caches that
// one is missing, so every replica finds it as soon as it is issued or opened. It is safe for concurrent use.
type CachedDirectory struct {
	bank.Directory
	byLookup *cache.Map[[32]byte, bank.CardFacts]
	byID     *cache.Map[bank.ID, bank.CardFacts]
	accounts *cache.Map[bank.ID, bank.AccountFacts]
}

// NewCachedDirectory returns a cache in front of directory.
func NewCachedDirectory(directory bank.Directory) *CachedDirectory {
	return &CachedDirectory{
		Directory: directory,
		byLookup:  cache.New[[32]byte, bank.CardFacts](cachedFacts),
		byID:      cache.New[bank.ID, bank.CardFacts](cachedFacts),
		accounts:  cache.New[bank.ID, bank.AccountFacts](cachedFacts),
	}
}

// CardByLookup implements bank.Directory.
func (c *CachedDirectory) CardByLookup(ctx context.Context, lookup [32]byte) (bank.CardFacts, error) {
	if facts, ok := c.byLookup.Get(lookup); ok {
		return facts, nil
	}
	facts, err := c.Directory.CardByLookup(ctx, lookup)
	if err == nil {
		c.byLookup.Put(lookup, facts)
	}
	return facts, err
}

// CardByID implements bank.Directory.
func (c *CachedDirectory) CardByID(ctx context.Context, card bank.ID) (bank.CardFacts, error) {
	if facts, ok := c.byID.Get(card); ok {
		return facts, nil
	}
	facts, err := c.Directory.CardByID(ctx, card)
	if err == nil {
		c.byID.Put(card, facts)
	}
	return facts, err
}

// AccountByID implements bank.Directory.
func (c *CachedDirectory) AccountByID(ctx context.Context, account bank.ID) (bank.AccountFacts, error) {
	if facts, ok := c.accounts.Get(account); ok {
		return facts, nil
	}
	facts, err := c.Directory.AccountByID(ctx, account)
	if err == nil {
		c.accounts.Put(account, facts)
	}
	return facts, err
}
