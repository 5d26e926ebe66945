package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// timed is what latencies are taken of.
type timed struct {
	name, unit string
	do         operation
}

// latency holds a purchase against the least that it must consist of: a call, and a
// commit. First each by itself with one in flight; then each by itself at half the
// rate that the row purchases reaches, started at a constant rate.
func (w *world) latency(ctx context.Context) (figures []Figure, err error) {
	r, err := w.rivals(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end(ctx)) }()
	parts := []timed{
		{"a purchase", "bank-ms", r.uniform},
		{"an empty call of the same server", "call-ms", r.empty},
		{"a durable commit of one row", "commit-ms", r.yardstick.commit},
	}
	alone, err := w.latencies(parts, 0.5, func(do operation) ([]time.Duration, error) {
		return oneByOne(ctx, w.options.Window, do)
	})
	if err != nil {
		return nil, err
	}
	figures = append(figures, ratio("LatencyMedian", "median, one in flight, each by itself", alone[0], alone[1:]...))
	half, err := w.halfRate(ctx, r.bank)
	if err != nil {
		return figures, err
	}
	steady, err := w.latencies(parts, 0.99, func(do operation) ([]time.Duration, error) {
		took, err := steadily(ctx, half, w.options.Window, do)
		if errors.Is(err, errRate) && w.options.Quick {
			err = nil
		}
		return took, err
	})
	if err != nil {
		return figures, err
	}
	setting := fmt.Sprintf("99 of 100 take at most, each by itself at %.0f a second, from the planned start", half)
	return append(figures, ratio("Latency99", setting, steady[0], steady[1:]...)), nil
}

// latencies takes one quantile of each part, in turn, round by round, in milliseconds.
func (w *world) latencies(parts []timed, q float64, take func(operation) ([]time.Duration, error)) ([]Series, error) {
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

// halfRate is half the rate of the row purchases, which is measured now if it was not
// in this run.
func (w *world) halfRate(ctx context.Context, b *bank) (float64, error) {
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
