package chaos

import (
	"context"
	"time"

	"codebank.dev/stack/pipes"
)

const (
	// sinkLag is the number of events that a sink may have before it while the load goes on at its full rate. More
	// of them only make the run longer: every fault of the sinks waits until they have caught up.
	sinkLag = 10_000
	// slowdown divides the rate of the load while a sink is behind, and when the front has no more faults.
	slowdown = 8
)

// governor decides the rate of the load, so that a slow machine has less to do and not a longer run.
type governor struct {
	full int
	// frontEnded says that only the pipes still get faults. They need events, and not many of them.
	frontEnded bool
}

// rate returns the operations that may begin in a second while the slower sink has lag events before it.
func (g *governor) rate(lag int64) int {
	if lag > sinkLag || g.frontEnded {
		return max(1, g.full/slowdown)
	}
	return g.full
}

// govern keeps the rate of the load what the sinks can keep up with, until ctx ends.
func (r *run) govern(ctx context.Context) {
	g := governor{full: r.options.Rate}
	for sleep(ctx, time.Second) {
		lag, err := r.sinks.lag(ctx)
		if err != nil {
			if r.brokerAway.Load() {
				r.load.pace.set(max(1, g.full/absencePart))
			}
			continue // The broker is away, and the rate stays what it is.
		}
		g.frontEnded = r.frontEnded.Load()
		rate := g.rate(lag)
		if rate < g.full {
			r.journal.addFigure("seconds with less than the full load", 1)
		}
		r.load.pace.set(rate)
		r.load.recorded.pace.set(max(1, recordedRate(r.options.Minutes)*rate/g.full))
	}
}

// lag returns how many records of the topic of events the slower sink has not committed.
func (s *sinks) lag(ctx context.Context) (most int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ends, err := s.admin.ListEndOffsets(ctx, transactions)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, err
	}
	for _, connector := range sinkNames {
		committed, err := s.admin.FetchOffsets(ctx, pipes.Group(connector))
		if err == nil {
			err = committed.Error()
		}
		if err != nil {
			return 0, err
		}
		most = max(most, pipes.Lag(committed, ends))
	}
	return most, nil
}
