package bench

import (
	"context"
	"errors"
	"fmt"
)

// interference measures purchases of a bank that publishes to running sinks against
// those of a bank that does not. Everything runs all the time; what differs is whether
// anything flows. Every window begins when nothing is on its way any more.
func (w *world) interference(ctx context.Context) (figures []Figure, err error) {
	broker, err := w.broker()
	if err != nil {
		return nil, err
	}
	defer broker.close()
	publishing, err := w.flowing(ctx, broker)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, publishing.stop(ctx)) }()
	alone, err := w.newBank(ctx, "alone", nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, alone.end(ctx)) }()

	if err := errors.Join(publishing.meet(ctx), alone.meet(ctx)); err != nil {
		return nil, err
	}
	callers := w.options.Callers
	with := publishing.term("purchases, relay and both sinks following", callers, publishing.uniform)
	without := alone.term("purchases, nothing published", callers, alone.uniform)
	with.unit, without.unit = "with/s", "without/s"
	quiet := func(ctx context.Context) error { return w.quiet(ctx, broker) }
	with.before, without.before = quiet, quiet
	series, err := w.alternate(ctx, with, without)
	if err != nil {
		return nil, err
	}
	setting := fmt.Sprintf("%d in flight, %d cards", callers, len(w.cards))
	return []Figure{ratio("Interference", setting, series[0], series[1])}, nil
}

// flowing starts the bank that publishes, and has both sinks follow from now on. Some
// load that is not measured goes first: broker, worker and index compile what they run
// meanwhile, which takes more processor time in their first minute than all the rest.
func (w *world) flowing(ctx context.Context, broker *broker) (*bank, error) {
	bank, err := w.publisher(ctx, true)
	if err != nil {
		return nil, err
	}
	err = w.awaitPublished(ctx, publishedDatabase)
	if err == nil {
		err = w.fromEnd(ctx, broker)
	}
	if err == nil {
		err = bank.uniform(ctx, 0) // the sinks' tasks run when this one has come through
	}
	if err == nil {
		_, err = bank.term("warming up", w.options.Callers, bank.uniform).window(ctx, 0, w.options.Soak, w.meter)
	}
	if err == nil {
		err = w.quiet(ctx, broker)
	}
	if err != nil {
		return nil, errors.Join(err, bank.stop(ctx))
	}
	return bank, nil
}

// quiet waits until everything decided is on the topic and written by both sinks.
func (w *world) quiet(ctx context.Context, broker *broker) error {
	if err := w.awaitPublished(ctx, publishedDatabase); err != nil {
		return err
	}
	looks := 0
	err := await(ctx, patience, func() (bool, error) {
		if looks++; looks%1000 == 0 {
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
