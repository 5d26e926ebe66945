package ledger

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/platform/cache"
)

// cachedFacts is how many cards each of the two generations of the cache holds; together they take
// at most about 100 MB.
const cachedFacts = 250_000

// CachedDirectory caches the facts about cards, which never change. It never caches that a card is
// missing, so every replica finds a card as soon as it is issued. It is safe for concurrent use.
type CachedDirectory struct {
	bank.Directory
	byLookup *cache.Map[[32]byte, bank.CardFacts]
	byID     *cache.Map[bank.ID, bank.CardFacts]
}

// NewCachedDirectory returns a cache in front of directory.
func NewCachedDirectory(directory bank.Directory) *CachedDirectory {
	return &CachedDirectory{
		Directory: directory,
		byLookup:  cache.New[[32]byte, bank.CardFacts](cachedFacts),
		byID:      cache.New[bank.ID, bank.CardFacts](cachedFacts),
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
