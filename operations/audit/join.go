package audit

import (
	"context"

	"codebank.dev/operations/audit/spool"
	"codebank.dev/platform/id"
)

// comparison merges the places event by event, in the order of the keys.
type comparison struct {
	audit   *Audit
	keep    int // how many suspects
	ledger  *ledgerStream
	cut     *cutStream
	streams [stores]*recordStream // none for the ledger
	read    [stores]*gathered

	account   account
	relations relations
	legs      *spool.Sorter
	// whole says that the ledger has every event of the cut that was joined so far, each unaltered.
	whole bool

	places   [stores]counted
	accounts int64
	refusals int64

	suspects  []suspect
	tallies   []Tally
	differing []AccountDifference
}

// counted is what was counted of one place.
type counted struct {
	totals
	repeats int64
	later   int64
}

// group is everything that the places have of one event.
type group struct {
	key      key
	figures  figures
	relative relative
	piles    [stores]pile
}

// pile is what one place has of an event.
type pile struct {
	first record
	count int64
	// other is the first copy whose content differs from that of first.
	other   record
	differs bool
}

func (p *pile) put(r *record) {
	p.count++
	if p.count == 1 {
		p.first = *r
		return
	}
	if !p.differs && (r.core != p.first.core || r.rest != p.first.rest) {
		p.other, p.differs = *r, true
	}
}

func (g *group) has(s Store) bool { return g.piles[s].count > 0 }

func (c *comparison) open(ctx context.Context, cut *cut, read [stores]*gathered) error {
	c.read, c.whole = read, true
	c.legs = c.audit.legs()
	c.relations.sorter = c.audit.spool(relatedWidth, relatedKey)
	var err error
	if c.cut, err = cut.stream(); err != nil {
		return err
	}
	for store := InOutbox; store < stores; store++ {
		if c.streams[store], err = read[store].stream(); err != nil {
			return err
		}
	}
	c.ledger, err = openLedger(ctx, c.audit.Ledger)
	return away(ctx, InLedger, err)
}

func (c *comparison) close() {
	c.ledger.close()
	// Their records are already read.
	_, _ = c.legs.Close(), c.relations.sorter.Close()
}

// lowest returns the lowest key of all places.
func (c *comparison) lowest() (lowest key, found bool) {
	if !c.ledger.done {
		lowest, found = c.ledger.head.key, true
	}
	for store := InOutbox; store < stores; store++ {
		s := c.streams[store]
		if !s.done && (!found || s.head.key.compare(lowest) < 0) {
			lowest, found = s.head.key, true
		}
	}
	return lowest, found
}

// collect takes all records with a key out of the streams.
func (c *comparison) collect(k key, g *group) error {
	*g = group{key: k}
	if !c.ledger.done && c.ledger.head.key == k {
		g.piles[InLedger].put(&c.ledger.head.record)
		g.figures, g.relative = c.ledger.head.figures, c.ledger.head.relative
		if err := c.ledger.next(); err != nil {
			return &AwayError{Store: InLedger, Cause: err}
		}
	}
	for store := InOutbox; store < stores; store++ {
		for s := c.streams[store]; !s.done && s.head.key == k; {
			g.piles[store].put(&s.head)
			if err := s.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// join checks every event that a place has or must have.
func (c *comparison) join() error {
	var g group
	for {
		k, found := c.lowest()
		if !found {
			break
		}
		inCut, err := c.approach(k)
		if err != nil {
			return err
		}
		if err := c.collect(k, &g); err != nil {
			return err
		}
		switch {
		case inCut:
			if err := c.check(&g); err != nil {
				return err
			}
		case g.has(InLedger):
			c.countLater(&g)
		default:
			c.foreign(&g)
		}
	}
	if _, err := c.approach(key{class: stray}); err != nil {
		return err
	}
	return c.checkLegs()
}

// approach moves the cut up to a key and reports the events of the cut before the key as
// missing. It returns whether the key itself belongs to the cut.
func (c *comparison) approach(k key) (inCut bool, err error) {
	switch {
	case k.class != ofAccount:
		if err := c.leaveAccounts(id.ID{}, true); err != nil {
			return false, err
		}
		return c.approachRefusal(k)
	case !c.account.open || c.account.id != k.id:
		if err := c.leaveAccounts(k.id, false); err != nil {
			return false, err
		}
		if err := c.enterAccount(k.id); err != nil {
			return false, err
		}
	}
	if !c.account.inCut || k.sequence > c.account.atCut.sequence {
		return false, nil
	}
	c.gapThrough(k.sequence - 1)
	c.account.checked = k.sequence
	return true, nil
}

// leaveAccounts ends the open account, and then the accounts of the cut before an id or,
// with all, the rest of them. No place has an event of these accounts.
func (c *comparison) leaveAccounts(upTo id.ID, all bool) error {
	if err := c.leaveAccount(); err != nil {
		return err
	}
	for !c.cut.accountsDone && (all || compareIDs(c.cut.account.id, upTo) < 0) {
		if err := c.enterAccount(c.cut.account.id); err != nil {
			return err
		}
		if err := c.leaveAccount(); err != nil {
			return err
		}
	}
	return nil
}

// enterAccount opens an account, with its state as of the cut if the cut has it.
func (c *comparison) enterAccount(id id.ID) error {
	c.account.begin(id)
	if c.cut.accountsDone || c.cut.account.id != id {
		return nil
	}
	c.account.inCut, c.account.atCut = true, c.cut.account
	c.accounts++
	return c.cut.nextAccount()
}

// approachRefusal is approach for the key of an event without an account.
func (c *comparison) approachRefusal(k key) (inCut bool, err error) {
	for !c.cut.refusalsDone && (k.class == stray || compareIDs(c.cut.refusal, k.id) < 0) {
		c.suspect(suspect{kind: Missing, store: InLedger, key: key{class: ofRefusal, id: c.cut.refusal}, detail: inNoStore})
		c.refusals++
		if err := c.cut.nextRefusal(); err != nil {
			return false, err
		}
	}
	if k.class == stray || c.cut.refusalsDone || c.cut.refusal != k.id {
		return false, nil
	}
	c.refusals++
	return true, c.cut.nextRefusal()
}
