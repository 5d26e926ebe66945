package inmem

import (
	"context"
	"slices"
	"time"

	"codebank.dev/bank"
)

// eventOutbox holds the waiting events, lowest id first, and the lease on them.
type eventOutbox struct {
	lastID  int64
	waiting []waitingRow

	holder  string
	epoch   int64
	expires time.Time
	marked  time.Time
}

type waitingRow struct {
	row   bank.OutboxRow
	since time.Time
}

func (o *eventOutbox) add(events []bank.Event, now time.Time) {
	for _, event := range events {
		// The bodies of a batch share one buffer.
		event.Body = slices.Clone(event.Body)
		o.lastID++
		o.waiting = append(o.waiting, waitingRow{bank.OutboxRow{ID: o.lastID, Event: event}, now})
	}
}

// Acquire implements bank.Outbox.
func (s *Store) Acquire(ctx context.Context, holder string, ttl time.Duration) (int64, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return 0, err
	}
	o, now := &s.outbox, s.now()
	if o.holder != holder {
		if o.expires.After(now) {
			return 0, bank.ErrLeaseLost
		}
		o.holder = holder
		o.epoch++
	}
	o.expires = now.Add(ttl)
	return o.epoch, nil
}

// Fetch implements bank.Outbox.
func (s *Store) Fetch(ctx context.Context, limit int, skip []int64) ([]bank.OutboxRow, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return nil, err
	}
	skipped := make(map[int64]bool, len(skip))
	for _, id := range skip {
		skipped[id] = true
	}
	var fetched []bank.OutboxRow
	for _, w := range s.outbox.waiting {
		if len(fetched) >= limit {
			break
		}
		if !skipped[w.row.ID] {
			row := w.row
			row.Event.Body = slices.Clone(row.Event.Body)
			fetched = append(fetched, row)
		}
	}
	return fetched, nil
}

// Delete implements bank.Outbox.
func (s *Store) Delete(ctx context.Context, epoch int64, ids []int64) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return err
	}
	if epoch != s.outbox.epoch {
		return bank.ErrLeaseLost
	}
	gone := make(map[int64]bool, len(ids))
	for _, id := range ids {
		gone[id] = true
	}
	s.outbox.waiting = slices.DeleteFunc(s.outbox.waiting, func(w waitingRow) bool { return gone[w.row.ID] })
	return nil
}

// Backlog implements bank.Outbox.
func (s *Store) Backlog(ctx context.Context) (rows int64, oldest time.Time, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return 0, time.Time{}, err
	}
	if len(s.outbox.waiting) == 0 {
		return 0, time.Time{}, nil
	}
	return int64(len(s.outbox.waiting)), s.outbox.waiting[0].since, nil
}

// Mark implements bank.Marker. Decisions are written under the same mutex, so the mark has the
// present time.
func (s *Store) Mark(ctx context.Context, epoch int64) (bank.Mark, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return bank.Mark{}, err
	}
	o, now := &s.outbox, s.now()
	if epoch != o.epoch || !now.After(o.marked) {
		return bank.Mark{}, bank.ErrNoMark
	}
	o.marked = now
	return bank.Mark{CompleteTo: now.UTC().Truncate(time.Millisecond), LastID: o.lastID}, nil
}

// Drained implements bank.Marker.
func (s *Store) Drained(ctx context.Context, mark bank.Mark) (bool, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return false, err
	}
	// The lowest id comes first.
	return len(s.outbox.waiting) == 0 || s.outbox.waiting[0].row.ID > mark.LastID, nil
}
