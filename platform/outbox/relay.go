package outbox

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"codebank.dev/platform/id"
)

const (
	// defaultBatch is how many rows are claimed at once.
	defaultBatch = 500
	// defaultLease is how long a claim lasts.
	defaultLease = 30 * time.Second
	// defaultPoll is how often the store is asked when nothing wakes the relay.
	defaultPoll = time.Second
	// shortestWait and longestWait bound the wait after a failure.
	shortestWait = 100 * time.Millisecond
	longestWait  = 5 * time.Second
	// longestRefusal bounds the wait before a refused row is tried again.
	longestRefusal = 10 * time.Minute
	// recordTimeout bounds the call that records what became of a batch, also while the program ends.
	recordTimeout = 5 * time.Second
)

// Config is the configuration of a Relay. Store and Publisher are required; a zero in any other field means its
// default.
type Config struct {
	Store     Store
	Publisher Publisher
	// Batch is the most rows that are claimed at once; default 500.
	Batch int
	// Lease is how long a claim lasts; default 30 s. A batch that is not acknowledged in half of this time is
	// given up and claimed again, so a claim does not end while its rows are being sent.
	Lease time.Duration
	// Poll is how often the store is asked for rows that are due; default 1 s.
	Poll time.Duration
	// Logger receives outages and recoveries; default none.
	Logger *slog.Logger
}

// Relay sends rows. Make one with New, for each process. It is safe for concurrent use.
type Relay struct {
	config Config
	woken  chan struct{}

	sent, failed, refused atomic.Int64
	away                  atomic.Bool
}

// Stats is what a Relay has done since it was made.
type Stats struct {
	// Sent counts records that were acknowledged and recorded, repeats included.
	Sent int64
	// Failed counts rows that could not be sent and were due again, Refused those of them that cannot be sent as
	// they are.
	Failed, Refused int64
	// Away says that the last batch failed: the broker, the registry or the store is away.
	Away bool
}

// New returns a Relay, which works while Run does.
func New(config Config) *Relay {
	if config.Batch <= 0 {
		config.Batch = defaultBatch
	}
	if config.Lease <= 0 {
		config.Lease = defaultLease
	}
	if config.Poll <= 0 {
		config.Poll = defaultPoll
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Relay{config: config, woken: make(chan struct{}, 1)}
}

// Wake says that a row was committed, so that it is sent at once. It never blocks. Rows that nobody announces are
// found by polling.
func (r *Relay) Wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// Stats returns the counters.
func (r *Relay) Stats() Stats {
	return Stats{Sent: r.sent.Load(), Failed: r.failed.Load(), Refused: r.refused.Load(), Away: r.away.Load()}
}

// Run sends rows until ctx ends. While the broker, the registry or the store is away it tries again, after waits
// that grow to 5 s.
func (r *Relay) Run(ctx context.Context) {
	poll := time.NewTicker(r.config.Poll)
	defer poll.Stop()
	wait := shortestWait
	for ctx.Err() == nil {
		more, err := r.round(ctx)
		if ctx.Err() != nil {
			return
		}
		r.report(err)
		switch {
		case err != nil:
			backoff(ctx, wait)
			wait = min(2*wait, longestWait)
			continue
		case more:
		default:
			select {
			case <-r.woken:
			case <-poll.C:
			case <-ctx.Done():
			}
		}
		wait = shortestWait
	}
}

// report logs the beginning and the end of an outage.
func (r *Relay) report(err error) {
	switch was := r.away.Swap(err != nil); {
	case err != nil && !was:
		r.config.Logger.Warn("rows wait in the outbox, because they cannot be sent; trying again", "error", err)
	case err == nil && was:
		r.config.Logger.Info("rows of the outbox are sent again")
	}
}

func backoff(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait*3/4 + rand.N(wait/2))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// round sends one batch. It reports whether more rows may be due. The error is that of the store, or says why
// nothing was sent.
func (r *Relay) round(ctx context.Context) (more bool, err error) {
	rows, err := r.config.Store.Claim(ctx, r.config.Batch, r.config.Lease)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, r.config.Lease/2)
	errs := r.config.Publisher.Publish(limited, rows)
	cancel()
	// What was sent is recorded, even if the program ends.
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := r.record(recording, rows, errs); err != nil {
		return false, err
	}
	return len(rows) == r.config.Batch, outage(errs)
}

// outage returns the error of a batch of which nothing was sent, unless every row was refused.
func outage(errs []error) (first error) {
	for _, err := range errs {
		switch {
		case err == nil:
			return nil
		case first == nil && !errors.Is(err, ErrRefused):
			first = err
		}
	}
	return first
}

// record tells the store what became of the rows of a batch.
func (r *Relay) record(ctx context.Context, rows []Row, errs []error) error {
	var sent []id.ID
	again := map[time.Duration][]id.ID{}
	for i := range rows {
		switch err := errs[i]; {
		case err == nil:
			sent = append(sent, rows[i].ID)
		case errors.Is(err, ErrRefused):
			after := min(time.Second<<min(rows[i].Claims, 30), longestRefusal)
			again[after] = append(again[after], rows[i].ID)
			r.refused.Add(1)
			r.config.Logger.Error("a row of the outbox cannot be sent as it is; it is tried again later",
				"row", rows[i].ID.String(), "topic", rows[i].Topic, "error", err)
		default:
			again[shortestWait] = append(again[shortestWait], rows[i].ID)
		}
	}
	if len(sent) > 0 {
		if err := r.config.Store.Sent(ctx, sent); err != nil {
			return err
		}
		r.sent.Add(int64(len(sent)))
	}
	for after, rows := range again {
		r.failed.Add(int64(len(rows)))
		if err := r.config.Store.Again(ctx, rows, after); err != nil {
			return err
		}
	}
	return nil
}
