// Package outbox is the relay: it takes committed events out of the store and
// puts them on the broker, at least once, and for each account first occurrences
// in order and without gaps.
//
// One relay leads at a time, by a lease with an epoch; the others wait. A leader
// runs a pipeline of three: fetch the lowest visible rows that are not in flight,
// publish them in id order, delete what the broker acknowledged. The stages overlap
// and each works in batches, so neither a round trip to the store nor one to the
// broker is waited for in between.
//
// What may happen twice and what may not: a row is deleted only after its
// acknowledgement and only while the epoch still leads, so no event is lost. A
// leader that dies between the two, or wakes up deposed, sends rows again that were
// sent before; that is legal, for consumers order by sequence. Nothing here is on
// the path of a request: with the broker away a bounded number of rows is in flight
// and the rest waits in the store.
package outbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"codebank.dev/bank"
)

// Config is what a Relay is made of. Outbox, Publisher and Holder are required; a
// zero in any other field means its default.
type Config struct {
	Outbox bank.Outbox
	// Publisher must fail everything after a failure until Flush returned: an event
	// that overtakes a failed one of its account would be a gap on the topic.
	Publisher bank.Publisher
	// Holder names this relay in the lease. It must be unique among all that run or
	// ran a moment ago: a process started anew is a new holder.
	Holder string
	// Marker and Watermarks tell up to when the topic is complete, every Watermark (default
	// 5 s) while leading; without either of them nothing is told.
	Marker     bank.Marker
	Watermarks bank.WatermarkPublisher
	Watermark  time.Duration
	// Lease is for how long leading is granted at a time, and so how long a dead
	// leader is waited for; default 5 s. It is renewed every third of it.
	Lease time.Duration
	// BatchRows is the most rows of one fetch and of one delete; default 4096.
	BatchRows int
	// MaxRows bounds the rows in flight, that is fetched and not yet deleted; default
	// four batches. MaxBytes bounds their bodies, give or take a batch; default 64 MiB.
	MaxRows  int
	MaxBytes int64
	// MaxHeld bounds how many rows may be held back because a predecessor is missing,
	// give or take three batches; default 100,000. At the bound nothing more is fetched.
	MaxHeld int
	// Accounts is for how many accounts the last sent sequence is remembered at least;
	// default 250,000. At most twice as many are.
	Accounts int
	// FetchPause and DeletePause are the least time between two fetches, or deletes,
	// that were not full; default 20 ms and 100 ms. They make batches out of trickles.
	FetchPause, DeletePause time.Duration
	// Poll is the longest time between two looks into an empty store; default 100 ms.
	// After Notify the store is looked into at once.
	Poll time.Duration
	// Backlog is the time between two measurements of what waits; default 5 s.
	Backlog time.Duration
	// Flush bounds how long an ending relay waits for acknowledgements; default 5 s.
	Flush time.Duration
	// Logger is told of terms, faults and gaps; default none.
	Logger *slog.Logger
}

// Relay publishes the outbox of one bank. Make one with New.
type Relay struct {
	config Config
	logger *slog.Logger
	wake   chan struct{}
	stats  counters
}

// New returns a Relay that does nothing until Run.
func New(config Config) *Relay {
	if config.Outbox == nil || config.Publisher == nil || config.Holder == "" {
		panic("outbox: Outbox, Publisher and Holder are required")
	}
	setDefault(&config.Lease, 5*time.Second)
	setDefault(&config.BatchRows, 4096)
	setDefault(&config.MaxRows, 4*config.BatchRows)
	setDefault(&config.MaxBytes, 64<<20)
	setDefault(&config.MaxHeld, 100_000)
	setDefault(&config.Accounts, 250_000)
	setDefault(&config.FetchPause, 20*time.Millisecond)
	setDefault(&config.DeletePause, 100*time.Millisecond)
	setDefault(&config.Poll, 100*time.Millisecond)
	setDefault(&config.Backlog, 5*time.Second)
	setDefault(&config.Flush, 5*time.Second)
	setDefault(&config.Watermark, 5*time.Second)
	config.BatchRows = min(config.BatchRows, config.MaxRows)
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Relay{
		config: config,
		logger: config.Logger.With(slog.String("relay", config.Holder)),
		wake:   make(chan struct{}, 1),
	}
}

func setDefault[T int | int64 | time.Duration](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}

// Notify says that rows were committed. It never blocks, may be called from any
// goroutine and is a hint: rows of other replicas are found by polling.
func (r *Relay) Notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run publishes whenever this relay leads, until ctx ends; it returns nil then.
// Store and broker may be away for any time, it waits for them. When ctx ends it
// stops fetching, waits up to Config.Flush for what is in flight, deletes what was
// acknowledged and gives the lease back. A Relay runs once.
func (r *Relay) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		epoch, expiry, ok := r.acquire(ctx)
		if !ok {
			break
		}
		r.lead(ctx, epoch, expiry)
	}
	return nil
}

// lead runs one term: until ctx ends or the lease is lost.
func (r *Relay) lead(ctx context.Context, epoch int64, expiry *expiry) {
	t := newTerm(r, epoch)
	r.logger.Info("relay leads", slog.Int64("epoch", epoch))
	r.stats.lead(epoch)
	defer r.stats.follow()

	// The term outlives ctx by the time it takes to end well; the lease does not.
	leading, lose := context.WithCancelCause(context.WithoutCancel(ctx))
	defer lose(nil)
	expiry.onEnd(func() { lose(errLeaseExpired) })
	defer expiry.stop()
	pumping, stopPumping := context.WithCancel(leading)
	defer stopPumping()
	unhook := context.AfterFunc(ctx, stopPumping)
	defer unhook()

	var pump, background sync.WaitGroup
	pump.Go(func() { t.fetch(pumping) })
	pump.Go(func() { t.publish(pumping) })
	background.Go(func() { r.keep(leading, epoch, expiry, lose) })
	background.Go(func() { t.delete(leading, lose) })
	background.Go(func() { r.measure(leading) })
	background.Go(func() { t.watermark(pumping) })

	pump.Wait()
	t.settle(leading)
	if leading.Err() == nil {
		r.release(leading)
		r.logger.Info("relay ends", slog.Int64("epoch", epoch))
	} else {
		r.logger.Warn("relay steps down", slog.Int64("epoch", epoch), slog.Any("cause", context.Cause(leading)))
	}
	lose(nil)
	background.Wait()
}

// measure keeps the figures of what waits up to date while leading.
func (r *Relay) measure(leading context.Context) {
	for {
		rows, oldest, err := r.config.Outbox.Backlog(leading)
		if err == nil {
			r.stats.setBacklog(rows, oldest)
		} else if leading.Err() == nil {
			r.storeAway("backlog", err)
		}
		if !pause(leading, jitter(r.config.Backlog)) {
			return
		}
	}
}
