package postgres

import (
	"context"
	"errors"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
)

// abandonTimeout bounds the rollback of a batch that is not to be written.
const abandonTimeout = time.Second

// Execute implements bank.Store, in one transaction at READ COMMITTED, in one of two
// ways. By memory: the batch is decided on what the last commits left, and one round
// trip writes it if that still holds. By locks, when something is not remembered or
// did not hold: the first round trip locks the accounts in id order and reads, the
// second writes and commits. Deciding happens in between, so decide must be quick: it
// holds the locks, and after two seconds the server ends the transaction.
func (s *Store) Execute(ctx context.Context, keys bank.Keys, decide func(*bank.Book) error) error {
	return s.with(ctx, func(session *session) error {
		if err := session.prepare(ctx, executed...); err != nil {
			return notCommitted(err)
		}
		if !s.config.LockAlways {
			if err := s.presume(ctx, session, &keys, decide); !errors.Is(err, errNotPresumed) {
				return err
			}
		}
		return s.lock(ctx, session, &keys, decide)
	})
}

// errNotPresumed says that nothing was committed and that the batch is to be decided
// under locks.
var errNotPresumed = errors.New("postgres: the batch has to be decided under locks")

// presume decides the batch on what is remembered, and on rows read without a lock
// where nothing is, and writes it in one round trip. The write set itself is the
// proof: it finds every account's row with the version that was seen, and inserts
// every transaction under a key that is unique. Whatever it does not prove, and every
// refusal, is errNotPresumed.
func (s *Store) presume(ctx context.Context, session *session, keys *bank.Keys, decide func(*bank.Book) error) error {
	seen, lacking, ok := s.memory.recall(keys)
	if !ok {
		return errNotPresumed
	}
	if err := session.look(ctx, seen, &lacking); err != nil {
		return notCommitted(err)
	}
	book := bank.NewBook(seen.snapshot(bank.ReadSet{}))
	seen.until = time.Now().Add(s.presumedFor)
	if err := decide(book); err != nil {
		return errNotPresumed
	}
	changes := book.Changes()
	seen.guard(&changes)
	if changes.IsEmpty() || !seen.proves(keys, &changes) {
		return errNotPresumed
	}
	err := s.settle(ctx, session, seen, &changes)
	switch {
	case err == nil:
		s.presumed.Add(1)
	case errors.Is(err, bank.ErrRetry):
		s.mistaken.Add(1)
		if database.State(err) != uniqueViolation {
			s.memory.doubt()
		}
		return errNotPresumed
	case errors.Is(err, bank.ErrRejected):
		return errNotPresumed
	}
	return err
}

// lock reads and decides the batch under locks, and writes it.
func (s *Store) lock(ctx context.Context, session *session, keys *bank.Keys, decide func(*bank.Book) error) error {
	seen, snapshot, err := session.read(ctx, keys, s.memory.epoch.Load())
	if err != nil {
		session.abandon(ctx)
		return notCommitted(err)
	}
	s.locked.Add(1)
	s.reached(failpoints.BatchLocked)
	book := bank.NewBook(seen.snapshot(snapshot))
	if err := decide(book); err != nil {
		session.abandon(ctx)
		return err
	}
	changes := book.Changes()
	if changes.IsEmpty() {
		session.abandon(ctx)
		return nil
	}
	seen.guard(&changes)
	return s.settle(ctx, session, seen, &changes)
}

// Ways counts the batches of a Store since it was opened, by the way they took.
type Ways struct {
	Presumed int64 // written on what was remembered or read without a lock
	Locked   int64 // decided under locks
	Mistaken int64 // not written, because what was presumed did not hold
}

// Ways returns the counters, each exact.
func (s *Store) Ways() Ways {
	return Ways{Presumed: s.presumed.Load(), Locked: s.locked.Load(), Mistaken: s.mistaken.Load()}
}

// settle writes what was decided on seen and keeps the memory true to it.
func (s *Store) settle(ctx context.Context, session *session, seen *view, changes *bank.Changes) error {
	s.reached(failpoints.BatchDecided)
	err := session.write(ctx, seen, changes)
	if err == nil {
		s.memory.learn(seen, changes)
	} else {
		s.memory.forget(seen)
	}
	s.config.Failpoint.After(err, failpoints.BatchCommitted)
	return err
}

// reached tells that a point between two durable steps is reached.
func (s *Store) reached(point failpoint.Point) { s.config.Failpoint.At(point) }

// read sends the read set and leaves the transaction open.
func (s *session) read(ctx context.Context, keys *bank.Keys, epoch int64) (*view, bank.ReadSet, error) {
	b := batch{session: s}
	reading := reading{view: newView(epoch, len(keys.Accounts))}
	b.add(begin, nil)
	reading.add(&b, keys)
	_, _, err := b.run(ctx)
	return reading.view, reading.snapshot, err
}

// look adds to the view what it lacks, in a round trip without a lock, if anything. The
// accounts are read first: a card that changes in between changes its account's version.
func (s *session) look(ctx context.Context, seen *view, lacking *bank.Keys) error {
	if len(lacking.Accounts)+len(lacking.Cards) == 0 {
		return nil
	}
	b := batch{session: s}
	if len(lacking.Accounts) > 0 {
		s.parameters.uuids(lacking.Accounts)
		b.add(readAccounts, func(row row) { seen.add(known{account: row.account(), version: row.int8()}) })
	}
	if len(lacking.Cards) > 0 {
		s.parameters.uuids(lacking.Cards)
		b.add(readCards, func(row row) { seen.addCard(row.card()) })
	}
	_, _, err := b.run(ctx)
	return err
}

// write sends the write set with its commit and says what came of it. A transaction
// that read has not opened is opened.
func (s *session) write(ctx context.Context, seen *view, changes *bank.Changes) error {
	b := batch{session: s}
	if seen.presumed {
		b.add(begin, nil)
	}
	if isOne(changes) {
		addOne(&b, seen, changes)
	} else {
		addChanges(&b, seen, changes)
	}
	b.add(commit, nil)
	done, tag, err := b.run(ctx)
	switch {
	case tag == "COMMIT":
		// Committed, whatever befell the connection afterwards.
		return nil
	case tag == "ROLLBACK":
		return errRolledBack
	case b.err != nil:
		s.abandon(ctx)
		return b.err
	case done == len(b.each)-1:
		return committing(err)
	}
	s.abandon(ctx)
	if database.State(err) == "" {
		// The commit was sent with the rest; nobody said that it was not reached.
		return unavailable(err)
	}
	return notCommitted(err)
}

// abandon ends the open transaction without a trace. When that fails, the pool
// closes the connection and the server rolls back.
func (s *session) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	b := batch{session: s}
	b.add(rollback, nil)
	_, _, _ = b.run(ctx)
}
