package bench

import (
	"context"
	"errors"
	"strconv"
)

// history is index on events that are a year apart: the connector finds an index by the
// time of each, and every request goes to many.
func (w *world) history(ctx context.Context) ([]Figure, error) {
	broker, err := w.broker()
	if err != nil {
		return nil, err
	}
	defer broker.close()
	if err := w.stopSinks(ctx, statementSink, indexSink); err != nil {
		return nil, err
	}
	from, before, err := broker.ends(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.seedHistory(ctx); err != nil {
		return nil, err
	}
	_, after, err := broker.ends(ctx)
	if err != nil {
		return nil, err
	}
	return w.indexing(ctx, broker, backlog{figure: "HistorySink", from: from, total: after - before})
}

// seedHistory has the bank whose events are published decide a year, and waits until its
// events are on the topic.
func (w *world) seedHistory(ctx context.Context) error {
	bank, err := w.publishing(ctx, map[string]string{"relay": "true", "history": "true"})
	if err != nil {
		return err
	}
	err = w.stack.Bankctl(ctx, w.where.Progress, "seed", "history", "--bank-address", bank.address,
		"--days", "365", "--purchases", strconv.Itoa(w.options.Backlog))
	if err == nil {
		err = w.awaitPublished(ctx, publishedDatabase)
	}
	return errors.Join(err, bank.stop(ctx))
}
