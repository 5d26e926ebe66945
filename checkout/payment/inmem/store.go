// Package inmem keeps charges in memory. It keeps the same promises as package postgres, but for the end of the process.
package inmem

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
)

// The ports that Store implements.
var (
	_ payment.Store   = (*Store)(nil)
	_ payment.Payouts = (*Store)(nil)
	_ payment.Feed    = (*Store)(nil)
	_ payment.Figures = (*Store)(nil)
	_ payment.Keys    = (*Store)(nil)
	_ outbox.Store    = (*Store)(nil)

	_ payment.Expiries     = (*Store)(nil)
	_ payment.Publications = (*Store)(nil)
)

// accepted is what a request made.
type accepted struct {
	charge      id.ID
	fingerprint payment.Fingerprint
}

// Store is charges in memory. Make one with New. It is safe for concurrent use.
type Store struct {
	mutex      sync.Mutex
	charges    map[id.ID]payment.Charge
	operations map[id.ID]payment.Operation
	requests   map[id.ID]accepted
	keys       map[id.ID][]byte
	events     map[payment.Owner][]payment.Event
	records    []*record
	// askAgain is when the next question after the end of an authorization may be asked.
	askAgain map[id.ID]time.Time
	feeds    map[payment.Owner]*feed
	payouts  map[id.ID]payment.Payout
	// accounts are those that merchants are paid to.
	accounts map[string]string
}

// New returns an empty Store.
func New() *Store {
	return &Store{
		charges: map[id.ID]payment.Charge{}, operations: map[id.ID]payment.Operation{}, requests: map[id.ID]accepted{},
		keys: map[id.ID][]byte{}, events: map[payment.Owner][]payment.Event{},
		feeds: map[payment.Owner]*feed{}, askAgain: map[id.ID]time.Time{},
		payouts: map[id.ID]payment.Payout{}, accounts: map[string]string{},
	}
}

// known reports whether a request was accepted before.
func (s *Store) known(request, charge id.ID, fingerprint payment.Fingerprint) (bool, error) {
	made, known := s.requests[request]
	if known && (made.charge != charge || made.fingerprint != fingerprint) {
		return false, payment.ErrKeyReused
	}
	return known, nil
}

// AcceptCharge implements payment.Store.
func (s *Store) AcceptCharge(_ context.Context, a *payment.Acceptance) (payment.Charge, bool, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if known, err := s.known(a.Charge.ID, a.Charge.ID, a.Fingerprint); known || err != nil {
		return s.charges[a.Charge.ID], known, err
	}
	s.charges[a.Charge.ID] = a.Charge
	s.requests[a.Charge.ID] = accepted{a.Charge.ID, a.Fingerprint}
	s.keys[a.Charge.ID] = bytes.Clone(a.Key)
	s.add(a.Record)
	s.happened(payment.EventOf(payment.ChargeAccepted, &a.Charge, id.ID{}))
	return a.Charge, false, nil
}

// AcceptOperation implements payment.Store.
func (s *Store) AcceptOperation(_ context.Context, o *payment.OperationRequest) (payment.Operation, bool, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if known, err := s.known(o.ID, o.Charge, o.Fingerprint); known || err != nil {
		return s.operations[o.ID], known, err
	}
	charge, there := s.charges[o.Charge]
	if !there || charge.Owner() != o.Owner {
		return payment.Operation{}, false, payment.ErrNoCharge
	}
	after, operation, err := charge.AcceptAt(o)
	if err != nil {
		return payment.Operation{}, false, err
	}
	row, err := o.Record(after, operation)
	if err != nil {
		return payment.Operation{}, false, err
	}
	s.charges[o.Charge], s.operations[o.ID] = after, operation
	s.requests[o.ID] = accepted{o.Charge, o.Fingerprint}
	s.add(row)
	s.happened(payment.EventOf(payment.OperationAccepted, &after, o.ID))
	return operation, false, nil
}

// happened gives an event the next number of its owner.
func (s *Store) happened(event payment.Event) {
	event.Sequence = int64(len(s.events[event.Owner])) + 1
	s.events[event.Owner] = append(s.events[event.Owner], event)
}

// Apply implements payment.Store.
func (s *Store) Apply(_ context.Context, results []payment.Result) (applied []payment.Result, _ error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i := range results {
		result := &results[i]
		if !result.Payout.IsZero() {
			if s.endPayout(result) {
				applied = append(applied, *result)
			}
			continue
		}
		charge, known := s.charges[result.Charge]
		operation := s.operations[result.Operation]
		if !known || !result.Operation.IsZero() && operation.Charge != result.Charge {
			continue
		}
		s.forget(result.Request())
		changes, err := charge.Apply(operation, result)
		if err != nil {
			continue // It is answered, or the answer is that nothing has changed.
		}
		for i := range changes {
			s.charges[result.Charge] = changes[i].Charge
			if ended := &changes[i].Operation; !ended.ID.IsZero() {
				s.operations[ended.ID] = *ended
			}
			s.happened(changes[i].Event)
		}
		if s.charges[result.Charge].State != payment.Pending {
			delete(s.keys, result.Charge)
		}
		applied = append(applied, *result)
	}
	return applied, nil
}

// Charge implements payment.Store.
func (s *Store) Charge(_ context.Context, owner payment.Owner, charge id.ID) (payment.Charge, []payment.Operation, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, there := s.charges[charge]
	if !there || found.Owner() != owner {
		return payment.Charge{}, nil, payment.ErrNoCharge
	}
	var operations []payment.Operation
	for _, operation := range s.operations {
		if operation.Charge == charge {
			operations = append(operations, operation)
		}
	}
	slices.SortFunc(operations, func(a, b payment.Operation) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return found, operations, nil
}

// Charges implements payment.Store.
func (s *Store) Charges(_ context.Context, owner payment.Owner, page payment.Page) (found []payment.Charge, _ error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, charge := range s.charges {
		if charge.Owner() == owner && (page.State == 0 || page.State == charge.State) && isBehindPlace(charge.CreatedAt, charge.ID, page.Behind()) &&
			!charge.CreatedAt.Before(page.From) {
			found = append(found, charge)
		}
	}
	slices.SortFunc(found, func(a, b payment.Charge) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), bytes.Compare(b.ID[:], a.ID[:]))
	})
	return found[:min(page.Size, len(found))], nil
}

// isBehindPlace reports whether what was accepted at a time comes behind a place.
func isBehindPlace(createdAt time.Time, of id.ID, place *payment.Place) bool {
	if place == nil {
		return true
	}
	at := createdAt.UnixMicro()
	return at < place.CreatedAtMicros || at == place.CreatedAtMicros && bytes.Compare(of[:], place.ID[:]) < 0
}

// KeysOf implements payment.Keys.
func (s *Store) KeysOf(_ context.Context, charges []id.ID) (map[id.ID][]byte, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	keys := make(map[id.ID][]byte, len(charges))
	for _, charge := range charges {
		if key, there := s.keys[charge]; there {
			keys[charge] = bytes.Clone(key)
		}
	}
	return keys, nil
}
