package refund

import (
	"context"
	"sync/atomic"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/charge"
)

// Run makes passes until ctx ends: it ends the refunds which a crash, a deadline or an absent bank left open.
// Any number of processes may run on one store. It waits for a store that is away.
func (r *Refunder) Run(ctx context.Context) {
	for ctx.Err() == nil {
		claimed, err := r.Pass(ctx)
		if err != nil && ctx.Err() == nil {
			r.Logger.Error("open refunds could not be claimed", "cause", err)
		}
		if claimed == r.Limits.Batch {
			continue
		}
		poll := charge.Backoff{First: r.Limits.Poll, Most: r.Limits.Poll}
		if r.Clock.Sleep(ctx, poll.After(1)) != nil {
			return
		}
	}
}

// Pass makes one try for each of up to a batch of due refunds, one after the other, and returns how many there
// were. A refund that it does not come to before ctx ends comes due again at the end of its lease.
func (r *Refunder) Pass(ctx context.Context) (claimed int, err error) {
	now := r.Clock.Now()
	try, cancel := context.WithTimeout(ctx, r.Limits.Try)
	due, err := r.Claims.ClaimRefunds(try, now, now.Add(r.lease()), r.Limits.Batch)
	cancel()
	if err != nil {
		return 0, err
	}
	for _, one := range due {
		if ctx.Err() != nil {
			break
		}
		r.reconcile(ctx, one.Order, one.Refund)
	}
	return len(due), nil
}

// lease is how long other replicas leave a claimed refund alone: as long as the work on its whole batch can
// take.
func (r *Refunder) lease() time.Duration { return time.Duration(r.Limits.Batch) * r.work() }

// reconcile makes one try to end a refund.
func (r *Refunder) reconcile(ctx context.Context, order checkout.Order, refund checkout.ID) {
	if isEnded(&order, refund) {
		return
	}
	order, err := r.step(ctx, order, refund)
	if isEnded(&order, refund) {
		r.Logger.Info("an open refund was ended", "order", order.ID, "refund", refund, "state", order.Refund(refund).State)
		return
	}
	r.postpone(ctx, order, refund, err)
}

type stats struct{ answered, unknown atomic.Int64 }

// Stats counts what a Refunder has done since it was made.
type Stats struct {
	Answered int64 // refunds that the bank made or refused, repeats included
	Unknown  int64 // calls without a usable answer
}

// Stats returns the counters; each is exact, together they are of about one moment.
func (r *Refunder) Stats() Stats {
	return Stats{Answered: r.stats.answered.Load(), Unknown: r.stats.unknown.Load()}
}
