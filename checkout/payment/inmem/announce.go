package inmem

import (
	"context"
	"time"

	"codebank.dev/checkout/payment"
)

// feed is how far the events of an owner were published, and until when somebody has them.
type feed struct {
	published int64
	leased    time.Time
}

// ClaimEvents implements payment.Publications.
func (s *Store) ClaimEvents(_ context.Context, limit int, lease time.Duration) (claimed []payment.Change, _ error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := time.Now()
	for owner, events := range s.events {
		f := s.feeds[owner]
		if f == nil {
			f = &feed{}
			s.feeds[owner] = f
		}
		if f.published >= int64(len(events)) || f.leased.After(now) {
			continue
		}
		f.leased = now.Add(lease)
		events = events[f.published:]
		for i := range events[:min(limit, len(events))] {
			claimed = append(claimed, payment.AsOf(&events[i], s.charges[events[i].Charge], s.operations[events[i].Operation]))
		}
	}
	return claimed, nil
}

// Announce implements payment.Publications.
func (s *Store) Announce(_ context.Context, announced []payment.Announced) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, a := range announced {
		f := s.feeds[a.Owner]
		f.published, f.leased = max(f.published, a.Sequence), time.Time{}
	}
	return nil
}
