package audit

import (
	"fmt"
	"math"
	"slices"
	"time"

	"codebank.dev/platform/money"
)

// suspect is a finding whose event has not been read again yet.
type suspect struct {
	kind  Kind
	store Store
	key   key
	// events is how many events the finding is about; 0 means 1.
	events int64
	// held and positions say which places have copies of the event, and where.
	held      [stores]bool
	positions [stores][]Position
	// blamed are, for an Altered event, the places whose copies differ from the others.
	blamed [stores]bool
	field  string
	detail string
}

// suspect counts a finding and keeps it while there is room. An altered event counts once
// for each place that is blamed.
func (c *comparison) suspect(s suspect) {
	if s.kind == Altered {
		for store, blamed := range s.blamed {
			if blamed {
				c.tally(Altered, Store(store), 1)
			}
		}
	} else {
		c.tally(s.kind, s.store, max(s.events, 1))
	}
	if c.account.open {
		c.account.differs = true
	}
	if len(c.suspects) < c.keep {
		c.suspects = append(c.suspects, s)
	}
}

// tally adds to the number of findings of a kind in a place.
func (c *comparison) tally(kind Kind, store Store, findings int64) {
	at := slices.IndexFunc(c.tallies, func(t Tally) bool { return t.Kind == kind && t.Store == store })
	if at < 0 {
		at, c.tallies = len(c.tallies), append(c.tallies, Tally{Kind: kind, Store: store})
	}
	c.tallies[at].Findings = addCapped(c.tallies[at].Findings, findings)
}

// addCapped adds without overflow. It is needed because somebody may have altered an account's
// sequence to any number; every sequence below it is then missing.
func addCapped(a, b int64) int64 {
	if sum, err := money.Add(a, b); err == nil {
		return sum
	}
	return math.MaxInt64
}

// about returns a suspect about a group's event.
func (g *group) about(kind Kind, store Store) suspect {
	s := suspect{kind: kind, store: store, key: g.key}
	for at := range g.piles {
		pile := &g.piles[at]
		if pile.count == 0 {
			continue
		}
		s.held[at] = true
		s.positions[at] = append(s.positions[at], pile.first.position)
		if pile.differs {
			s.positions[at] = append(s.positions[at], pile.other.position)
		}
	}
	return s
}

// check checks an event that belongs to the cut. An error is one of the disk.
func (c *comparison) check(g *group) error {
	c.count(g)
	if !g.has(InLedger) {
		c.doubt()
		c.suspect(g.about(Missing, InLedger))
	}
	waiting := g.has(InOutbox)
	for _, store := range []Store{InTopic, InStatement, InIndex} {
		if !g.has(store) && !waiting {
			c.suspect(g.about(Missing, store))
		}
	}
	c.checkWait(g)
	for _, store := range []Store{InStatement, InIndex} {
		if g.piles[store].count > 1 {
			c.suspect(g.about(Doubled, store))
		}
	}
	blamed, sound := g.blame()
	if !sound {
		s := g.about(Altered, InLedger)
		s.blamed = blamed
		c.suspect(s)
	}
	if g.key.class == ofAccount {
		c.checkFigures(g, sound)
		c.checkOrder(g)
	}
	switch {
	case blamed[InLedger]:
		c.doubt()
	case g.has(InLedger):
		return c.relate(g)
	}
	return nil
}

// MaxWait is how long an event may wait in the outbox before it is a finding.
const MaxWait = time.Minute

// checkWait reports an event that has waited in the outbox for long. The first copy is the oldest.
func (c *comparison) checkWait(g *group) {
	waited := time.Duration(g.piles[InOutbox].first.waited) * time.Second
	if !g.has(InOutbox) || waited <= MaxWait {
		return
	}
	s := g.about(Waiting, InOutbox)
	s.detail = fmt.Sprintf("for %v; the bank's log says why it is not published", waited)
	if g.key.class == ofAccount {
		s.detail += fmt.Sprintf("; if the event is held back, run: bankctl republish --account %s", g.key.id)
	}
	c.suspect(s)
}

// count adds an event to the totals. An event that both outbox and topic have counts for
// the topic alone.
func (c *comparison) count(g *group) {
	for store := range stores {
		pile := &g.piles[store]
		if pile.count == 0 {
			continue
		}
		if store == InOutbox || store == InTopic {
			c.places[store].repeats += pile.count - 1
		}
		if store == InOutbox && g.has(InTopic) {
			continue
		}
		c.places[store].add(&pile.first)
		if c.account.open {
			c.account.totals[store].add(&pile.first)
		}
	}
}

// countLater counts an event that was decided after the cut. It is not checked.
func (c *comparison) countLater(g *group) {
	for store := range stores {
		c.places[store].later += g.piles[store].count
	}
}

// foreign reports an event that the ledger does not have. The event counts in the totals of its
// places, so that their totals differ too.
func (c *comparison) foreign(g *group) {
	c.count(g)
	for store := InOutbox; store < stores; store++ {
		if g.has(store) {
			c.suspect(g.about(Foreign, store))
		}
	}
}

// blame returns the places whose copy differs from that of most places; without a
// majority, the ledger's copy counts as right. sound is true when all copies are equal.
func (g *group) blame() (blamed [stores]bool, sound bool) {
	core, _ := elect(g, func(s Store, r *record) (coreDigest, bool) { return r.core, true })
	rest, elected := elect(g, func(s Store, r *record) (restDigest, bool) { return r.rest, s != InStatement })
	sound = true
	for store := range stores {
		pile := &g.piles[store]
		if pile.count == 0 {
			continue
		}
		wrong := pile.differs || pile.first.core != core ||
			store != InStatement && elected && pile.first.rest != rest
		if wrong {
			blamed[store], sound = true, false
		}
	}
	return blamed, sound
}

// elect returns what most places have. Each place has one vote. In a tie, the place that comes
// first wins; the ledger comes before all others.
func elect[D comparable](g *group, vote func(Store, *record) (D, bool)) (winner D, elected bool) {
	best := 0
	for store := range stores {
		candidate, ok := vote(store, &g.piles[store].first)
		if !ok || !g.has(store) {
			continue
		}
		votes := 0
		for other := range stores {
			if d, ok := vote(other, &g.piles[other].first); ok && g.has(other) && d == candidate {
				votes++
			}
		}
		if votes > best {
			winner, elected, best = candidate, true, votes
		}
	}
	return winner, elected
}
