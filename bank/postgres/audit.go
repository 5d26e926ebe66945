package postgres

import (
	"context"
	"iter"
	"math"

	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
	"codebank.dev/platform/failpoint"
)

// page is how many rows a reader of the whole ledger reads at a time. The statements contain it as
// a number, because the planner estimates badly with a parameter there.
const page = 1000

var (
	pageOfEntries = &wire.Statement{Name: "page_of_entries", SQL: `SELECT ` + selected("e", entryColumns) + entryTables + `
		WHERE (e.account_id, e.sequence) > ($1::uuid, $2::bigint) ORDER BY e.account_id, e.sequence LIMIT 1000`}
	pageOfRefusals = &wire.Statement{Name: "page_of_refusals", SQL: `SELECT ` + selected("e", entryColumns) + entryTables + `
		WHERE e.account_id IS NULL AND e.transaction_id > $1::uuid ORDER BY e.transaction_id LIMIT 1000`}
	pageOfAccounts = &wire.Statement{Name: "page_of_accounts", SQL: `SELECT ` + selected("a", accountColumns) + `
		FROM accounts a WHERE a.id > $1::uuid ORDER BY a.id LIMIT 1000`}
	pageOfAccount = &wire.Statement{Name: "page_of_account", SQL: `SELECT ` + selected("e", entryColumns) + entryTables + `
		WHERE e.account_id = $1::uuid AND e.sequence BETWEEN $2::bigint AND $3::bigint ORDER BY e.sequence LIMIT 1000`}

	readOwner = &wire.Statement{Name: "read_owner", SQL: `SELECT code FROM bank`}

	beginSnapshot = &wire.Statement{Name: "begin_snapshot", SQL: `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`}
	allowLong     = &wire.Statement{Name: "allow_long", SQL: `SELECT set_config('statement_timeout', '60s', true), set_config('transaction_timeout', '120s', true)`}
	cutOfAccounts = &wire.Statement{Name: "cut_of_accounts", SQL: `SELECT ` + selected("a", accountColumns) + ` FROM accounts a ORDER BY a.id`}
	cutOfRefusals = &wire.Statement{Name: "cut_of_refusals", SQL: `SELECT e.transaction_id FROM entries e WHERE e.account_id IS NULL AND e.status = 2 ORDER BY e.transaction_id`}
	cutOfOutbox   = &wire.Statement{Name: "cut_of_outbox", SQL: `SELECT o.id FROM outbox o
		WHERE o.id >= (SELECT floor FROM relay_lease) ORDER BY o.id`}
)

// Position is the position of a reader of all entries: after this sequence of this account. The
// zero Position is before the first entry.
type Position struct {
	AccountID bank.ID
	Sequence  int64
}

// Entries returns all entries of accounts after a position, by account and then by sequence. It
// reads a page at a time, each page as of its own moment. It holds no connection between pages and
// keeps one page in memory. An error ends the sequence. The entries stay valid after the loop; they
// must not be changed.
func (s *Store) Entries(ctx context.Context, after Position) iter.Seq2[*bank.Entry, error] {
	return func(yield func(*bank.Entry, error) bool) {
		for {
			entries, err := s.entries(ctx, pageOfEntries, func(p *wire.Parameters) {
				p.UUIDArgument(after.AccountID)
				p.Int8Argument(after.Sequence)
			})
			if !yieldAll(entries, err, yield) || len(entries) < page {
				return
			}
			last := &entries[len(entries)-1]
			after = Position{AccountID: last.AccountID, Sequence: last.Sequence}
		}
	}
}

// Refusals returns all entries without an account whose transaction id is above after, in the order
// of these ids. It reads like Entries.
func (s *Store) Refusals(ctx context.Context, after bank.ID) iter.Seq2[*bank.Entry, error] {
	return func(yield func(*bank.Entry, error) bool) {
		for {
			entries, err := s.entries(ctx, pageOfRefusals, func(p *wire.Parameters) { p.UUIDArgument(after) })
			if !yieldAll(entries, err, yield) || len(entries) < page {
				return
			}
			after = entries[len(entries)-1].TransactionID
		}
	}
}

func (s *Store) entries(ctx context.Context, st *wire.Statement, build func(*wire.Parameters)) (entries []bank.Entry, err error) {
	err = s.query(ctx, st, build, func(r wire.Row) { entries = appendEntry(entries, &r) })
	return entries, err
}

// yieldAll yields a page and reports whether there may be another one.
func yieldAll[T any](page []T, err error, yield func(*T, error) bool) bool {
	if err != nil {
		yield(nil, err)
		return false
	}
	for i := range page {
		if !yield(&page[i], nil) {
			return false
		}
	}
	return true
}

// Owner returns the code of the bank whose ledger this is; bank.ErrNotFound before Migrate has
// written it.
func (s *Store) Owner(ctx context.Context) (code bank.Code, err error) {
	err = s.one(ctx, readOwner, func(*wire.Parameters) {}, func(r wire.Row) { code = bank.Code(r.Text()) })
	return code, err
}

// Accounts returns all accounts whose id is above after, by id. It reads like Entries.
func (s *Store) Accounts(ctx context.Context, after bank.ID) iter.Seq2[*bank.Account, error] {
	return func(yield func(*bank.Account, error) bool) {
		for {
			var accounts []bank.Account
			err := s.query(ctx, pageOfAccounts, func(p *wire.Parameters) { p.UUIDArgument(after) },
				func(r wire.Row) { accounts = append(accounts, accountOf(&r)) })
			if !yieldAll(accounts, err, yield) || len(accounts) < page {
				return
			}
			after = accounts[len(accounts)-1].ID
		}
	}
}

