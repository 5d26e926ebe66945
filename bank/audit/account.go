package audit

import (
	"bytes"
	"fmt"

	"codebank.dev/bank"
)

// account is the one whose events are being judged.
type account struct {
	open  bool
	id    bank.ID
	inCut bool
	// stands is the account as of the cut, if inCut.
	stands cutAccount
	// expected is the sequence that comes next.
	expected int64
	totals   [stores]totals
	differs  bool

	// last are the figures after the event before; lastSequence is 0 when they are of
	// no use, because that event is missing or altered.
	last         figures
	lastSequence int64

	// What is known of the topic's order.
	published bool
	position  Position
	waiting   bool
}

func (a *account) begin(id bank.ID) {
	kept := a.totals
	*a = account{open: true, id: id, expected: 1, totals: kept}
	for i := range a.totals {
		a.totals[i].reset()
	}
}

func compareIDs(a, b bank.ID) int { return bytes.Compare(a[:], b[:]) }

const inNoStore = "in none of the five places"

// gap tells of the sequences from the expected one up to, not including, next: no
// place has them.
func (c *comparison) gap(next int64) {
	a := &c.account
	if next <= a.expected {
		return
	}
	s := suspect{kind: Missing, store: InLedger, key: key{class: ofAccount, id: a.id, sequence: a.expected}, detail: inNoStore}
	if last := next - 1; last > a.expected {
		s.detail = fmt.Sprintf("%s, nor is any up to sequence %d", inNoStore, last)
	}
	s.events = next - a.expected
	c.suspect(s)
}

// leaveAccount ends the account that is open: what is missing at its end, its last
// figures, and the account as a whole if anything was found.
func (c *comparison) leaveAccount() {
	a := &c.account
	if !a.open {
		return
	}
	defer func() { a.open = false }()
	if !a.inCut {
		return
	}
	c.gap(a.stands.sequence + 1)
	if a.lastSequence == a.stands.sequence {
		c.breaches(key{class: ofAccount, id: a.id, sequence: a.lastSequence}, a.last.ends(&a.stands))
	}
	if a.differs && len(c.differing) < c.audit.maxFindings() {
		c.differing = append(c.differing, a.difference())
	}
}

// chain checks that the ledger's figures follow from those before.
func (c *comparison) chain(g *group, sound bool) {
	a := &c.account
	if !sound || !g.has(InLedger) || g.key.class != ofAccount {
		a.lastSequence = 0
		return
	}
	switch {
	case g.key.sequence == 1:
		c.breaches(g.key, g.figures.follow(&figures{}))
	case a.lastSequence == g.key.sequence-1:
		c.breaches(g.key, g.figures.follow(&a.last))
	}
	a.last, a.lastSequence = g.figures, g.key.sequence
}

func (c *comparison) breaches(k key, list []breach) {
	for _, b := range list {
		c.suspect(suspect{kind: Broken, store: InLedger, key: k, field: b.field, detail: b.detail})
	}
}

// order checks that an account's events came onto the topic in their order: those in
// the outbox come behind, and all are in one partition.
func (c *comparison) order(g *group) {
	a := &c.account
	if !g.has(InTopic) {
		a.waiting = a.waiting || g.has(InOutbox)
		return
	}
	at := g.piles[InTopic].first.position
	problem := ""
	switch {
	case a.published && at.Partition != a.position.Partition:
		problem = fmt.Sprintf("in partition %d, while the event before it is in %d", at.Partition, a.position.Partition)
	case a.published && at.Offset < a.position.Offset:
		problem = fmt.Sprintf("at offset %d, while the event before it is at %d", at.Offset, a.position.Offset)
	case a.waiting:
		problem = "published, while an event before it still waits in the outbox"
	}
	if problem != "" {
		c.suspect(suspect{kind: OutOfOrder, store: InTopic, key: g.key, detail: problem})
	}
	a.published, a.position, a.waiting = true, at, false
}
