package charge

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"codebank.dev/checkout"
)

// Reconciler is the background worker that ends the orders which a crash, a deadline or
// an absent bank left open. Any number of them may run on one store. Make one with
// NewReconciler.
type Reconciler struct {
	charger *Charger
	logger  *slog.Logger
}

// NewReconciler returns a Reconciler that uses charger, its store and its limits.
func NewReconciler(charger *Charger) *Reconciler {
	return &Reconciler{charger: charger, logger: charger.logger}
}

// Run makes passes until ctx ends, and finishes the tries under way. It waits for a
// store that is away.
func (r *Reconciler) Run(ctx context.Context) {
	for ctx.Err() == nil {
		claimed, err := r.Pass(ctx)
		if err != nil && ctx.Err() == nil {
			r.logger.Error("open orders could not be claimed", "cause", err)
		}
		if claimed == r.charger.limits.Batch {
			continue
		}
		poll := Backoff{First: r.charger.limits.Poll, Most: r.charger.limits.Poll}
		if r.charger.clock.Sleep(ctx, poll.After(1)) != nil {
			return
		}
	}
}

// Pass makes one try for each of up to a batch of due orders and returns how many
// there were. It returns when all tries are done.
func (r *Reconciler) Pass(ctx context.Context) (claimed int, err error) {
	limits := r.charger.limits
	now := r.charger.clock.Now()
	try, cancel := context.WithTimeout(ctx, limits.Try)
	orders, err := r.charger.pending.Claim(try, now, now.Add(limits.Lease()), limits.Batch)
	cancel()
	if err != nil {
		return 0, err
	}
	var workers sync.WaitGroup
	queue := make(chan checkout.Order)
	for range min(limits.Workers, len(orders)) {
		workers.Go(func() {
			for order := range queue {
				r.reconcile(ctx, order)
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

// reconcile makes one try to end an order: it sends the order again while that may
// still succeed, and voids it otherwise.
func (r *Reconciler) reconcile(ctx context.Context, order checkout.Order) {
	if ctx.Err() != nil {
		return // The order comes due again at the end of its lease.
	}
	var err error
	if order.PendingCharge.Voiding == checkout.NotVoiding && r.isStale(order, r.charger.clock.Now()) {
		order, err = r.charger.giveUp(ctx, order, checkout.TimedOut)
	} else {
		order, err = r.charger.step(ctx, order)
	}
	if isFinal(order) {
		r.logger.Info("an open order was ended", "order", order.ID, "state", order.State, "reason", order.Decline.Reason)
		return
	}
	r.charger.postpone(ctx, order, err)
}

// isStale reports whether an order is too old to be charged, or its token is.
func (r *Reconciler) isStale(order checkout.Order, now time.Time) bool {
	limits := r.charger.limits
	return !now.Before(order.CreatedAt.Add(limits.SendAgain)) ||
		!now.Before(order.PendingCharge.TokenExpiresAt.Add(-limits.TokenMargin))
}
