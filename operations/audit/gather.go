package audit

import (
	"context"
	"encoding/binary"
	"strings"
	"sync"

	"codebank.dev/operations/audit/spool"
	"codebank.dev/platform/id"
)

// maxStrays is how many event ids of an unknown form are kept for each place.
const maxStrays = 1000

// gathered are the records of one place.
type gathered struct {
	sorter *spool.Sorter

	mu         sync.Mutex
	unreadable int64
	// strays are the event ids for the keys of strays.
	strays map[key]string
}

func (a *Audit) gathering() *gathered {
	return &gathered{sorter: a.spool(recordLength, positionEnd), strays: map[key]string{}}
}

func (g *gathered) close() {
	if g != nil {
		_ = g.sorter.Close() // The records are already read.
	}
}

// gather reads all copies of a place into records.
func (a *Audit) gather(ctx context.Context, store Store, into *gathered) error {
	digests, err := newDigesters()
	if err != nil {
		return err
	}
	err = a.source(store).Read(ctx, func(c *Copy) error {
		if c.Unreadable != "" {
			into.mu.Lock()
			into.unreadable++
			into.mu.Unlock()
			return nil
		}
		r := digests.record(c)
		if r.key.class == stray {
			into.keepStray(r.key, c.ID)
		}
		var room [recordLength]byte
		return own(into.sorter.Add(r.appendTo(room[:0])))
	})
	return away(ctx, store, err)
}

// own marks an error as the audit's own.
func own(err error) error {
	if err == nil {
		return nil
	}
	return &ownError{err}
}

func (g *gathered) keepStray(k key, id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.strays) < maxStrays {
		g.strays[k] = strings.Clone(id)
	}
}

// cut holds a ledger's cut, sorted by id.
type cut struct {
	accounts  *spool.Sorter
	refusals  *spool.Sorter
	sequences int64
}

const (
	accountLength = 16 + 4*8
	refusalLength = 16
)

func (a *Audit) cut(ctx context.Context) (*cut, error) {
	c := &cut{accounts: a.spool(accountLength, 16), refusals: a.spool(refusalLength, refusalLength)}
	err := a.Ledger.Cut(ctx, Cut{
		Account: func(account Account) error {
			c.sequences = addCapped(c.sequences, account.Sequence)
			form := append(make([]byte, 0, accountLength), account.ID[:]...)
			for _, n := range []int64{account.Sequence, account.Balance, account.Held, account.CreditLimit} {
				form = binary.BigEndian.AppendUint64(form, uint64(n))
			}
			return own(c.accounts.Add(form))
		},
		Refused: func(transaction id.ID) error { return own(c.refusals.Add(transaction[:])) },
	})
	if err != nil {
		c.close()
		return nil, away(ctx, InLedger, err)
	}
	return c, nil
}

// events returns how many events there must be.
func (c *cut) events() int64 { return addCapped(c.sequences, c.refusals.Count()) }

func (c *cut) close() {
	_ = c.accounts.Close()
	_ = c.refusals.Close()
}

// cutAccount is an account as of the cut.
type cutAccount struct {
	id                         id.ID
	sequence                   int64
	balance, held, creditLimit int64
}

func (a *cutAccount) parse(from []byte) {
	copy(a.id[:], from)
	for i, into := range []*int64{&a.sequence, &a.balance, &a.held, &a.creditLimit} {
		*into = int64(binary.BigEndian.Uint64(from[16+8*i:]))
	}
}
