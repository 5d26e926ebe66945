package audit

import (
	"bytes"
	"fmt"

	"codebank.dev/platform/id"
)

// account is the account whose events are checked at the moment.
type account struct {
	open  bool
	id    id.ID
	inCut bool
	// atCut is the account as of the cut, if inCut.
	atCut cutAccount
	// checked is the sequence up to which every event is checked or reported as missing.
	checked int64
	totals  [stores]totals
	differs bool
	// whole says that the ledger has every event that is checked, each unaltered.
	whole bool

	// last are the figures after the previous event. lastSequence is 0 if they cannot be
	// used, because that event is missing or altered.
	last         figures
	lastSequence int64

	// published says that an earlier event was on the topic, at position. waiting says
	// that an event after it is in the outbox only.
	published bool
	position  Position
	waiting   bool
}

func (a *account) begin(id id.ID) {
	kept := a.totals
	*a = account{open: true, whole: true, id: id, totals: kept}
	for i := range a.totals {
		a.totals[i].reset()
	}
}

func compareIDs(a, b id.ID) int { return bytes.Compare(a[:], b[:]) }

const inNoStore = "in none of the five places"

// gapThrough reports the sequences up to last that are not checked yet. No place has
// them.
func (c *comparison) gapThrough(last int64) {
	a := &c.account
	if last <= a.checked {
		return
	}
	c.doubt()
	s := suspect{kind: Missing, store: InLedger, key: key{class: ofAccount, id: a.id, sequence: a.checked + 1}, detail: inNoStore}
	if s.events = last - a.checked; s.events > 1 {
		s.detail = fmt.Sprintf("%s, nor is any up to sequence %d", inNoStore, last)
	}
	c.suspect(s)
}

// leaveAccount ends the account that is open: it reports what is missing at its end,
// checks what its events say about transactions, compares its last figures with the cut, and keeps the
// account if it has findings.
func (c *comparison) leaveAccount() error {
	a := &c.account
	if !a.open {
		return nil
	}
	defer func() { a.open = false }()
	if !a.inCut {
		return nil
	}
	c.gapThrough(a.atCut.sequence)
	if err := c.checkRelations(); err != nil {
		return err
	}
	if a.lastSequence == a.atCut.sequence {
		c.breaches(key{class: ofAccount, id: a.id, sequence: a.lastSequence}, a.last.compareWith(&a.atCut))
	}
	if a.differs && len(c.differing) < c.audit.maxFindings() {
		c.differing = append(c.differing, a.difference())
	}
	return nil
}

// doubt notes that an event of the ledger is missing or altered.
func (c *comparison) doubt() { c.whole, c.account.whole = false, false }

// checkFigures checks that the ledger's figures follow from those of the previous
// event.
func (c *comparison) checkFigures(g *group, sound bool) {
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

// checkOrder checks that an account's events came onto the topic in the order of their
// sequences and in one partition, and that only the last ones are still in the outbox.
func (c *comparison) checkOrder(g *group) {
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
