// Package charge is the use case of ending an order: it is paid, or it ends unpaid. The
// Charger works on an order at once, while the payer waits. The Reconciler works on open
// orders later, after a crash or a deadline.
//
// One rule keeps money and orders together: an order is one request id at the bank.
// While the order may be charged, the same request is sent again and again, and the
// bank answers each with its first decision. The decision not to charge it is stored
// before the bank is told. From then on only Void is sent. Void is final at the bank,
// whatever is still under way. So an order ends APPROVED exactly when the bank keeps
// its purchase, however calls are lost, repeated, delayed or made by two replicas.
package charge

import (
	"errors"
	"math/rand/v2"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
)

// Limits says how long to try. Default returns sensible ones.
type Limits struct {
	// Deadline is how long a payer is kept waiting for the bank's decision.
	Deadline time.Duration
	// Try bounds one call to the bank and one change of an order.
	Try time.Duration
	// SendAgain is how old an order may be to be sent again; an older one is voided.
	SendAgain time.Duration
	// TokenMargin is how long before its expiry a token is no longer sent.
	TokenMargin time.Duration
	// Retry is the wait between the tries of a payer who waits.
	Retry Backoff
	// Reconcile is the wait between the tries of an order for which no payer waits.
	Reconcile Backoff
	// Batch is how many due orders are claimed at once, Workers how many of them are
	// worked on at a time, and Poll how long to wait when none was due.
	Batch   int
	Workers int
	Poll    time.Duration
}

// Default returns the limits of an ordinary shop.
func Default() Limits {
	return Limits{
		Deadline:    5 * time.Second,
		Try:         2 * time.Second,
		SendAgain:   5 * time.Minute,
		TokenMargin: 30 * time.Second,
		Retry:       Backoff{First: 50 * time.Millisecond, Most: time.Second},
		Reconcile:   Backoff{First: time.Second, Most: time.Minute},
		Batch:       64,
		Workers:     8,
		Poll:        time.Second,
	}
}

// Check returns an error that names the first limit that makes no sense.
func (l Limits) Check() error {
	for _, limit := range []struct {
		name  string
		value time.Duration
	}{
		{"deadline", l.Deadline}, {"try", l.Try}, {"send-again", l.SendAgain}, {"token margin", l.TokenMargin},
		{"first retry", l.Retry.First}, {"most retry", l.Retry.Most},
		{"first reconcile", l.Reconcile.First}, {"most reconcile", l.Reconcile.Most}, {"poll", l.Poll},
	} {
		if limit.value <= 0 {
			return errors.New("charge: the limit " + limit.name + " must be more than zero")
		}
	}
	if l.Batch < 1 || l.Workers < 1 {
		return errors.New("charge: batch and workers must be at least one")
	}
	return nil
}

// work is the longest that one order can take once its deadline has passed: a call
// to the bank and a change, for the purchase and for the void.
func (l Limits) work() time.Duration { return 4 * l.Try }

// Lease is how long other replicas leave a claimed order alone: as long as the work on
// its whole batch can take.
func (l Limits) Lease() time.Duration {
	rounds := (l.Batch + l.Workers - 1) / l.Workers
	return time.Duration(rounds) * l.work()
}

// Backoff is a wait that doubles with each try, up to Most.
type Backoff struct{ First, Most time.Duration }

// After returns the wait after so many tries, 1 or more. Half of it is fixed and half
// random, so that callers who failed together do not come back together.
func (b Backoff) After(tries int32) time.Duration {
	wait := b.Most
	if doublings := max(tries, 1) - 1; doublings < 30 {
		wait = min(b.First<<doublings, b.Most)
	}
	return wait/2 + rand.N(wait/2+1)
}

// isRefusal reports whether the bank understood a request, did nothing and will refuse
// it again. Any other error leaves the outcome unknown.
func isRefusal(err error) bool {
	switch fault.CodeOf(err) {
	case fault.InvalidArgument, fault.NotFound, fault.Aborted, fault.FailedPrecondition:
		return true
	}
	return false
}

// waitFor returns how long to wait before the next try: the back-off, or what the
// bank asked for when that is longer.
func waitFor(backoff Backoff, tries int32, err error) time.Duration {
	wait := backoff.After(tries)
	if err != nil {
		wait = max(wait, min(fault.Of(err).RetryAfter, backoff.Most))
	}
	return wait
}

// isFinal reports whether nothing is left to do for an order.
func isFinal(order checkout.Order) bool { return order.State != checkout.Pending }
