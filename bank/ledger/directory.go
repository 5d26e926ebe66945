package ledger

import (
	"context"
	"sync"

	"codebank.dev/bank"
)

// cachedFacts is how many cards each generation of the cache holds: two of them
// bound it to about 100 MB.
const cachedFacts = 250_000

// CachedDirectory remembers facts about cards, which never change. A miss is never
// remembered, so a card is known the moment it was issued, on every replica. Safe
// for concurrent use.
type CachedDirectory struct {
	bank.Directory
	byLookup generations[[32]byte]
	byID     generations[bank.ID]
}

// NewCachedDirectory returns a cache in front of directory.
func NewCachedDirectory(directory bank.Directory) *CachedDirectory {
	return &CachedDirectory{Directory: directory}
}

// CardByLookup implements bank.Directory.
func (c *CachedDirectory) CardByLookup(ctx context.Context, lookup [32]byte) (bank.CardFacts, error) {
	if facts, ok := c.byLookup.get(lookup); ok {
		return facts, nil
	}
	facts, err := c.Directory.CardByLookup(ctx, lookup)
	if err == nil {
		c.byLookup.put(lookup, facts)
	}
	return facts, err
}

// CardByID implements bank.Directory.
func (c *CachedDirectory) CardByID(ctx context.Context, card bank.ID) (bank.CardFacts, error) {
	if facts, ok := c.byID.get(card); ok {
		return facts, nil
	}
	facts, err := c.Directory.CardByID(ctx, card)
	if err == nil {
		c.byID.put(card, facts)
	}
	return facts, err
}

// generations is a bounded map: when the young generation is full the old one is
// dropped. What is in use moves to the young one again. It is cheaper than an
// exact order of use, and as good where what matters is a bound.
type generations[K comparable] struct {
	mutex sync.RWMutex
	young map[K]bank.CardFacts
	old   map[K]bank.CardFacts
}

func (g *generations[K]) get(key K) (bank.CardFacts, bool) {
	g.mutex.RLock()
	facts, young := g.young[key]
	ok := young
	if !young {
		facts, ok = g.old[key]
	}
	g.mutex.RUnlock()
	if ok && !young {
		g.put(key, facts)
	}
	return facts, ok
}

func (g *generations[K]) put(key K, facts bank.CardFacts) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.young == nil || len(g.young) >= cachedFacts {
		g.old, g.young = g.young, make(map[K]bank.CardFacts)
	}
	g.young[key] = facts
}
