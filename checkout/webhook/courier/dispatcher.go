package courier

import (
	"context"
	"log/slog"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/webhook/postgres"
)

const (
	// ownersAtOnce is for how many merchants a look is good, eventsAtOnce how many events of one are dispatched in a
	// commit.
	ownersAtOnce, eventsAtOnce = 500, 200
	// shortestRest is the time between two looks, however often it is woken. longestRest is how long the dispatcher rests if nobody wakes it; errorRest is its rest when nothing succeeds.
	shortestRest, longestRest = 20 * time.Millisecond, 250 * time.Millisecond
	errorRest                 = time.Second
	// warnEvery is the shortest time between two warnings.
	warnEvery = time.Second
)

// Dispatcher makes deliveries of events. Any number of processes may run one.
type Dispatcher struct {
	store  *postgres.Store
	feed   payment.Feed
	now    func() time.Time
	logger *slog.Logger
	wake   chan struct{}
}

// DispatcherConfig is what a Dispatcher works with. All fields are required.
type DispatcherConfig struct {
	Store *postgres.Store
	// Feed has the events.
	Feed payment.Feed
	// Now is the clock.
	Now    func() time.Time
	Logger *slog.Logger
}

// NewDispatcher returns a Dispatcher that does nothing yet.
func NewDispatcher(config DispatcherConfig) *Dispatcher {
	return &Dispatcher{store: config.Store, feed: config.Feed, now: config.Now, logger: config.Logger, wake: make(chan struct{}, 1)}
}

// Wake says that there are new events. Without it they are found a quarter of a second later.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run dispatches until ctx ends. While the database is away it waits.
func (d *Dispatcher) Run(ctx context.Context) {
	var warned time.Time
	for ctx.Err() == nil {
		batches, err := d.round(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && time.Since(warned) > warnEvery {
			warned = time.Now()
			d.logger.WarnContext(ctx, "events are not dispatched to webhook endpoints; it is tried again", "error", err)
		}
		rest := longestRest
		switch {
		case batches > 0: // The events of one merchant that cannot be dispatched do not make the others wait.
			continue
		case err != nil:
			rest = errorRest
		}
		d.sleep(ctx, rest)
	}
}

// sleep rests until ctx ends, the time is over, or there are new events.
func (d *Dispatcher) sleep(ctx context.Context, rest time.Duration) {
	over := time.After(rest)
	select {
	case <-ctx.Done():
		return
	case <-time.After(shortestRest):
	}
	select {
	case <-ctx.Done():
	case <-d.wake:
	case <-over:
	}
}

// round dispatches one batch of events of each merchant who has new ones, and returns how many batches there were. A
// merchant for whom it fails does not keep the others from theirs.
func (d *Dispatcher) round(ctx context.Context) (batches int, err error) {
	cursors, err := d.store.Behind(ctx, ownersAtOnce)
	for _, cursor := range cursors {
		done, failed := d.dispatch(ctx, cursor)
		if failed != nil {
			err = failed
		}
		if done {
			batches++
		}
	}
	return batches, err
}

func (d *Dispatcher) dispatch(ctx context.Context, cursor postgres.Cursor) (done bool, err error) {
	changes, err := d.feed.Changes(ctx, cursor.Owner, cursor.Sequence, eventsAtOnce)
	if err != nil || len(changes) == 0 {
		return false, err
	}
	return d.store.Dispatch(ctx, cursor, changes, d.now())
}
