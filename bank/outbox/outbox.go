// Package outbox is the relay: it reads committed events from the store and publishes them on the
// broker. It publishes every event at least once. For each account, the first occurrences of its
// events are in order and without gaps.
//
// One relay leads at a time, by a lease with an epoch; the others wait. A leader runs a pipeline of
// three stages: fetch the lowest visible rows that are not in flight, publish them in id order,
// delete the rows that the broker acknowledged. The stages overlap and each works in batches, so no
// stage waits for a round trip of another.
//
// A row is deleted only after its acknowledgement and only while the epoch still leads, so no event
// is lost. A leader that dies between the two steps, or wakes up after another has taken over,
// leads to rows that are sent twice. That is allowed, because consumers order by sequence. No
// request waits for the relay: when the broker is away, a bounded number of rows is in flight and
// the rest waits in the store.
//
// The files, in reading order:
//
//	outbox.go     Config, Relay, and one term from beginning to end
//	lease.go      take, renew and release the lease
//	term.go       the pipeline of a leader: fetch, publish, delete
//	flight.go     the rows between fetch and delete
//	sequences.go  the last sent sequence of each account
//	watermark.go  up to which time the topic is complete
//	pace.go       waits and backoff
//	stats.go      the counters
package outbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"codebank.dev/bank"
)

// Config is the configuration of a Relay. Outbox, Publisher and Holder are required; a zero in any
// other field means its default.
type Config struct {
	Outbox bank.Outbox
	// Publisher must fail every event after a failure until Flush has returned. Otherwise an event
	// could overtake a failed one of its account and leave a gap on the topic.
	Publisher bank.Publisher
	// Holder names this relay in the lease. It must be unique among all relays that run or ran a
	// moment ago: a restarted process is a new holder.
	Holder string
	// Marker and Watermarks publish up to which time the topic is complete, every Watermark
	// (default 5 s) while this relay leads. Without either of them no watermark is published.
	Marker     bank.Marker
	Watermarks bank.WatermarkPublisher
	Watermark  time.Duration
	// Lease is how long one grant of the lease lasts, and so how long a dead leader blocks the
	// others; default 5 s. It is renewed every third of that time.
	Lease time.Duration
	// BatchRows is the largest number of rows of one fetch and of one delete; default 4096.
	BatchRows int
	// MaxRows limits the rows in flight, which are the rows that are fetched and not yet deleted;
	// default four batches. MaxBytes limits the bytes of their bodies, give or take a batch;
	// default 64 MiB.
	MaxRows  int
	MaxBytes int64
	// MaxHeld limits the rows that are held back because a predecessor is missing, give or take
	// three batches; default 100,000. At this limit the relay fetches no more.
	MaxHeld int
	// Accounts is the least number of accounts whose last sent sequence is kept; default 250,000.
	// At most twice as many are kept.
	Accounts int
	// FetchPause and DeletePause are the shortest times between two fetches, or two deletes, that
	// were not full; default 20 ms and 100 ms. With them rows gather into batches.
	FetchPause, DeletePause time.Duration
	// Poll is the longest time between two fetches from an empty store; default 100 ms. After
	// Notify the next fetch follows at once.
	Poll time.Duration
	// Backlog is the time between two measurements of the waiting rows; default 5 s.
	Backlog time.Duration
	// Flush limits how long an ending relay waits for acknowledgements; default 5 s.
	Flush time.Duration
	// Logger receives terms, faults and gaps; default none.
	Logger *slog.Logger
}

// Relay publishes the outbox of one bank. Make one with New.
type Relay struct {
	config Config
	logger *slog.Logger
	wake   chan struct{}
	stats  counters
}

// New returns a Relay that does nothing until Run. It panics when a required field is missing.
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

// Notify says that rows were committed. It never blocks and may be called from any goroutine. It is
// only a hint: rows of other replicas are found by polling.
func (r *Relay) Notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run publishes whenever this relay leads, until ctx ends; then it returns nil. Store and broker
// may be away for any time: Run waits for them. When ctx ends, Run stops fetching, waits up to
// Config.Flush for the rows in flight, deletes the acknowledged ones and releases the lease. A
// Relay runs once.
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

// lead runs one term, until ctx ends or the lease is lost.
func (r *Relay) lead(ctx context.Context, epoch int64, expiry *leaseTimer) {
	t := newTerm(r, epoch)
	r.logger.Info("relay leads", slog.Int64("epoch", epoch))
	r.stats.lead(epoch)
	defer r.stats.follow()

	// The term outlives ctx until it is drained; the lease does not.
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
	background.Go(func() { r.keepLease(leading, epoch, expiry, lose) })
	background.Go(func() { t.delete(leading, lose) })
	background.Go(func() { r.measureBacklog(leading) })
	background.Go(func() { t.watermark(pumping) })

	pump.Wait()
	t.drain(leading)
	if leading.Err() == nil {
		r.release(leading)
		r.logger.Info("relay ends", slog.Int64("epoch", epoch))
	} else {
		r.logger.Warn("relay steps down", slog.Int64("epoch", epoch), slog.Any("cause", context.Cause(leading)))
	}
	lose(nil)
	background.Wait()
}

// measureBacklog keeps the figures of the waiting rows up to date while this relay leads.
func (r *Relay) measureBacklog(leading context.Context) {
	for {
		rows, oldest, err := r.config.Outbox.Backlog(leading)
		if err == nil {
			r.stats.setBacklog(rows, oldest)
		} else if leading.Err() == nil {
			r.stats.backlog.Store(nil)
			r.storeAway("backlog", err)
		}
		if !sleep(leading, jitter(r.config.Backlog)) {
			return
		}
	}
}
