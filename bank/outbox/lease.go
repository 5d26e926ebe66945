package outbox

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

// releaseLease is how long a lease lasts that is given back: as good as not at all.
const releaseLease = time.Millisecond

// expiry ends a term when its lease does. The time runs on the monotonic clock
// from before the lease was asked for, so it always ends here before it ends at
// the store; a tenth is left for clocks that run at different speeds.
type expiry struct {
	mutex sync.Mutex
	timer *time.Timer
	ended bool
	end   func()
}

// arm starts the time of a lease about to be asked for. The result becomes the
// expiry's own by renew, or is to be stopped.
func (e *expiry) arm(lease time.Duration) *time.Timer {
	return time.AfterFunc(lease-lease/10, func() {
		e.mutex.Lock()
		defer e.mutex.Unlock()
		e.ended = true
		if e.end != nil {
			e.end()
		}
	})
}

// renew replaces the running time by the one armed before the renewal.
func (e *expiry) renew(armed *time.Timer) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.timer != nil {
		e.timer.Stop()
	}
	e.timer = armed
}

// onEnd has end called when the time is up, at once if it is up already.
func (e *expiry) onEnd(end func()) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.end = end
	if e.ended {
		end()
	}
}

func (e *expiry) stop() {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.timer.Stop()
}

// acquire waits until this relay leads; false when ctx ended first.
func (r *Relay) acquire(ctx context.Context) (int64, *expiry, bool) {
	wait := newBackoff(r.config.Lease / 5)
	for {
		e := new(expiry)
		armed := e.arm(r.config.Lease)
		epoch, err := r.ask(ctx, r.config.Lease)
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
		if !pause(ctx, next) {
			return 0, nil, false
		}
	}
}

// keep renews the lease until leading ends, and ends it by lose when another relay
// leads. Renewals that fail are tried again; the expiry judges how long.
func (r *Relay) keep(leading context.Context, epoch int64, e *expiry, lose context.CancelCauseFunc) {
	next := r.config.Lease / 3
	for pause(leading, next) {
		armed := e.arm(r.config.Lease)
		granted, err := r.ask(leading, r.config.Lease)
		switch {
		case err == nil && granted == epoch:
			e.renew(armed)
			next = r.config.Lease / 3
			continue
		case err == nil, errors.Is(err, bank.ErrLeaseLost):
			// A new epoch of our own means that the old one ended: another relay may have
			// published meanwhile, so what this term remembers is worth nothing.
			lose(errDeposed)
		case leading.Err() == nil:
			r.storeAway("lease", err)
		}
		armed.Stop()
		next = r.config.Lease / 15
	}
}

// ask acquires or renews with a deadline well before the lease's own end.
func (r *Relay) ask(ctx context.Context, lease time.Duration) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.Lease/3)
	defer cancel()
	return r.config.Outbox.Acquire(ctx, r.config.Holder, lease)
}

// release gives the lease back, so that the next relay need not wait for its end.
func (r *Relay) release(leading context.Context) {
	if _, err := r.ask(leading, releaseLease); err != nil && !errors.Is(err, bank.ErrLeaseLost) {
		r.storeAway("release", err)
	}
}

// storeAway counts a failed call to the store. The first of a series is a warning.
func (r *Relay) storeAway(call string, err error) {
	level := slog.LevelDebug
	if r.stats.storeAway.CompareAndSwap(false, true) {
		level = slog.LevelWarn
	}
	r.stats.storeErrors.Add(1)
	r.logger.Log(context.Background(), level, "outbox store away, waiting", slog.String("call", call), slog.Any("error", err))
}

// storeBack notes a call that succeeded.
func (r *Relay) storeBack() {
	if r.stats.storeAway.Load() && r.stats.storeAway.CompareAndSwap(true, false) {
		r.logger.Info("outbox store back")
	}
}
