// Package inmem keeps the hub's data in memory, for tests and for trying the hub out.
//
//	payments.go  payment.Store
//	outbox.go    outbox.Store
package inmem

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"codebank.dev/codepix/payment"
	"codebank.dev/codepix/record"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
)

// The ports that Payments implements.
var (
	_ payment.Store = (*Payments)(nil)
	_ outbox.Store  = (*Payments)(nil)
)

// Payments is payments in memory. Make it with NewPayments.
type Payments struct {
	mutex    sync.Mutex
	payments map[payment.ID]payment.Payment
	rows     []*queued
}

// NewPayments returns a store without payments.
func NewPayments() *Payments { return &Payments{payments: map[payment.ID]payment.Payment{}} }

// Apply implements payment.Store.
func (s *Payments) Apply(_ context.Context, messages []payment.Received) ([]payment.Outcome, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	all := make([]payment.Payment, 0, len(s.payments))
	for _, p := range s.payments {
		all = append(all, p)
	}
	book := payment.NewBook(all)
	var outcomes []payment.Outcome
	for i := range messages {
		outcomes = append(outcomes, book.Decide(&messages[i]))
	}
	changes := book.Changes()
	rows, err := record.Rows(book, &changes)
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Concat(changes.New, changes.Changed) {
		s.payments[p.ID] = p
	}
	s.forget(record.Ended(&changes))
	s.add(rows)
	return outcomes, nil
}

// Payment implements payment.Store.
func (s *Payments) Payment(_ context.Context, name payment.ID) (payment.Payment, payment.Waiting, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, known := s.payments[name]
	if !known {
		return payment.Payment{}, payment.Waiting{}, payment.ErrNotFound
	}
	waiting := payment.Waiting{}
	if step := found.Waits(); step != 0 {
		if row := s.row(record.RowID(name, step)); row != nil {
			waiting = payment.Waiting{Attempts: max(0, row.sends-1), Next: row.dueAt}
		}
	}
	return found, waiting, nil
}

// Payments implements payment.Store.
func (s *Payments) Payments(_ context.Context, page payment.Page) (found []payment.Payment, _ error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, p := range s.payments {
		open := !page.OpenOnly || !p.State.IsFinal()
		behind := page.After == nil || compare(p.Place(), *page.After) < 0
		if open && behind && (page.Bank == "" || p.Concerns(page.Bank)) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b payment.Payment) int { return compare(b.Place(), a.Place()) })
	return found[:min(len(found), page.Size)], nil
}

func compare(a, b payment.Place) int {
	return cmp.Or(cmp.Compare(a.AcceptedAtMicros, b.AcceptedAtMicros), cmp.Compare(a.ID, b.ID))
}

// Figures implements payment.Store.
func (s *Payments) Figures(context.Context) (f payment.Figures, _ error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, p := range s.payments {
		switch p.State {
		case payment.Pending:
			f.Pending++
			if p.Held {
				f.Held++
			}
		case payment.Confirmed:
			f.Confirmed++
		default:
			continue
		}
		if f.Oldest.IsZero() || p.AcceptedAt.Before(f.Oldest) {
			f.Oldest = p.AcceptedAt
		}
	}
	return f, nil
}

func (s *Payments) row(name id.ID) *queued {
	for _, row := range s.rows {
		if row.Row.ID == name {
			return row
		}
	}
	return nil
}

func (s *Payments) forget(rows []id.ID) {
	s.rows = slices.DeleteFunc(s.rows, func(row *queued) bool { return slices.Contains(rows, row.Row.ID) })
}

func (s *Payments) add(rows []record.Queued) {
	for _, row := range rows {
		if s.row(row.Row.ID) == nil {
			s.rows = append(s.rows, &queued{Queued: row, dueAt: time.Now()})
		}
	}
}
