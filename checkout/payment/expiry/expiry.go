// Package expiry asks what became of authorizations whose time is over. It decides nothing: the acquirer ends an
// authorization, and its answer, which comes by the topic of answers, expires the charge.
package expiry

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/outbox"
)

// interval is how often a Worker looks for authorizations whose time is over.
const interval = time.Second

// pageSize is how many it asks after in one commit.
const pageSize = 256

// Config is what a Worker works with. All fields but Wake, Logger and Tick are required.
type Config struct {
	Store payment.Expiries
	// Record makes the question after a charge, as accept.Service does.
	Record func(payment.Charge) (outbox.Row, error)
	// Wake is called when questions were committed.
	Wake func()
	// Now is the clock.
	Now    func() time.Time
	Logger *slog.Logger
	// Tick starts a round each time it can be received from; nil means once a second.
	Tick <-chan time.Time
}

// Worker asks after authorizations. Every replica of the payment gateway runs one, and a charge is asked after by one
// of them at a time. Make one with New. It is safe for concurrent use.
type Worker struct {
	config        Config
	asked, failed atomic.Int64
	failing       atomic.Bool
}

// Stats counts what a Worker has done since it was made.
type Stats struct {
	// Asked are questions, repeats included; Failed rounds that the database did not answer.
	Asked, Failed int64
}

// New returns a Worker that does nothing until Run.
func New(config Config) *Worker {
	if config.Wake == nil {
		config.Wake = func() {}
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Worker{config: config}
}

// Stats returns the counters.
func (w *Worker) Stats() Stats { return Stats{Asked: w.asked.Load(), Failed: w.failed.Load()} }

// Run asks once a second until ctx ends.
func (w *Worker) Run(ctx context.Context) {
	tick := w.config.Tick
	if tick == nil {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			w.Round(ctx)
		}
	}
}

// Round asks after all authorizations whose time is over now, page by page. What a database that is away keeps it from
// is left for the next round.
func (w *Worker) Round(ctx context.Context) {
	for ctx.Err() == nil {
		asked, err := w.config.Store.AskExpiries(ctx, w.config.Now(), pageSize, w.config.Record)
		if err != nil {
			w.fail(ctx, err)
			return
		}
		w.failing.Store(false)
		if asked == 0 {
			return
		}
		w.asked.Add(int64(asked))
		w.config.Wake()
		if asked < pageSize {
			return
		}
	}
}

// fail counts a failed round, and logs the first of a row of them, because a database may be away for long.
func (w *Worker) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	w.failed.Add(1)
	if !w.failing.Swap(true) {
		w.config.Logger.Warn("authorizations whose time is over could not be read, so their charges do not expire; trying again each second", "error", err)
	}
}
