// Package inmem keeps the merchant side in memory, for tests. It has a store that
// passes the same suite as the one on Postgres, and a bank whose calls fail as a test
// sets them to. Nothing survives the process.
package inmem

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/merchant"
	"codebank.dev/platform/id"
)

// Store keeps merchants, catalogue and orders. Make one with NewStore; it is safe for
// concurrent use.
type Store struct {
	mutex     sync.Mutex
	catalogue map[string]checkout.Product // retired products too
	version   int64
	stores    map[string]storeOf
	merchants map[string]checkout.Merchant
	members   map[member]time.Time
	secrets   map[id.ID]*secret
	acts      map[request]*act
	orders    map[checkout.ID]checkout.Order
	byRequest map[request]checkout.ID
}

type request struct{ caller, id string }

var (
	_ checkout.CatalogueStore  = (*Store)(nil)
	_ checkout.CatalogueEditor = (*Store)(nil)
	_ checkout.OrderStore      = (*Store)(nil)
	_ checkout.Claims          = (*Store)(nil)
	_ checkout.RefundClaims    = (*Store)(nil)
	_ merchant.Store           = (*Store)(nil)
)

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{
		catalogue: make(map[string]checkout.Product),
		stores:    make(map[string]storeOf),
		merchants: make(map[string]checkout.Merchant),
		members:   make(map[member]time.Time),
		secrets:   make(map[id.ID]*secret),
		acts:      make(map[request]*act),
		orders:    make(map[checkout.ID]checkout.Order),
		byRequest: make(map[request]checkout.ID),
	}
}

// Write implements checkout.OrderStore.
func (s *Store) Write(_ context.Context, set []*checkout.OrderWrite) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, write := range set {
		key := request{write.After.Caller, write.After.RequestID}
		if write.Before == nil {
			_, taken := s.byRequest[key]
			write.Written = !taken
		} else {
			stored, ok := s.orders[write.After.ID]
			write.Written = ok && stored.State == checkout.Pending && reflect.DeepEqual(stored, *write.Before)
		}
		if write.Written {
			s.byRequest[key] = write.After.ID
			s.orders[write.After.ID] = clone(*write.After)
		}
	}
	return nil
}

// ByRequest implements checkout.OrderStore.
func (s *Store) ByRequest(_ context.Context, caller, requestID string) (checkout.Order, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	id, ok := s.byRequest[request{caller, requestID}]
	if !ok {
		return checkout.Order{}, checkout.ErrNoOrder
	}
	return clone(s.orders[id]), nil
}

// ByID implements checkout.OrderStore.
func (s *Store) ByID(_ context.Context, by checkout.Requester, id checkout.ID) (checkout.Order, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	order, ok := s.orders[id]
	if !ok || !by.Sees(&order) {
		return checkout.Order{}, checkout.ErrNoOrder
	}
	return clone(order), nil
}

// List implements checkout.OrderStore.
func (s *Store) List(_ context.Context, query checkout.OrderQuery) ([]checkout.Order, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := []checkout.Order{}
	for _, order := range s.orders {
		if query.Scope.Has(&order) && query.Filter.Has(&order) && query.After.IsBefore(&order) {
			found = append(found, clone(order))
		}
	}
	slices.SortFunc(found, func(a, b checkout.Order) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), slices.Compare(b.ID[:], a.ID[:]))
	})
	return found[:min(query.Limit, len(found))], nil
}

// Change implements checkout.OrderStore.
func (s *Store) Change(_ context.Context, id checkout.ID, change func(checkout.Order) (checkout.Order, error)) (checkout.Order, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	order, ok := s.orders[id]
	if !ok {
		return checkout.Order{}, checkout.ErrNoOrder
	}
	changed, err := change(clone(order))
	if err != nil {
		return clone(order), err
	}
	for i := len(order.Refunds); i < len(changed.Refunds); i++ {
		if s.isRefundRequest(&changed.Refunds[i]) {
			return clone(order), checkout.ErrRefundReused
		}
	}
	s.orders[id] = clone(changed)
	return changed, nil
}

// isRefundRequest reports whether a stored refund has the request of a new one.
func (s *Store) isRefundRequest(r *checkout.Refund) bool {
	for _, order := range s.orders {
		if order.RefundOf(r.Caller, r.RequestID) != nil {
			return true
		}
	}
	return false
}

// ClaimRefunds implements checkout.RefundClaims.
func (s *Store) ClaimRefunds(_ context.Context, now, until time.Time, limit int) ([]checkout.ClaimedRefund, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var due []*checkout.Refund
	of := make(map[checkout.ID]checkout.ID)
	for _, order := range s.orders {
		for i := range order.Refunds { // The array is the stored order's.
			if r := &order.Refunds[i]; r.State == checkout.RefundPending && !r.NextAt.After(now) {
				due, of[r.ID] = append(due, r), order.ID
			}
		}
	}
	slices.SortFunc(due, func(a, b *checkout.Refund) int {
		return cmp.Or(a.NextAt.Compare(b.NextAt), slices.Compare(a.ID[:], b.ID[:]))
	})
	var claimed []checkout.ClaimedRefund
	for _, r := range due[:min(limit, len(due))] {
		r.NextAt = until
		claimed = append(claimed, checkout.ClaimedRefund{Order: clone(s.orders[of[r.ID]]), Refund: r.ID})
	}
	return claimed, nil
}

// RefundBacklog implements checkout.RefundClaims.
func (s *Store) RefundBacklog(context.Context) (checkout.Backlog, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var backlog checkout.Backlog
	for _, order := range s.orders {
		for _, r := range order.Refunds {
			if r.State != checkout.RefundPending {
				continue
			}
			if backlog.Open == 0 || r.CreatedAt.Before(backlog.Oldest) {
				backlog.Oldest = r.CreatedAt
			}
			backlog.Open++
		}
	}
	return backlog, nil
}

// Claim implements checkout.Claims.
func (s *Store) Claim(_ context.Context, now, until time.Time, limit int) ([]checkout.Order, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var due []checkout.Order
	for _, order := range s.orders {
		if order.State == checkout.Pending && !order.PendingCharge.NextAt.After(now) {
			due = append(due, clone(order))
		}
	}
	slices.SortFunc(due, func(a, b checkout.Order) int {
		return cmp.Or(a.PendingCharge.NextAt.Compare(b.PendingCharge.NextAt), slices.Compare(a.ID[:], b.ID[:]))
	})
	due = due[:min(limit, len(due))]
	for i := range due {
		due[i].PendingCharge.NextAt = until
		s.orders[due[i].ID] = clone(due[i])
	}
	return due, nil
}

// Backlog implements checkout.Claims.
func (s *Store) Backlog(context.Context) (checkout.Backlog, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var backlog checkout.Backlog
	for _, order := range s.orders {
		if order.State != checkout.Pending {
			continue
		}
		if backlog.Open == 0 || order.CreatedAt.Before(backlog.Oldest) {
			backlog.Oldest = order.CreatedAt
		}
		backlog.Open++
	}
	return backlog, nil
}

// ForgetOwners makes every order one of a version that did not record owners.
func (s *Store) ForgetOwners() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for id, order := range s.orders {
		order.Owner = ""
		s.orders[id] = order
	}
}

// clone returns an order that shares nothing with the given one.
func clone(order checkout.Order) checkout.Order {
	order.Items = slices.Clone(order.Items)
	order.Refunds = slices.Clone(order.Refunds)
	return order
}
