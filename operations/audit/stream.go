package audit

import (
	"context"
	"errors"
	"iter"

	"codebank.dev/bank"
	"codebank.dev/operations/audit/spool"
	"codebank.dev/schemas/event"
)

// recordStream stands at a record of a place, or behind the last.
type recordStream struct {
	cursor *spool.Cursor
	head   record
	done   bool
}

func (g *gathered) stream() (*recordStream, error) {
	cursor, err := g.sorter.Sorted()
	if err != nil {
		return nil, err
	}
	s := &recordStream{cursor: cursor}
	return s, s.next()
}

func (s *recordStream) next() error {
	form, err := s.cursor.Next()
	if err != nil {
		return err
	}
	if s.done = form == nil; !s.done {
		s.head.parse(form)
	}
	return nil
}

// ledgerRecord is a ledger's copy with what its account's figures are checked by.
type ledgerRecord struct {
	record
	figures figures
}

// ledgerStream stands at an event of the ledger, or behind the last. The ledger is
// read ahead by a goroutine of its own, which ends with the context.
type ledgerStream struct {
	head    ledgerRecord
	done    bool
	batches chan ledgerBatch
	batch   ledgerBatch
	stop    context.CancelFunc
}

type ledgerBatch struct {
	records []ledgerRecord
	err     error
}

// batchLength is how many records the reader of the ledger hands over at a time.
const batchLength = 256

var errLedgerOrder = errors.New("its events are not in the order of their ids")

func openLedger(ctx context.Context, ledger Ledger) (*ledgerStream, error) {
	digests, err := newDigesters()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	s := &ledgerStream{batches: make(chan ledgerBatch, 4), stop: stop}
	go func() {
		defer close(s.batches)
		if s.read(ctx, digests, ledger.Events(ctx)) {
			s.read(ctx, digests, ledger.Refusals(ctx))
		}
	}()
	if err := s.next(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// read hands a sequence over in batches and reports whether it ended well.
func (s *ledgerStream) read(ctx context.Context, digests digesters, copies iter.Seq2[*Copy, error]) bool {
	var batch ledgerBatch
	send := func() bool {
		select {
		case s.batches <- batch:
			batch = ledgerBatch{}
			return true
		case <-ctx.Done():
			return false
		}
	}
	for c, err := range copies {
		if err != nil {
			batch.err = err
			send()
			return false
		}
		batch.records = append(batch.records, ledgerRecord{record: digests.record(c), figures: figuresOf(&c.Event)})
		if len(batch.records) == batchLength && !send() {
			return false
		}
	}
	return send()
}

func (s *ledgerStream) next() error {
	last, first := s.head.key, s.head.key == key{}
	for len(s.batch.records) == 0 {
		if s.batch.err != nil {
			return s.batch.err
		}
		batch, open := <-s.batches
		if !open {
			s.done = true
			return nil
		}
		s.batch = batch
	}
	s.head = s.batch.records[0]
	s.batch.records = s.batch.records[1:]
	if !first && last.compare(s.head.key) >= 0 {
		return errLedgerOrder
	}
	return nil
}

// close ends the reader and waits for it.
func (s *ledgerStream) close() {
	s.stop()
	for range s.batches {
		// What was read ahead is not wanted any more.
	}
}

// cutStream stands at an account of the cut, and at a refusal.
type cutStream struct {
	accounts, refusals         *spool.Cursor
	account                    cutAccount
	refusal                    bank.ID
	accountsDone, refusalsDone bool
}

func (c *cut) stream() (*cutStream, error) {
	s := &cutStream{}
	var err error
	if s.accounts, err = c.accounts.Sorted(); err != nil {
		return nil, err
	}
	if s.refusals, err = c.refusals.Sorted(); err != nil {
		return nil, err
	}
	return s, errors.Join(s.nextAccount(), s.nextRefusal())
}

func (s *cutStream) nextAccount() error {
	form, err := s.accounts.Next()
	if s.accountsDone = form == nil; !s.accountsDone {
		s.account.parse(form)
	}
	return err
}

func (s *cutStream) nextRefusal() error {
	form, err := s.refusals.Next()
	if s.refusalsDone = form == nil; !s.refusalsDone {
		copy(s.refusal[:], form)
	}
	return err
}

// figuresOf takes from an event what its account's figures are checked by.
func figuresOf(t *event.Transaction) figures {
	f := figures{
		balance: t.BalanceAfterMinor.Value, held: t.HeldAfterMinor.Value,
		available: t.AvailableAfterMinor.Value, creditLimit: t.CreditLimitMinor.Value,
		occurredAt: t.OccurredAtMillis, kind: t.Kind,
	}
	if t.Status == event.StatusApproved {
		switch t.Direction {
		case event.DirectionDebit:
			f.movement = -t.AmountMinor
		case event.DirectionCredit:
			f.movement = t.AmountMinor
		}
	}
	return f
}
