// Package ledger reads a bank's ledger and its outbox for an audit. It makes the events
// of the ledger again from its entries, with the code that made them when they were
// decided. It decodes the events of the outbox from its rows.
package ledger

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"

	"codebank.dev/bank/kafka"
	"codebank.dev/bank/postgres"
	"codebank.dev/operations/audit"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/event"
)

// Ledger is a bank's ledger. Cut must not be called twice at once; the rest is safe for
// concurrent use.
type Ledger struct {
	store   *postgres.Store
	journal *postgres.Journal[event.Transaction]
	// lastWaiting is the highest id in the outbox when the cut was taken.
	lastWaiting int64
}

var _ audit.Ledger = (*Ledger)(nil)

// New returns the ledger in a store, which stays the caller's. code is the code of the
// bank, which is part of every event.
func New(store *postgres.Store, code string) *Ledger {
	return &Ledger{store: store, journal: postgres.NewJournal(store, kafka.Converter(code))}
}

// Cut implements audit.Ledger.
func (l *Ledger) Cut(ctx context.Context, cut audit.Cut) error {
	var failed error
	err := l.store.Cut(ctx, postgres.Cut{
		Account: func(f postgres.Figures) {
			if failed == nil {
				failed = cut.Account(audit.Account{
					ID: f.AccountID, Sequence: f.Sequence, Balance: f.Balance, Held: f.Held, CreditLimit: f.CreditLimit,
				})
			}
		},
		Refused: func(transaction id.ID) {
			if failed == nil {
				failed = cut.Refused(transaction)
			}
		},
		Waiting: func(outboxID int64) { l.lastWaiting = max(l.lastWaiting, outboxID) },
	})
	return errors.Join(err, failed)
}

// Events implements audit.Ledger.
func (l *Ledger) Events(ctx context.Context) iter.Seq2[*audit.Copy, error] {
	return copies(l.journal.Entries(ctx, postgres.Position{}))
}

// Refusals implements audit.Ledger.
func (l *Ledger) Refusals(ctx context.Context) iter.Seq2[*audit.Copy, error] {
	return copies(l.journal.Refusals(ctx))
}

func copies(events iter.Seq2[event.Transaction, error]) iter.Seq2[*audit.Copy, error] {
	return func(yield func(*audit.Copy, error) bool) {
		for e, err := range events {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&audit.Copy{ID: e.EventID, Event: e}, nil) {
				return
			}
		}
	}
}

// Find implements audit.Ledger.
func (l *Ledger) Find(ctx context.Context, wanted audit.Wanted) ([]audit.Copy, error) {
	e, found, err := l.find(ctx, wanted.EventID)
	if err == nil && !found && wanted.TransactionID != "" {
		e, found, err = l.transaction(ctx, wanted.TransactionID)
	}
	if err != nil || !found {
		return nil, err
	}
	return []audit.Copy{{ID: e.EventID, Event: e}}, nil
}

// find returns the event with an id. The id may have any form.
func (l *Ledger) find(ctx context.Context, eventID string) (e event.Transaction, found bool, err error) {
	text, number, ofAccount := strings.Cut(eventID, ":")
	if !ofAccount {
		return l.transaction(ctx, eventID)
	}
	account, err := id.Parse(text)
	sequence, errNumber := strconv.ParseInt(number, 10, 64)
	if err != nil || errNumber != nil {
		return e, false, nil // The ledger has no such id.
	}
	e, found, err = l.journal.Entry(ctx, account, sequence)
	return e, found && e.EventID == eventID, err
}

// transaction returns the event of leg 0 of a transaction.
func (l *Ledger) transaction(ctx context.Context, text string) (e event.Transaction, found bool, err error) {
	transaction, err := id.Parse(text)
	if err != nil {
		return e, false, nil // The ledger has no such id.
	}
	return l.journal.Transaction(ctx, transaction)
}
