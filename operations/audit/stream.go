package audit

import (
	"context"
	"errors"
	"iter"

	"codebank.dev/operations/audit/spool"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/event"
)

// recordStream reads the records of a place in order. It is at a record, or done.
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

// ledgerRecord is the record of a copy in the ledger, with the account's figures after
// the event.
type ledgerRecord struct {
	record
	figures  figures
	relative relative
}

// ledgerStream reads the events of the ledger in order. It is at an event, or done. A
// goroutine reads ahead in the ledger. It ends with the context.
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

// batchLength is how many records the goroutine passes on at a time.
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

// read passes on a sequence of copies in batches, and reports whether it read all of
// them.
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
		batch.records = append(batch.records, ledgerRecord{record: digests.record(c), figures: figuresOf(&c.Event), relative: relativeOf(&c.Event)})
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

// close ends the goroutine and waits for it.
func (s *ledgerStream) close() {
	s.stop()
	for range s.batches {
		// Drop what was read ahead.
	}
}

// cutStream reads the accounts of the cut, and its refusals, in order.
type cutStream struct {
	accounts, refusals         *spool.Cursor
	account                    cutAccount
	refusal                    id.ID
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

// figuresOf returns the account's figures after an event.
func figuresOf(t *event.Transaction) figures {
	f := figures{
		balance: t.BalanceAfterMinor.Value, held: t.HeldAfterMinor.Value,
		available: t.AvailableAfterMinor.Value, creditLimit: t.CreditLimitMinor.Value,
		occurredAt: t.OccurredAtMillis,
	}
	switch movementOf(t) {
	case movesDebit:
		f.movement = -t.AmountMinor
	case movesCredit:
		f.movement = t.AmountMinor
	}
	f.setAside = t.AmountMinor * int64(event.HeldBy(t))
	return f
}
