package postgres

import (
	"context"
	"errors"
	"iter"

	"codebank.dev/bank"
	"codebank.dev/platform/id"
)

// Journal reads a ledger for a program outside the bank, such as an audit. It returns values of
// type E, which convert makes of the entries, so that the program names no type of package bank.
// Voided request ids have no event and are left out everywhere. A Journal is safe for concurrent
// use if convert is.
type Journal[E any] struct {
	store   *Store
	convert func(*bank.Entry) E
}

// NewJournal returns the journal of a store's ledger. The store still belongs to the caller.
// convert must not keep the entry.
func NewJournal[E any](store *Store, convert func(*bank.Entry) E) *Journal[E] {
	return &Journal[E]{store: store, convert: convert}
}

// Entries returns the entries of Store.Entries.
func (j *Journal[E]) Entries(ctx context.Context, after Position) iter.Seq2[E, error] {
	return j.converted(j.store.Entries(ctx, after))
}

// Refusals returns the entries of Store.Refusals, from the first on.
func (j *Journal[E]) Refusals(ctx context.Context) iter.Seq2[E, error] {
	return j.converted(j.store.Refusals(ctx, id.ID{}))
}

func (j *Journal[E]) converted(entries iter.Seq2[*bank.Entry, error]) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		for entry, err := range entries {
			if err != nil {
				var none E
				yield(none, err)
				return
			}
			if entry.Status != bank.Voided && !yield(j.convert(entry), nil) {
				return
			}
		}
	}
}

// Entry returns the entry of an account with this sequence; found is false when there is none.
func (j *Journal[E]) Entry(ctx context.Context, account id.ID, sequence int64) (entry E, found bool, err error) {
	for next, err := range j.store.Entries(ctx, Position{AccountID: account, Sequence: sequence - 1}) {
		if err != nil || next.AccountID != account || next.Sequence != sequence {
			return entry, false, err
		}
		return j.convert(next), true, nil
	}
	return entry, false, nil
}

// Transaction returns leg 0 of a transaction; found is false when there is none.
func (j *Journal[E]) Transaction(ctx context.Context, transaction id.ID) (entry E, found bool, err error) {
	leg, _, err := j.store.Transaction(ctx, transaction)
	if errors.Is(err, bank.ErrNotFound) {
		return entry, false, nil
	}
	if err != nil || leg.Status == bank.Voided {
		return entry, false, err
	}
	return j.convert(&leg), true, nil
}
