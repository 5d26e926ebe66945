package refund

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/charge"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
)

// Refunder has refunds made by the bank. All fields but Failpoint are required; it is safe for concurrent
// use and must not be copied after its first use.
type Refunder struct {
	Acquirer checkout.Acquirer
	Pending  checkout.PendingCharges
	Claims   checkout.RefundClaims
	Clock    checkout.Clock
	Logger   *slog.Logger
	Limits   charge.Limits
	// Failpoint is called at the points where a crash is most instructive; nil for none.
	Failpoint failpoint.Hook

	stats stats
}

// work is the longest that one refund can take once its deadline has passed: a call to the bank and a change.
func (r *Refunder) work() time.Duration { return 2 * r.Limits.Try }

// Refund has a stored, pending refund made and returns the order as it then is. It tries until the deadline,
// the end of ctx or an answer. A refund that is still pending then is left to the Reconciler. Refund never
// fails, because the refund is stored and its state says how far it came.
func (r *Refunder) Refund(ctx context.Context, order checkout.Order, refund checkout.ID) checkout.Order {
	deadline := r.Clock.Now().Add(r.Limits.Deadline)
	if sooner, ok := ctx.Deadline(); ok {
		// A part of the caller's time is kept for the answer's way back.
		deadline = minTime(deadline, r.Clock.Now().Add(time.Until(sooner)*9/10))
	}
	for tries := int32(1); ; tries++ {
		var err error
		if order, err = r.step(ctx, order, refund); isEnded(&order, refund) {
			return order
		}
		wait := r.Limits.Retry.After(tries)
		if r.Clock.Now().Add(wait).After(deadline) || r.Clock.Sleep(ctx, wait) != nil {
			return r.postpone(ctx, order, refund, err)
		}
	}
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func isEnded(order *checkout.Order, refund checkout.ID) bool {
	known := order.Refund(refund)
	return known == nil || known.State != checkout.RefundPending
}

// isFinal reports whether the bank will refuse a reversal for ever. It says so of a purchase of which too
// little is left, which no later moment changes. Whatever else it refuses may succeed later, with another
// version of the bank or of its settings, and so may a try that is still under way: such a refund stays open.
func isFinal(err error) bool {
	code := fault.CodeOf(err)
	return code == fault.FailedPrecondition || code == fault.NotFound
}

// step makes one try to end a refund and returns the order as it is afterwards. An error says that the
// outcome is unknown.
func (r *Refunder) step(ctx context.Context, order checkout.Order, refund checkout.ID) (checkout.Order, error) {
	try, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Limits.Try)
	reversal, err := r.Acquirer.Refund(try, order.Reversal(order.Refund(refund)))
	cancel()
	if err != nil && !isFinal(err) {
		r.stats.unknown.Add(1)
		return order, err
	}
	r.stats.answered.Add(1)
	r.Failpoint.At(failpoints.AfterRefundAnswer)
	if err != nil {
		r.Logger.Warn("the bank refused a refund", "order", order.ID, "refund", refund, "cause", err)
		why := fault.Of(err)
		return r.change(ctx, order, func(o checkout.Order) (checkout.Order, error) {
			return o.RefundRefused(refund, checkout.Refusal{Reason: why.Reason, Message: why.Message}, r.Clock.Now())
		})
	}
	return r.change(ctx, order, func(o checkout.Order) (checkout.Order, error) {
		return o.RefundAnswered(refund, reversal, r.Clock.Now())
	})
}

// change stores a change of a refund. It is no error when another process was quicker.
func (r *Refunder) change(ctx context.Context, order checkout.Order, change func(checkout.Order) (checkout.Order, error)) (checkout.Order, error) {
	try, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Limits.Try)
	defer cancel()
	stored, err := r.Pending.Change(try, order, change)
	if errors.Is(err, checkout.ErrRefundEnded) {
		return stored, nil
	}
	if err != nil {
		r.Logger.Error("a refund could not be changed and will be tried again", "order", order.ID, "cause", err)
		return order, err
	}
	return stored, nil
}

// postpone puts a refund's next attempt off. When that cannot be stored, the refund comes due at the end of
// the lease with which it was stored or claimed.
func (r *Refunder) postpone(ctx context.Context, order checkout.Order, refund checkout.ID, cause error) checkout.Order {
	tries := order.Refund(refund).Tries + 1
	wait := r.Limits.Reconcile.After(tries)
	if cause != nil {
		wait = max(wait, min(fault.Of(cause).RetryAfter, r.Limits.Reconcile.Most))
	}
	next := r.Clock.Now().Add(wait)
	r.Logger.Info("a refund stays open", "order", order.ID, "refund", refund, "tries", tries, "next", next, "cause", cause)
	order, _ = r.change(ctx, order, func(o checkout.Order) (checkout.Order, error) { return o.RefundPostponed(refund, next) })
	return order
}
