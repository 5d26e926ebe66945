package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/wire"
)

// abandonTimeout limits the rollback of a batch that is not to be written.
const abandonTimeout = time.Second

// Execute implements bank.Store, in one transaction at READ COMMITTED, on one of two paths.
//
// The optimistic path decides the batch on cached accounts without locks. One round trip writes it,
// if the accounts are unchanged.
//
// The locked path is taken when the cache lacks something or the accounts have changed. Its first
// round trip locks the accounts in id order and reads, its second one writes and commits. decide
// runs in between and holds the locks, so it must be quick: after two seconds the server ends the
// transaction.
func (s *Store) Execute(ctx context.Context, keys bank.Keys, decide func(*bank.Book) error) error {
	return s.with(ctx, func(session *session) error {
		if err := session.PrepareStatements(ctx, executed...); err != nil {
			return notCommitted(err)
		}
		b := &batch{keys: keys, decide: decide}
		if !s.config.LockAlways {
			if err := s.executeOptimistic(ctx, session, b); !errors.Is(err, errNotOptimistic) {
				return err
			}
		}
		return s.executeLocked(ctx, session, b)
	})
}

// batch is what Execute was called with.
type batch struct {
	keys   bank.Keys
	decide func(*bank.Book) error
	// outdated is what the optimistic path decided on, when an account of it had changed.
	outdated *view
}

// errNotOptimistic says that nothing was committed and that the batch has to be decided under
// locks.
var errNotOptimistic = errors.New("postgres: the batch has to be decided under locks")

// executeOptimistic decides the batch on cached accounts, and on rows read without a lock, and writes
// it in one round trip. The write set itself proves that the batch may be committed
// (bank.Book.ProvenByWrite): it updates every account's row only at the version that was read, and it
// inserts transactions and token uses under unique keys. It returns errNotOptimistic for a batch whose
// write set does not prove everything, for a conflict and for every refusal.
func (s *Store) executeOptimistic(ctx context.Context, session *session, b *batch) error {
	seen, missing, ok := s.cache.load(&b.keys)
	if !ok {
		return errNotOptimistic
	}
	reads, err := session.addMissing(ctx, seen, &missing)
	if err != nil {
		return notCommitted(err)
	}
	book := bank.NewBook(seen.fillReadSet(reads))
	seen.deadline = time.Now().Add(s.optimisticFor)
	if err := b.decide(book); err != nil || !book.ProvenByWrite() {
		return errNotOptimistic
	}
	changes := book.Changes()
	if changes.IsEmpty() {
		return s.answerOptimistic(&reads)
	}
	seen.addCardAccounts(&changes)
	err = s.commitBatch(ctx, session, seen, &changes)
	switch {
	case err == nil:
		s.optimistic.Add(1)
	case errors.Is(err, bank.ErrRetry):
		s.conflicts.Add(1)
		if database.State(err) != uniqueViolation {
			b.outdated = seen
		}
		return errNotOptimistic
	case errors.Is(err, bank.ErrRejected):
		return errNotOptimistic
	}
	return err
}

// answerOptimistic ends a batch that changes nothing and rests on nothing but entries that were read,
// such as a batch of repeats. There is nothing to commit. A batch that read nothing did not hear from
// the database, which may be away.
func (s *Store) answerOptimistic(reads *bank.ReadSet) error {
	if len(reads.Entries) == 0 {
		return errNotOptimistic
	}
	s.optimistic.Add(1)
	return nil
}

// executeLocked reads and decides the batch under locks, and writes it.
func (s *Store) executeLocked(ctx context.Context, session *session, b *batch) error {
	seen, reads, err := session.read(ctx, &b.keys, s.cache.epoch.Load())
	if err != nil {
		session.abandon(ctx)
		return notCommitted(err)
	}
	s.locked.Add(1)
	if b.outdated != nil {
		s.cache.backoffs.grow(b.outdated, seen)
	}
	s.cache.storeRead(&reads, seen.epoch)
	s.config.Failpoint.At(failpoints.BatchLocked)
	book := bank.NewBook(seen.fillReadSet(reads))
	if err := b.decide(book); err != nil {
		session.abandon(ctx)
		return err
	}
	changes := book.Changes()
	if changes.IsEmpty() {
		session.abandon(ctx)
		return nil
	}
	seen.addCardAccounts(&changes)
	return s.commitBatch(ctx, session, seen, &changes)
}

