package bench

import (
	"context"
	"errors"
	"strconv"
)

// historyDays is the length of the synthetic histories.
const historyDays = 365

// history measures the same as index on a year of events: the connector chooses an index by the
// time of each event, and every request goes to many indices.
func (w *workbench) history(ctx context.Context) ([]Figure, error) {
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
	return w.measureIndexing(ctx, broker, year)
}

// seedHistory seeds a year of purchases through the bank whose events are published. It waits
// until exactly these events are on the topic behind the start of the backlog. more are further
// flags for bankctl.
func (w *workbench) seedHistory(ctx context.Context, broker *broker, purchases int, more ...string) (year backlog, err error) {
	bank, err := w.startPublishing(ctx, map[string]string{"relay": "true", "history": "true"})
	if err != nil {
		return backlog{}, err
	}
	defer func() { err = errors.Join(err, bank.stop(ctx)) }()
	if err := w.awaitPublished(ctx, publishedDatabase); err != nil {
		return backlog{}, err
	}
	from, before, err := broker.endOffsets(ctx)
	if err != nil {
		return backlog{}, err
	}
	err = w.stack.Bankctl(ctx, w.location.Progress, append([]string{
		"seed", "history", "--bank-address", bank.address, "--days", strconv.Itoa(historyDays), "--purchases", strconv.Itoa(purchases),
	}, more...)...)
	if err == nil {
		err = w.awaitPublished(ctx, publishedDatabase)
	}
	if err != nil {
		return backlog{}, err
	}
	_, after, err := broker.endOffsets(ctx)
	return backlog{figure: "HistorySink", from: from, total: after - before}, err
}
