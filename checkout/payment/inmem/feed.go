package inmem

import (
	"context"
	"slices"
	"time"

	"codebank.dev/checkout/payment"
)

// Changes implements payment.Feed.
func (s *Store) Changes(_ context.Context, owner payment.Owner, after int64, limit int) (changes []payment.Change, _ error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	events := s.events[owner]
	from := min(max(after, 0), int64(len(events)))
	events = events[from:min(from+int64(limit), int64(len(events)))]
	for i := range events {
		changes = append(changes, s.changeOf(&events[i]))
	}
	return changes, nil
}

func (s *Store) changeOf(e *payment.Event) payment.Change {
	return payment.AsOf(e, s.charges[e.Charge], s.operations[e.Operation])
}

// Newest implements payment.Feed.
func (s *Store) Newest(_ context.Context, owners []payment.Owner) (map[payment.Owner]int64, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	newest := make(map[payment.Owner]int64, len(owners))
	for _, owner := range owners {
		if n := len(s.events[owner]); n > 0 {
			newest[owner] = int64(n)
		}
	}
	return newest, nil
}

// Statistics implements payment.Figures. It counts the events anew.
func (s *Store) Statistics(_ context.Context, owner payment.Owner, span payment.Span) (counts []payment.Count, _ error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i := range s.events[owner] {
		change := s.changeOf(&s.events[owner][i])
		count, counted := change.Count()
		if !counted || count.Start.Before(span.From) || !count.Start.Before(span.To) {
			continue
		}
		if span.ByDay {
			const day = 24 * time.Hour
			count.Start = count.Start.Truncate(day)
		}
		counts = append(counts, count)
	}
	return payment.MergeCounts(counts), nil
}

// Balances implements payment.Figures. It counts the events anew.
func (s *Store) Balances(_ context.Context, owner payment.Owner) ([]payment.Balance, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.balancesOf(owner).Sorted(), nil
}

// Movements implements payment.Figures.
func (s *Store) Movements(_ context.Context, owner payment.Owner, query payment.MovementQuery) (found []payment.Movement, _ error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	add := func(m payment.Movement, moves bool) {
		if moves && !m.At.Before(query.From) && m.At.Before(query.To) && (query.After == nil || m.Compare(query.After) > 0) {
			found = append(found, m)
		}
	}
	for i := range s.events[owner] {
		change := s.changeOf(&s.events[owner][i])
		add(change.Movement())
	}
	for _, p := range s.payouts {
		if p.Owner == owner {
			add(p.Movement())
		}
	}
	slices.SortFunc(found, func(a, b payment.Movement) int { return a.Compare(&b) })
	return found[:min(query.Size, len(found))], nil
}
