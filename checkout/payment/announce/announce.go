// Package announce publishes what becomes of charges, for whoever counts them and shows them. The events lie where the
// changes of charges are committed, and are read from there. So accepting and deciding a charge cost nothing more, and
// an event is published if and only if its change was committed, whatever happens to the program or to the broker.
//
//	announce.go  Relay: claims events, publishes them, and records how far it came
//	record.go    an event as a record of the topic
//
// An event is published at least once. In the order of an owner's events none is missing in front of one that is on
// the topic for the first time: owners are claimed whole, and only what comes without a failure in front of it counts
// as published. Whoever reads the topic finds repeats by event_id or by sequence.
package announce

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/outbox"
)

const (
	// defaultBatch is how many events of an owner are claimed at once.
	defaultBatch = 500
	// defaultLease is how long a claim lasts.
	defaultLease = 10 * time.Second
	// defaultPoll is the time between two claims while little happens.
	defaultPoll = 250 * time.Millisecond
	// shortestWait and longestWait bound the wait after a failure.
	shortestWait = 100 * time.Millisecond
	longestWait  = 5 * time.Second
	// recordTimeout bounds the call that records how far events were published, also while the program ends.
	recordTimeout = 5 * time.Second
)

// Config is the configuration of a Relay. Store and Publisher are required; a zero in any other field means its
// default.
type Config struct {
	Store payment.Publications
	// Publisher puts records on the topic, those of one key in their order.
	Publisher outbox.Publisher
	// Batch is the most events of an owner that are claimed at once; default 500.
	Batch int
	// Lease is how long a claim lasts; default 10 s. What is not acknowledged in half of this time is given up and
	// claimed again.
	Lease time.Duration
	// Poll is the time between two claims while there is less than a batch; default 250 ms.
	Poll time.Duration
	// Logger receives outages and recoveries; default none.
	Logger *slog.Logger
}

// Relay publishes events. Make one with New, for each process; the replicas share the owners. It is safe for
// concurrent use.
type Relay struct {
	config Config

	published, failed atomic.Int64
	away              atomic.Bool
}

// Stats is what a Relay has done since it was made.
type Stats struct {
	// Published counts events that were acknowledged and recorded, repeats included; Failed those that are claimed
	// again.
	Published, Failed int64
	// Away says that the last claim failed: the broker, the registry or the store is away.
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
	return &Relay{config: config}
}

// Stats returns the counters.
func (r *Relay) Stats() Stats {
	return Stats{Published: r.published.Load(), Failed: r.failed.Load(), Away: r.away.Load()}
}

// Run publishes events until ctx ends. While the broker, the registry or the store is away it tries again, after waits
// that grow to 5 s.
func (r *Relay) Run(ctx context.Context) {
	wait := shortestWait
	for ctx.Err() == nil {
		more, err := r.round(ctx)
		if ctx.Err() != nil {
			return
		}
		r.report(err)
		switch {
		case err != nil && more: // An owner whose events cannot be published does not make the others wait.
			pause(ctx, shortestWait)
		case err != nil:
			pause(ctx, wait*3/4+rand.N(wait/2))
			wait = min(2*wait, longestWait)
			continue
		case !more:
			pause(ctx, r.config.Poll)
		}
		wait = shortestWait
	}
}

// report logs the beginning and the end of an outage.
func (r *Relay) report(err error) {
	switch was := r.away.Swap(err != nil); {
	case err != nil && !was:
		r.config.Logger.Warn("events of charges wait, because they cannot be published; trying again", "error", err)
	case err == nil && was:
		r.config.Logger.Info("events of charges are published again")
	}
}

func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// round publishes what it claims. It reports whether more events may be there that can be published. The error is that of
// the store, or says why some events were not published.
func (r *Relay) round(ctx context.Context) (more bool, err error) {
	claimed, err := r.config.Store.ClaimEvents(ctx, r.config.Batch, r.config.Lease)
	if err != nil || len(claimed) == 0 {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, r.config.Lease/2)
	errs := r.publish(limited, claimed)
	cancel()
	// What was published is recorded, even if the program ends.
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	announced := unbroken(claimed, errs)
	if err := r.config.Store.Announce(recording, announced); err != nil {
		return false, err
	}
	failed := failures(errs)
	r.published.Add(int64(len(claimed) - failed))
	r.failed.Add(int64(failed))
	if failed > 0 {
		return failed < len(claimed), firstOf(errs)
	}
	return len(claimed) >= r.config.Batch, nil
}

// publish returns an error for each event. An event that cannot be a record fails, and so do all behind it: they wait
// for a version of the program that can write it.
func (r *Relay) publish(ctx context.Context, claimed []payment.Change) []error {
	errs := make([]error, len(claimed))
	var rows []outbox.Row
	var places []int
	blocked := map[payment.Owner]error{}
	for i := range claimed {
		owner := claimed[i].Event.Owner
		if errs[i] = blocked[owner]; errs[i] != nil {
			continue
		}
		row, err := rowOf(&claimed[i])
		if err != nil {
			errs[i], blocked[owner] = err, err
			continue
		}
		rows, places = append(rows, row), append(places, i)
	}
	for n, err := range r.config.Publisher.Publish(ctx, rows) {
		errs[places[n]] = err
	}
	return errs
}

// unbroken returns for each owner the last event that has no failure in front of it.
func unbroken(claimed []payment.Change, errs []error) (announced []payment.Announced) {
	failed := false
	for i := range claimed {
		owner, sequence := claimed[i].Event.Owner, claimed[i].Event.Sequence
		if last := len(announced) - 1; last < 0 || announced[last].Owner != owner {
			announced, failed = append(announced, payment.Announced{Owner: owner, Sequence: sequence - 1}), false
		}
		if failed = failed || errs[i] != nil; !failed {
			announced[len(announced)-1].Sequence = sequence
		}
	}
	return announced
}

func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func failures(errs []error) (count int) {
	for _, err := range errs {
		if err != nil {
			count++
		}
	}
	return count
}
