package charge

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"codebank.dev/checkout"
)

// Settler ends the orders that a crash, a deadline or an absent bank left open. Any
// number of them may run on one store. Make one with NewSettler.
type Settler struct {
	charger *Charger
	logger  *slog.Logger
}

// NewSettler returns a Settler that uses charger, its store and its limits.
func NewSettler(charger *Charger) *Settler {
	return &Settler{charger: charger, logger: charger.logger}
}

// Run settles what is due until ctx ends, then finishes the tries under way. A store
// that is away is waited for.
func (s *Settler) Run(ctx context.Context) {
	for ctx.Err() == nil {
		claimed, err := s.Pass(ctx)
		if err != nil && ctx.Err() == nil {
			s.logger.Error("open orders could not be claimed", "cause", err)
		}
		if claimed == s.charger.limits.Batch {
			continue
		}
		poll := Backoff{First: s.charger.limits.Poll, Most: s.charger.limits.Poll}
		if s.charger.clock.Sleep(ctx, poll.After(1)) != nil {
			return
		}
	}
}

// Pass makes one try for each of up to a batch of due orders and returns how many
// there were. It returns when all tries are done.
func (s *Settler) Pass(ctx context.Context) (claimed int, err error) {
	limits := s.charger.limits
	now := s.charger.clock.Now()
	try, cancel := context.WithTimeout(ctx, limits.Try)
	orders, err := s.charger.charges.Claim(try, now, now.Add(limits.Lease()), limits.Batch)
	cancel()
	if err != nil {
		return 0, err
	}
	var workers sync.WaitGroup
	queue := make(chan checkout.Order)
	for range min(limits.Workers, len(orders)) {
		workers.Go(func() {
			for order := range queue {
				s.settle(ctx, order)
			}
		})
	}
	for _, order := range orders {
		queue <- order
	}
	close(queue)
	workers.Wait()
	return len(orders), nil
}

// settle makes one try to end an order: sent again while that may still succeed,
// voided otherwise.
func (s *Settler) settle(ctx context.Context, order checkout.Order) {
	if ctx.Err() != nil {
		return // The lease brings it back.
	}
	var err error
	if order.Charge.Voiding == checkout.NotVoiding && s.isStale(order, s.charger.clock.Now()) {
		order, err = s.charger.giveUp(ctx, order, checkout.TimedOut)
	} else {
		order, err = s.charger.step(ctx, order)
	}
	if isFinal(order) {
		s.logger.Info("an open order was ended", "order", order.ID, "state", order.State, "reason", order.Decline.Reason)
		return
	}
	s.charger.postpone(ctx, order, err)
}

// isStale reports whether an order is too old to be charged, or its token is.
func (s *Settler) isStale(order checkout.Order, now time.Time) bool {
	limits := s.charger.limits
	return !now.Before(order.CreatedAt.Add(limits.SendAgain)) ||
		!now.Before(order.Charge.TokenExpiresAt.Add(-limits.TokenMargin))
}