// Stats counts the batches of a Store since it was opened, by their path.
type Stats struct {
	Optimistic int64 // decided and committed without locks, on cached accounts or rows read without a lock
	Locked     int64 // decided under locks
	Conflicts  int64 // optimistic batches that were not written, because an account or a key had changed
}

// Stats returns the counters, each exact.
func (s *Store) Stats() Stats {
	return Stats{Optimistic: s.optimistic.Load(), Locked: s.locked.Load(), Conflicts: s.conflicts.Load()}
}

// commitBatch writes the changes of a batch that was decided on seen, and updates the account cache.
func (s *Store) commitBatch(ctx context.Context, session *session, seen *view, changes *bank.Changes) error {
	s.config.Failpoint.At(failpoints.BatchDecided)
	err := session.write(ctx, seen, changes)
	if err == nil {
		s.cache.store(seen, changes)
	} else {
		s.cache.evict(seen)
	}
	s.config.Failpoint.After(err, failpoints.BatchCommitted)
	return err
}

// read sends the read set and leaves the transaction open.
func (s *session) read(ctx context.Context, keys *bank.Keys, epoch int64) (*view, bank.ReadSet, error) {
	b := wire.Batch{Session: s.Session}
	read := reading{view: newView(epoch, len(keys.Accounts)), accounts: lockAccounts}
	b.Add(begin, nil)
	read.add(&b, keys)
	_, _, err := b.Run(ctx)
	return read.view, read.reads, err
}

// addMissing reads the missing rows, if any, in one round trip without a lock. It adds accounts and
// cards to the view and returns the others. It reads the accounts first: what changes after that,
// such as a card or a sum, changes its account's version too.
func (s *session) addMissing(ctx context.Context, seen *view, missing *bank.Keys) (bank.ReadSet, error) {
	b := wire.Batch{Session: s.Session}
	read := reading{view: seen, accounts: readAccounts}
	read.add(&b, missing)
	if b.Len() == 0 {
		return bank.ReadSet{}, nil
	}
	_, _, err := b.Run(ctx)
	return read.reads, err
}

// write sends the write set with its commit and returns the outcome. It opens a transaction if read
// has not opened one.
func (s *session) write(ctx context.Context, seen *view, changes *bank.Changes) error {
	b := wire.Batch{Session: s.Session}
	if seen.optimistic {
		b.Add(begin, nil)
	}
	if isSingle(changes) {
		addSingle(&b, seen, changes)
	} else {
		addChanges(&b, seen, changes)
	}
	addPaidCodes(&b, changes.PaidCodes)
	addMessages(&b, changes)
	if len(changes.Records) > 0 {
		if err := s.appendRecords(ctx, &b, changes.Records); err != nil {
			s.abandon(ctx)
			return err
		}
	}
	b.Add(commit, nil)
	done, tag, err := b.Run(ctx)
	switch {
	case tag == "COMMIT":
		// It is committed, whatever happened to the connection afterwards.
		return nil
	case tag == "ROLLBACK":
		return errRolledBack
	case b.Err() != nil:
		s.abandon(ctx)
		return fmt.Errorf("%w: %w", bank.ErrRejected, b.Err())
	case done == b.Len()-1:
		return committing(err)
	}
	s.abandon(ctx)
	if database.State(err) == "" {
		// The commit was sent with the rest, and no answer says that it was not reached.
		return unavailable(err)
	}
	return notCommitted(err)
}

// appendRecords sends the write set and locks the audit log, and leaves in b the records to send with
// the commit. It takes a round trip of its own, because the hash of a record is made of the one before.
// An error means that nothing was committed.
func (s *session) appendRecords(ctx context.Context, b *wire.Batch, records []auditlog.Record) error {
	if err := s.PrepareStatements(ctx, table.Statements...); err != nil {
		return notCommitted(err)
	}
	var head auditlog.Head
	table.AddLock(b, &head)
	_, _, err := b.Run(ctx)
	switch {
	case b.Err() != nil:
		return fmt.Errorf("%w: %w", bank.ErrRejected, b.Err())
	case err != nil:
		return notCommitted(err)
	}
	*b = wire.Batch{Session: s.Session}
	table.AddRows(b, head, records)
	return nil
}

// abandon rolls the open transaction back. If that fails, the pool closes the connection and the
// server rolls back.
func (s *session) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	b := wire.Batch{Session: s.Session}
	b.Add(rollback, nil)
	_, _, _ = b.Run(ctx)
}