// Figures are the figures of an account at one moment, in minor units.
type Figures struct {
	AccountID bank.ID
	// Sequence is the sequence of the account's last entry.
	Sequence                   int64
	Balance, Held, CreditLimit int64
}

// Cut receives the ledger as of one moment. Every function is called for each row of its kind, in
// the order of the ids; none may be nil.
type Cut struct {
	// Account gets every account.
	Account func(Figures)
	// Refused gets the transaction of every decline without an account.
	Refused func(transaction bank.ID)
	// Waiting gets the id of every row in the outbox.
	Waiting func(outboxID int64)
}

// Cut reads the ledger as of one moment, from one snapshot: accounts, refusals, and the events that
// are not known to be published. The functions run while the snapshot is held, so they must be
// quick. It takes at most two minutes.
func (s *Store) Cut(ctx context.Context, cut Cut) error {
	return s.with(ctx, func(session *session) error {
		if err := session.PrepareStatements(ctx, beginSnapshot, allowLong, cutOfAccounts, cutOfRefusals, cutOfOutbox, rollback); err != nil {
			return notCommitted(err)
		}
		b := wire.Batch{Session: session.Session}
		b.Add(beginSnapshot, nil)
		b.Add(allowLong, nil)
		b.Add(cutOfAccounts, func(r wire.Row) {
			a := accountOf(&r)
			cut.Account(Figures{a.ID, a.Sequence, a.Balance, a.Held, a.CreditLimit})
		})
		b.Add(cutOfRefusals, func(r wire.Row) { cut.Refused(r.UUID()) })
		b.Add(cutOfOutbox, func(r wire.Row) { cut.Waiting(r.Int8()) })
		b.Add(rollback, nil)
		_, _, err := b.Run(ctx)
		return answered(err)
	})
}

// Span is a range of an account's entries.
type Span struct {
	AccountID bank.ID
	// From and To are the first and the last sequence; a To of 0 means the account's last.
	From, To int64
}

// RequeueEvents writes the events of an account's entries within a span into the outbox again, with
// the ids they had, and returns how many. encode makes the event of an entry; its error ends the
// work. The work is done in pages of 1,000 entries, each in a commit of its own under the account's
// lock. An interrupted call has written a part of the events and may be repeated, because repeats
// of events are allowed.
func (s *Store) RequeueEvents(ctx context.Context, span Span, encode func(*bank.Entry) (bank.Event, error)) (requeued int, err error) {
	if span.To == 0 {
		span.To = math.MaxInt64
	}
	for {
		entries, err := s.requeue(ctx, span.AccountID, pageOfAccount, func(p *wire.Parameters) {
			p.UUIDArgument(span.AccountID)
			p.Int8Argument(span.From)
			p.Int8Argument(span.To)
		}, encode)
		requeued += len(entries)
		if err != nil || len(entries) < page {
			return requeued, err
		}
		span.From = entries[len(entries)-1].Sequence + 1
	}
}

// RequeueRefusals does the same for the declines without an account, after a transaction id. A
// request id that was voided before it was decided has no event.
func (s *Store) RequeueRefusals(ctx context.Context, after bank.ID, encode func(*bank.Entry) (bank.Event, error)) (requeued int, err error) {
	for {
		entries, err := s.requeue(ctx, bank.ID{}, pageOfRefusals, func(p *wire.Parameters) { p.UUIDArgument(after) }, encode)
		for i := range entries {
			if entries[i].Status != bank.Voided {
				requeued++
			}
		}
		if err != nil || len(entries) < page {
			return requeued, err
		}
		after = entries[len(entries)-1].TransactionID
	}
}

// requeue writes the events of one page of entries and returns the page once it is committed.
func (s *Store) requeue(ctx context.Context, account bank.ID, st *wire.Statement, build func(*wire.Parameters), encode func(*bank.Entry) (bank.Event, error)) (entries []bank.Entry, err error) {
	err = s.with(ctx, func(session *session) error {
		if err := session.PrepareStatements(ctx, begin, commit, rollback, lockAccounts, insertRepublished, st); err != nil {
			return notCommitted(err)
		}
		b := wire.Batch{Session: session.Session}
		b.Add(begin, nil)
		session.Parameters.UUIDs([]bank.ID{account})
		b.Add(lockAccounts, nil)
		build(&session.Parameters)
		b.Add(st, func(r wire.Row) { entries = appendEntry(entries, &r) })
		if _, _, err := b.Run(ctx); err != nil {
			session.abandon(ctx)
			return notCommitted(err)
		}
		s.config.Failpoint.At(RequeueLocked)
		var changes bank.Changes
		for i := range entries {
			if entries[i].Status == bank.Voided {
				continue
			}
			event, err := encode(&entries[i])
			if err != nil {
				session.abandon(ctx)
				return err
			}
			changes.Events = append(changes.Events, event)
		}
		if len(changes.Events) == 0 {
			session.abandon(ctx)
			return nil
		}
		s.config.Failpoint.At(RequeueDecided)
		return session.write(ctx, &view{republished: true}, &changes)
	})
	if err != nil {
		return nil, err
	}
	s.config.Failpoint.At(RequeueCommitted)
	return entries, nil
}

// The failpoints of RequeueEvents and RequeueRefusals, which bankctl runs.
const (
	// RequeueLocked: entries are read under their account's lock, no event is written.
	RequeueLocked failpoint.Point = "requeue-locked"
	// RequeueDecided: the events are made, their writes and their commit are not sent.
	RequeueDecided failpoint.Point = "requeue-decided"
	// RequeueCommitted: a page of events is in the outbox again, the next is not.
	RequeueCommitted failpoint.Point = "requeue-committed"
)
