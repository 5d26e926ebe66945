package bench

import (
	"context"
	"errors"
	"strconv"
)

// days is how long the histories are.
const days = 365

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
	year, err := w.seedHistory(ctx, broker, w.options.Backlog)
	if err != nil {
		return nil, err
	}
	return w.indexing(ctx, broker, year)
}

// seedHistory has the bank whose events are published decide a year of so many purchases,
// and waits until its events, and nothing else, are on the topic from where the backlog
// begins. More are further flags of bankctl.
func (w *world) seedHistory(ctx context.Context, broker *broker, purchases int, more ...string) (year backlog, err error) {
	bank, err := w.publishing(ctx, map[string]string{"relay": "true", "history": "true"})
	if err != nil {
		return backlog{}, err
	}
	defer func() { err = errors.Join(err, bank.stop(ctx)) }()
	if err := w.awaitPublished(ctx, publishedDatabase); err != nil {
		return backlog{}, err
	}
	from, before, err := broker.ends(ctx)
	if err != nil {
		return backlog{}, err
	}
	err = w.stack.Bankctl(ctx, w.where.Progress, append([]string{
		"seed", "history", "--bank-address", bank.address, "--days", strconv.Itoa(days), "--purchases", strconv.Itoa(purchases),
	}, more...)...)
	if err == nil {
		err = w.awaitPublished(ctx, publishedDatabase)
	}
	if err != nil {
		return backlog{}, err
	}
	_, after, err := broker.ends(ctx)
	return backlog{figure: "HistorySink", from: from, total: after - before}, err
}
