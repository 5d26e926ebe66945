package inmem

import (
	"context"
	"slices"
	"strconv"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
)

// record is a row of the outbox.
type record struct {
	row   outbox.Row
	dueAt time.Time
	sends int
}

// repeat is the wait before a record that is not answered is sent again.
const repeat = 10 * time.Second

func (s *Store) add(row outbox.Row) {
	s.records = append(s.records, &record{row: row, dueAt: time.Now()})
}

// forget removes the record of what is answered.
func (s *Store) forget(answered id.ID) {
	s.records = slices.DeleteFunc(s.records, func(r *record) bool { return r.row.ID == answered })
}

// Claim implements outbox.Store.
func (s *Store) Claim(_ context.Context, limit int, lease time.Duration) (rows []outbox.Row, _ error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := time.Now()
	due := slices.Clone(s.records)
	slices.SortStableFunc(due, func(a, b *record) int { return a.dueAt.Compare(b.dueAt) })
	for _, r := range due {
		if r.dueAt.After(now) || len(rows) == limit {
			break
		}
		r.dueAt = now.Add(lease)
		r.row.Claims++
		row := r.row
		if r.sends > 0 {
			row.Headers = append(slices.Clone(row.Headers), outbox.Header{Key: payment.HeaderTries, Value: strconv.AppendInt(nil, int64(r.sends), 10)})
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Sent implements outbox.Store.
func (s *Store) Sent(_ context.Context, rows []id.ID) error {
	return s.each(rows, func(r *record) {
		r.sends++
		r.row.Claims, r.dueAt = 0, time.Now().Add(repeat)
	})
}

// Again implements outbox.Store.
func (s *Store) Again(_ context.Context, rows []id.ID, after time.Duration) error {
	return s.each(rows, func(r *record) { r.dueAt = time.Now().Add(after) })
}

func (s *Store) each(rows []id.ID, change func(*record)) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, r := range s.records {
		if slices.Contains(rows, r.row.ID) {
			change(r)
		}
	}
	return nil
}
