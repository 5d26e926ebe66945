package charge

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/platform/failpoint"
)

// Charger has orders decided by the bank. Make one with New; it is safe for
// concurrent use.
type Charger struct {
	acquirer  checkout.Acquirer
	pending   checkout.PendingCharges
	clock     checkout.Clock
	limits    Limits
	logger    *slog.Logger
	failpoint failpoint.Hook
	stats     stats
}

// Config is what a Charger needs. Acquirer, PendingCharges, Clock and Logger are required.
type Config struct {
	Acquirer       checkout.Acquirer
	PendingCharges checkout.PendingCharges
	Clock          checkout.Clock
	Logger         *slog.Logger
	Limits         Limits
	// Failpoint is called at the points where a crash is most instructive; nil for none.
	Failpoint failpoint.Hook
}

// New returns a Charger, or an error when a limit makes no sense.
func New(config Config) (*Charger, error) {
	if err := config.Limits.Check(); err != nil {
		return nil, err
	}
	return &Charger{
		acquirer:  config.Acquirer,
		pending:   config.PendingCharges,
		clock:     config.Clock,
		limits:    config.Limits,
		logger:    config.Logger,
		failpoint: config.Failpoint,
	}, nil
}

// Limits returns the limits in force.
func (c *Charger) Limits() Limits { return c.limits }

// Charge has a stored, pending order decided and returns it as it then is. It tries
// until the deadline, the end of ctx or a decision, whichever comes first. An order
// that is still pending then is left to the Reconciler. A try that has begun is
// finished: a canceled ctx does not tear an answer off. Charge never fails, because the
// order is stored and its state says how far it came.
func (c *Charger) Charge(ctx context.Context, order checkout.Order) checkout.Order {
	deadline := c.clock.Now().Add(c.limits.Deadline)
	if sooner, ok := ctx.Deadline(); !ok || time.Until(sooner) > c.limits.Deadline {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.limits.Deadline)
		defer cancel()
	}
	for tries := int32(1); ; tries++ {
		var err error
		if order, err = c.step(ctx, order); isFinal(order) {
			return order
		}
		wait := waitFor(c.limits.Retry, tries, err)
		if c.clock.Now().Add(wait).After(deadline) || c.clock.Sleep(ctx, wait) != nil {
			return c.postpone(ctx, order, err)
		}
	}
}

// step makes one try to end an order and returns the order as it is afterwards. An
// error says that the outcome is unknown.
func (c *Charger) step(ctx context.Context, order checkout.Order) (checkout.Order, error) {
	if order.PendingCharge.Voiding != checkout.NotVoiding {
		return c.void(ctx, order)
	}
	c.failpoint.At(failpoints.BeforeBankCall)
	try, cancel := c.try(ctx)
	decision, err := c.acquirer.Authorize(try, order.Authorization())
	cancel()
	c.stats.sent(err)
	switch {
	case err == nil:
		c.failpoint.At(failpoints.AfterBankAnswer)
		return c.end(ctx, order, func(o checkout.Order) (checkout.Order, error) {
			return o.Answered(decision, c.clock.Now())
		})
	case isRefusal(err):
		// A refusal is not stored at the bank. A try that is still under way could find the
		// reason gone and be approved. The void makes the refusal final there too.
		c.logger.Warn("the bank refused an order", "order", order.ID, "cause", err)
		return c.giveUp(ctx, order, checkout.Refused)
	}
	return order, err
}

// giveUp stores the decision to void an order, and only then voids it.
func (c *Charger) giveUp(ctx context.Context, order checkout.Order, reason checkout.VoidReason) (checkout.Order, error) {
	order, err := c.change(ctx, order, func(o checkout.Order) (checkout.Order, error) {
		return o.GivenUp(reason, c.clock.Now().Add(c.limits.work()))
	})
	if err != nil || isFinal(order) {
		return order, err
	}
	c.failpoint.At(failpoints.AfterVoidDecision)
	return c.void(ctx, order)
}

// void ends an order at the bank, then here.
func (c *Charger) void(ctx context.Context, order checkout.Order) (checkout.Order, error) {
	try, cancel := c.try(ctx)
	decision, err := c.acquirer.Void(try, order.ID.String(), order.TraceID)
	cancel()
	c.stats.voided(err)
	if err != nil {
		if isRefusal(err) {
			c.logger.Error("the bank refused a void; the order stays open", "order", order.ID, "cause", err)
		}
		return order, err
	}
	c.failpoint.At(failpoints.AfterVoidAnswer)
	return c.end(ctx, order, func(o checkout.Order) (checkout.Order, error) {
		return o.Voided(decision, c.clock.Now())
	})
}

// end stores the end of an order. When another process has ended it or has decided to
// void it, end returns the order as that process left it.
func (c *Charger) end(ctx context.Context, order checkout.Order, change func(checkout.Order) (checkout.Order, error)) (checkout.Order, error) {
	ended := false
	order, err := c.change(ctx, order, func(o checkout.Order) (checkout.Order, error) {
		changed, err := change(o)
		ended = err == nil
		return changed, err
	})
	if err == nil && ended && isFinal(order) {
		c.stats.ended(order)
	}
	return order, err
}

// change stores a change of an order. It is no error when another process was quicker.
// An order whose change failed is returned as it was before.
func (c *Charger) change(ctx context.Context, order checkout.Order, change func(checkout.Order) (checkout.Order, error)) (checkout.Order, error) {
	try, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.limits.Try)
	defer cancel()
	stored, err := c.pending.Change(try, order, change)
	if errors.Is(err, checkout.ErrEnded) || errors.Is(err, checkout.ErrVoiding) {
		return stored, nil
	}
	if err != nil {
		c.logger.Error("an order could not be changed and will be tried again", "order", order.ID, "cause", err)
		return order, err
	}
	return stored, nil
}

// postpone puts an order's next attempt off. When that cannot be stored, the order
// comes due at the end of the lease with which it was placed or claimed.
func (c *Charger) postpone(ctx context.Context, order checkout.Order, cause error) checkout.Order {
	next := c.clock.Now().Add(waitFor(c.limits.Reconcile, order.PendingCharge.Tries+1, cause))
	c.logger.Info("an order stays open", "order", order.ID, "tries", order.PendingCharge.Tries+1, "next", next, "cause", cause)
	order, _ = c.change(ctx, order, func(o checkout.Order) (checkout.Order, error) { return o.Postponed(next) })
	return order
}

// try returns a context for one call to the bank. It ends at the caller's deadline,
// but not when the caller goes away, because an answer on its way still counts.
func (c *Charger) try(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := c.limits.Try
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}

// DueAfter returns when the Reconciler may take up an order that is placed at now: when
// the process that placed it can no longer work on it.
func (c *Charger) DueAfter(now time.Time) time.Time {
	return now.Add(c.limits.Deadline + c.limits.work())
}
