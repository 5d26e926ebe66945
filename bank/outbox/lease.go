package outbox

// Only the relay that holds the lease may publish, and one relay of a bank holds it at a time. The
// store grants the lease and gives each new holder the next epoch. A relay stops publishing when
// its own clock says that the lease has ended, which is before the store grants it to another. The
// epoch fences off a relay that was frozen meanwhile: it may send rows again, but the store deletes
// no row for an old epoch.

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"codebank.dev/bank"
)

// Why a term ends before the relay does.
var (
	errLeaseExpired = errors.New("outbox: the lease could not be renewed in time")
	errDeposed      = errors.New("outbox: another relay leads")
)

// releasedLease is the duration of a released lease: it ends practically at once.
const releasedLease = time.Millisecond

// leaseTimer ends a term when its lease does. The time runs on the monotonic clock and starts
// before the lease is requested, so it always ends here before it ends at the store. A tenth of it
// is kept as a margin for clocks that run at different speeds.
type leaseTimer struct {
	mutex sync.Mutex
	timer *time.Timer
	ended bool
	end   func()
}

// arm starts the timer of a lease that is about to be requested. Either renew makes the result the
// current timer, or the caller stops it.
func (e *leaseTimer) arm(lease time.Duration) *time.Timer {
	return time.AfterFunc(lease-lease/10, func() {
		e.mutex.Lock()
		defer e.mutex.Unlock()
		e.ended = true
		if e.end != nil {
			e.end()
		}
	})
}

// renew replaces the current timer by the one that was armed before the renewal.
func (e *leaseTimer) renew(armed *time.Timer) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.timer != nil {
		e.timer.Stop()
	}
	e.timer = armed
}

// onEnd sets the function that is called when the time is up. When the time is up already, it calls
// end at once.
func (e *leaseTimer) onEnd(end func()) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.end = end
	if e.ended {
		end()
	}
}

func (e *leaseTimer) stop() {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.timer.Stop()
}

// acquire waits until this relay leads; false when ctx ended first.
func (r *Relay) acquire(ctx context.Context) (int64, *leaseTimer, bool) {
	wait := newBackoff(r.config.Lease / 5)
	for {
		e := new(leaseTimer)
		armed := e.arm(r.config.Lease)
		epoch, err := r.requestLease(ctx, r.config.Lease)
		if err == nil {
			e.renew(armed)
			return epoch, e, true
		}
		armed.Stop()
		next := jitter(r.config.Lease / 5)
		if !errors.Is(err, bank.ErrLeaseLost) && ctx.Err() == nil {
			next = wait.next()
			r.storeAway("lease", err)
		}
		if !sleep(ctx, next) {
			return 0, nil, false
		}
	}
}

// keepLease renews the lease until leading ends, and calls lose when another relay leads. It
// retries failed renewals; the lease timer limits for how long.
func (r *Relay) keepLease(leading context.Context, epoch int64, e *leaseTimer, lose context.CancelCauseFunc) {
	next := r.config.Lease / 3
	for sleep(leading, next) {
		armed := e.arm(r.config.Lease)
		granted, err := r.requestLease(leading, r.config.Lease)
		switch {
		case err == nil && granted == epoch:
			e.renew(armed)
			next = r.config.Lease / 3
			continue
		case err == nil, errors.Is(err, bank.ErrLeaseLost):
			// A new epoch of our own means that the old one ended. Another relay may have published
			// meanwhile, so the memory of this term is void.
			lose(errDeposed)
		case leading.Err() == nil:
			r.storeAway("lease", err)
		}
		armed.Stop()
		next = r.config.Lease / 15
	}
}

// requestLease acquires or renews the lease, with a deadline well before the end of the lease.
func (r *Relay) requestLease(ctx context.Context, lease time.Duration) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.Lease/3)
	defer cancel()
	return r.config.Outbox.Acquire(ctx, r.config.Holder, lease)
}

// release releases the lease, so that the next relay need not wait for its end.
func (r *Relay) release(leading context.Context) {
	if _, err := r.requestLease(leading, releasedLease); err != nil && !errors.Is(err, bank.ErrLeaseLost) {
		r.storeAway("release", err)
	}
}

// storeAway counts a failed call to the store. The first of a series is logged as a warning.
func (r *Relay) storeAway(call string, err error) {
	level := slog.LevelDebug
	if r.stats.storeAway.CompareAndSwap(false, true) {
		level = slog.LevelWarn
	}
	r.stats.storeErrors.Add(1)
	r.logger.Log(context.Background(), level, "the outbox store is away; the relay waits for it", slog.String("call", call), slog.Any("error", err))
}

// storeBack notes a call that succeeded.
func (r *Relay) storeBack() {
	if r.stats.storeAway.Load() && r.stats.storeAway.CompareAndSwap(true, false) {
		r.logger.Info("the outbox store is back")
	}
}
