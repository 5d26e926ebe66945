package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// publishedDatabase is the one ledger whose events are published: two ledgers with
// the same cards would give the same event ids to different events.
const publishedDatabase = "bench_published"

// publisher starts the bank on the ledger that is published, with the relay or without.
func (w *world) publisher(ctx context.Context, relay bool) (*bank, error) {
	return w.publishing(ctx, map[string]string{"relay": fmt.Sprint(relay)})
}

// publishing starts the bank on that ledger with these settings.
func (w *world) publishing(ctx context.Context, settings map[string]string) (*bank, error) {
	if !w.published {
		if err := w.copyCards(ctx, publishedDatabase); err != nil {
			return nil, err
		}
		w.published = true
	}
	return w.startBank(ctx, publishedDatabase, settings)
}

// buy makes at least that many purchases over the stream.
func (b *bank) buy(ctx context.Context, n int) error {
	return b.bulkTerm().run(ctx, func(ctx context.Context, count *tally) {
		for int(count.n.Load()) < n && ctx.Err() == nil {
			wait(ctx, time.Millisecond)
		}
	})
}

// prepared makes sure that the topic holds a backlog of events and that all of the
// outbox is on it, while both sinks are stopped. It returns how many events there are.
func (w *world) prepared(ctx context.Context, broker *broker) (sum int64, err error) {
	if err := w.stopSinks(ctx, statementSink, indexSink); err != nil {
		return 0, err
	}
	_, sum, err = broker.ends(ctx)
	if err != nil || sum >= int64(w.options.Backlog) {
		return sum, err
	}
	w.say("preparing %d events on the topic", w.options.Backlog)
	bank, err := w.publisher(ctx, true)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, bank.stop(ctx)) }()
	if err := bank.buy(ctx, max(1, w.options.Backlog-len(w.cards))); err != nil {
		return 0, err
	}
	if err := w.awaitPublished(ctx, publishedDatabase); err != nil {
		return 0, err
	}
	_, sum, err = broker.ends(ctx)
	return sum, err
}

// fromStart has a stopped connector read the topic from its beginning.
func (w *world) fromStart(ctx context.Context, broker *broker, sink string) error {
	ends, _, err := broker.ends(ctx)
	if err != nil {
		return err
	}
	for partition := range ends {
		ends[partition] = 0
	}
	return w.place(ctx, sink, ends)
}

// fromEnd has the sinks read on at the topic's end, whatever they have left out.
func (w *world) fromEnd(ctx context.Context, broker *broker) error {
	if err := w.stopSinks(ctx, statementSink, indexSink); err != nil {
		return err
	}
	ends, _, err := broker.ends(ctx)
	if err != nil {
		return err
	}
	return errors.Join(w.place(ctx, statementSink, ends), w.place(ctx, indexSink, ends),
		w.resumeSinks(ctx, statementSink, indexSink))
}

// progress is a sink's work on a backlog, as it is seen from outside: how much was
// there when the first of it was seen, and when the last was.
type progress struct {
	first, last   time.Time
	already, done int64
}

// rate leaves out what was there at the first look, for nobody saw how long it took.
func (p progress) rate() float64 {
	return float64(p.done-p.already) / p.last.Sub(p.first).Seconds()
}

// follow looks until a sink, or the relay, which is "", has done everything; count says
// how much it has, end whether that is all.
func (w *world) follow(ctx context.Context, sink string, count func() (int64, error), end func() (bool, error)) (p progress, err error) {
	looks := 0
	err = await(ctx, patience, func() (bool, error) {
		if looks++; looks%1000 == 0 && sink != "" {
			if err := w.failedTask(ctx, sink); err != nil {
				return false, err
			}
		}
		if p.first.IsZero() {
			already, err := count()
			if err == nil && already > 0 {
				p.first, p.already = time.Now(), already
			}
			return false, err
		}
		all, err := end()
		if all {
			p.last = time.Now()
		}
		return all, err
	})
	if err != nil {
		return p, fmt.Errorf("following %q: %w", sink, err)
	}
	p.done, err = count()
	return p, err
}
