package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// timedOperation is an operation whose latency is measured.
type timedOperation struct {
	name, unit string
	do         operation
}

// latency compares a purchase with the least that it must consist of: a call and a commit.
// First each is measured alone with one in flight. Then each is measured alone at a constant
// rate, half the rate of the row purchases.
func (w *workbench) latency(ctx context.Context) (figures []Figure, err error) {
	r, err := w.startBankAndYardstick(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end(ctx)) }()
	parts := []timedOperation{
		{"a purchase", "bank-ms", r.uniform},
		{"an empty call of the same server", "call-ms", r.emptyCall},
		{"a durable commit of one row", "commit-ms", r.yardstick.commit},
	}
	alone, err := w.latencies(parts, 0.5, func(do operation) ([]time.Duration, error) {
		return oneByOne(ctx, w.options.Window, do)
	})
	if err != nil {
		return nil, err
	}
	figures = append(figures, ratio("LatencyMedian", "median, one in flight, each measured alone", alone[0], alone[1:]...))
	half, err := w.halfRate(ctx, r.bank)
	if err != nil {
		return figures, err
	}
	steady, err := w.latencies(parts, 0.99, func(do operation) ([]time.Duration, error) {
		took, err := atConstantRate(ctx, half, w.options.Window, do)
		if errors.Is(err, errRateNotKept) && w.options.Quick {
			err = nil
		}
		return took, err
	})
	if err != nil {
		return figures, err
	}
	setting := fmt.Sprintf("99 of 100 take at most, each measured alone at %.0f a second, from the planned start", half)
	return append(figures, ratio("Latency99", setting, steady[0], steady[1:]...)), nil
}

// latencies measures one quantile of each part, in turn, round by round, in milliseconds.
func (w *workbench) latencies(parts []timedOperation, q float64, take func(operation) ([]time.Duration, error)) ([]Series, error) {
	series := make([]Series, len(parts))
	for i, part := range parts {
		series[i] = Series{Name: part.name, Unit: part.unit}
	}
	for range w.options.Rounds {
		for i, part := range parts {
			took, err := take(part.do)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", part.name, err)
			}
			series[i].Values = append(series[i].Values, milliseconds(quantile(took, q)))
		}
	}
	return series, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// halfRate returns half the rate of the row purchases. It measures the rate if this run has not
// measured it.
func (w *workbench) halfRate(ctx context.Context, b *bank) (float64, error) {
	if w.rate == 0 {
		m, err := b.term("purchases, for the rate", w.options.Callers, b.uniform).
			window(ctx, w.options.Window/4, 2*w.options.Window, w.meter)
		if err != nil {
			return 0, err
		}
		w.rate = m.rate
	}
	return w.rate / 2, nil
}
