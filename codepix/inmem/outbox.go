package inmem

import (
	"context"
	"slices"
	"time"

	"codebank.dev/codepix/record"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
)

// queued is a row of the outbox.
type queued struct {
	record.Queued
	dueAt time.Time
	sends int
}

// Claim implements outbox.Store.
func (s *Payments) Claim(_ context.Context, limit int, lease time.Duration) (rows []outbox.Row, _ error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := time.Now()
	due := slices.Clone(s.rows)
	slices.SortStableFunc(due, func(a, b *queued) int { return a.dueAt.Compare(b.dueAt) })
	for _, row := range due {
		if row.dueAt.After(now) || len(rows) == limit {
			break
		}
		row.dueAt = now.Add(lease)
		row.Row.Claims++
		rows = append(rows, row.Row)
	}
	return rows, nil
}

// Sent implements outbox.Store.
func (s *Payments) Sent(_ context.Context, rows []id.ID) error {
	s.each(rows, func(row *queued) {
		row.sends++
		row.Row.Claims, row.dueAt = 0, time.Now().Add(min(record.ShortestRepeat<<min(row.sends-1, 20), record.LongestRepeat))
	})
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.rows = slices.DeleteFunc(s.rows, func(row *queued) bool { return !row.Awaits && slices.Contains(rows, row.Row.ID) })
	return nil
}

// Again implements outbox.Store.
func (s *Payments) Again(_ context.Context, rows []id.ID, after time.Duration) error {
	s.each(rows, func(row *queued) { row.dueAt = time.Now().Add(after) })
	return nil
}

func (s *Payments) each(rows []id.ID, change func(*queued)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, row := range s.rows {
		if slices.Contains(rows, row.Row.ID) {
			change(row)
		}
	}
}
