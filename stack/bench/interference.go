package bench

import (
	"context"
	"errors"
	"fmt"
)

// interference compares purchases of a bank that publishes to running sinks with purchases of a
// bank that publishes nothing. All parts run all the time; only the flow of events differs. A
// window begins when no event is on its way.
func (w *workbench) interference(ctx context.Context) (figures []Figure, err error) {
	broker, err := w.broker()
	if err != nil {
		return nil, err
	}
	defer broker.close()
	publishing, err := w.startFollowedBank(ctx, broker)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, publishing.stop(ctx)) }()
	alone, err := w.newBank(ctx, "alone", nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, alone.remove(ctx)) }()

	if err := errors.Join(publishing.buyWithEveryCard(ctx), alone.buyWithEveryCard(ctx)); err != nil {
		return nil, err
	}
	callers := w.options.Callers
	with := publishing.term("purchases, relay and both sinks follow", callers, publishing.uniform)
	without := alone.term("purchases, nothing published", callers, alone.uniform)
	with.unit, without.unit = "with/s", "without/s"
	quiet := func(ctx context.Context) error { return w.awaitQuiet(ctx, broker) }
	with.before, without.before = quiet, quiet
	series, err := w.alternate(ctx, with, without)
	if err != nil {
		return nil, err
	}
	setting := fmt.Sprintf("%d in flight, %d cards", callers, len(w.cards))
	return []Figure{ratio("Interference", setting, series[0], series[1])}, nil
}

// startFollowedBank starts the bank that publishes and lets both sinks continue at the topic's
// end. First it runs a load that is not measured. Broker, worker and index compile their code
// meanwhile, which takes more processor time in their first minute than the events.
func (w *workbench) startFollowedBank(ctx context.Context, broker *broker) (*bank, error) {
	bank, err := w.startPublisher(ctx, true)
	if err != nil {
		return nil, err
	}
	err = w.awaitPublished(ctx, publishedDatabase)
	if err == nil {
		err = w.continueAtEnd(ctx, broker)
	}
	if err == nil {
		err = bank.uniform(ctx, 0) // the sinks' tasks run when this event has arrived
	}
	if err == nil {
		_, err = bank.term("warming up", w.options.Callers, bank.uniform).window(ctx, 0, w.options.Soak, w.meter)
	}
	if err == nil {
		err = w.awaitQuiet(ctx, broker)
	}
	if err != nil {
		return nil, errors.Join(err, bank.stop(ctx))
	}
	return bank, nil
}

// awaitQuiet waits until every event is on the topic and both sinks have written it.
func (w *workbench) awaitQuiet(ctx context.Context, broker *broker) error {
	if err := w.awaitPublished(ctx, publishedDatabase); err != nil {
		return err
	}
	polls := 0
	err := await(ctx, pipelineTimeout, func() (bool, error) {
		if polls++; polls%1000 == 0 {
			if err := errors.Join(w.failedTask(ctx, statementSink), w.failedTask(ctx, indexSink)); err != nil {
				return false, err
			}
		}
		behind, err := broker.lag(ctx, statementSink, indexSink)
		return behind == 0, err
	})
	if err != nil {
		return fmt.Errorf("waiting for the sinks: %w", err)
	}
	return nil
}
