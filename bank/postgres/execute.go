package postgres

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoint"
)

// abandonTimeout bounds the rollback of a batch that is not to be written.
const abandonTimeout = time.Second

// Execute implements bank.Store: two round trips per batch, in one transaction at
// READ COMMITTED. The first locks the accounts in id order and reads; the second
// writes and commits. Deciding happens in between, so decide must be quick: it holds
// the locks, and after two seconds the server ends the transaction.
func (s *Store) Execute(ctx context.Context, keys bank.Keys, decide func(*bank.Book) error) error {
	return s.with(ctx, func(session *session) error {
		if err := session.prepare(ctx, executed...); err != nil {
			return notCommitted(err)
		}
		snapshot, err := session.read(ctx, &keys)
		if err != nil {
			session.abandon(ctx)
			return notCommitted(err)
		}
		s.reached(failpoint.BatchLocked)
		book := bank.NewBook(snapshot)
		if err := decide(book); err != nil {
			session.abandon(ctx)
			return err
		}
		changes := book.Changes()
		if changes.IsEmpty() {
			session.abandon(ctx)
			return nil
		}
		s.reached(failpoint.BatchDecided)
		err = session.write(ctx, &changes)
		s.config.Failpoint.After(err, failpoint.BatchCommitted)
		return err
	})
}

// reached tells that a point between two durable steps is reached.
func (s *Store) reached(point failpoint.Point) { s.config.Failpoint.At(point) }

// read sends the read set and leaves the transaction open.
func (s *session) read(ctx context.Context, keys *bank.Keys) (bank.Snapshot, error) {
	b := batch{session: s}
	reading := reading{snapshot: bank.Snapshot{}}
	b.add(begin, nil)
	reading.add(&b, keys)
	_, _, err := b.run(ctx)
	return reading.snapshot, err
}

// write sends the write set with its commit and says what came of it.
func (s *session) write(ctx context.Context, changes *bank.Changes) error {
	b := batch{session: s}
	addChanges(&b, changes)
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
	if sqlState(err) == "" {
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
