package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// publishedDatabase is the only ledger whose events are published. Two ledgers with the same
// cards would give different events the same ids.
const publishedDatabase = "bench_published"

// startPublisher starts the bank on the published ledger, with or without its relay.
func (w *workbench) startPublisher(ctx context.Context, relay bool) (*bank, error) {
	return w.startPublishing(ctx, map[string]string{"relay": fmt.Sprint(relay)})
}

// startPublishing starts the bank on the published ledger with settings.
func (w *workbench) startPublishing(ctx context.Context, settings map[string]string) (*bank, error) {
	if !w.published {
		if err := w.copyLedger(ctx, cardsDatabase, publishedDatabase); err != nil {
			return nil, err
		}
		w.published = true
	}
	return w.startBank(ctx, publishedDatabase, settings)
}

// buy makes at least n purchases over the stream.
func (b *bank) buy(ctx context.Context, n int) error {
	return b.bulkTerm().runWhile(ctx, func(ctx context.Context, count *counter) {
		for int(count.n.Load()) < n && ctx.Err() == nil {
			wait(ctx, time.Millisecond)
		}
	})
}

// prepareBacklog makes sure that the topic holds the backlog and the outbox is empty, while
// both sinks are stopped. It returns the number of events on the topic.
func (w *workbench) prepareBacklog(ctx context.Context, broker *broker) (sum int64, err error) {
	if err := w.stopSinks(ctx, statementSink, indexSink); err != nil {
		return 0, err
	}
	_, sum, err = broker.endOffsets(ctx)
	if err != nil || sum >= int64(w.options.Backlog) {
		return sum, err
	}
	w.printf("preparing %d events on the topic", w.options.Backlog)
	bank, err := w.startPublisher(ctx, true)
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
	_, sum, err = broker.endOffsets(ctx)
	return sum, err
}

// rewindSink makes a stopped connector read the topic from its beginning.
func (w *workbench) rewindSink(ctx context.Context, broker *broker, sink string) error {
	ends, _, err := broker.endOffsets(ctx)
	if err != nil {
		return err
	}
	for partition := range ends {
		ends[partition] = 0
	}
	return w.setOffsets(ctx, sink, ends)
}

// continueAtEnd makes the sinks continue at the topic's end. They skip what they have not read.
func (w *workbench) continueAtEnd(ctx context.Context, broker *broker) error {
	if err := w.stopSinks(ctx, statementSink, indexSink); err != nil {
		return err
	}
	ends, _, err := broker.endOffsets(ctx)
	if err != nil {
		return err
	}
	return errors.Join(w.setOffsets(ctx, statementSink, ends), w.setOffsets(ctx, indexSink, ends),
		w.resumeSinks(ctx, statementSink, indexSink))
}

// sinkProgress describes the work of a sink on a backlog: when its first rows were seen, when
// it was done, and how much there was at both times.
type sinkProgress struct {
	first, last   time.Time
	atFirst, done int64
}

// rate does not count the rows that were there at first, because the time for them is unknown.
func (p sinkProgress) rate() float64 {
	return float64(p.done-p.atFirst) / p.last.Sub(p.first).Seconds()
}

// awaitProgress waits until a sink, or the relay if sink is "", has done everything. count
// returns how much it has done; end reports whether that is all.
func (w *workbench) awaitProgress(ctx context.Context, sink string, count func() (int64, error), end func() (bool, error)) (p sinkProgress, err error) {
	polls := 0
	err = await(ctx, pipelineTimeout, func() (bool, error) {
		if polls++; polls%1000 == 0 && sink != "" {
			if err := w.failedTask(ctx, sink); err != nil {
				return false, err
			}
		}
		if p.first.IsZero() {
			already, err := count()
			if err == nil && already > 0 {
				p.first, p.atFirst = time.Now(), already
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
		return p, fmt.Errorf("waiting for %q: %w", sink, err)
	}
	p.done, err = count()
	return p, err
}
