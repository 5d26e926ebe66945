package inmem

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/outbox"
)

// AskExpiries implements payment.Expiries.
func (s *Store) AskExpiries(_ context.Context, now time.Time, limit int, ask func(payment.Charge) (outbox.Row, error)) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var due []payment.Charge
	for _, charge := range s.charges {
		if charge.State == payment.Authorized && charge.Ending == payment.NoOperation && !charge.ExpiresAt.After(now) && !s.askAgain[charge.ID].After(now) {
			due = append(due, charge)
		}
	}
	slices.SortFunc(due, func(a, b payment.Charge) int {
		return cmp.Or(a.ExpiresAt.Compare(b.ExpiresAt), bytes.Compare(a.ID[:], b.ID[:]))
	})
	due = due[:min(limit, len(due))]
	for i := range due {
		row, err := ask(due[i])
		if err != nil {
			return 0, err
		}
		s.askAgain[due[i].ID] = now.Add(payment.ExpiryRepeat)
		if !slices.ContainsFunc(s.records, func(r *record) bool { return r.row.ID == row.ID }) {
			s.add(row)
		}
	}
	return len(due), nil
}
