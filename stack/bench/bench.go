// Package bench measures the bank against yardsticks. Every figure is a ratio of
// two rates taken in turn, in one run on one machine, so that a slow or a busy
// machine slows both. The yardsticks are part of it, written plainly, with what a
// good engineer would do, so that nobody can call them weak.
package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how long and how hard to measure.
type Options struct {
	// Callers is how many requests are in flight at any moment.
	Callers int
	// Cards is how many cards the load is spread over.
	Cards int
	// Rounds is how often the two terms are measured in turn.
	Rounds int
	// Window is how long each term is measured in a round, after a tenth of it to warm up.
	Window time.Duration
}

// Bind defines the options as flags, with what the project's figures are taken with as defaults.
func (o *Options) Bind(set *flag.FlagSet) {
	set.IntVar(&o.Callers, "callers", 64, "requests in flight")
	set.IntVar(&o.Cards, "cards", 10_000, "cards that the load is spread over")
	set.IntVar(&o.Rounds, "rounds", 5, "how often the two terms are measured in turn")
	set.DurationVar(&o.Window, "window", 4*time.Second, "how long each term is measured in a round")
}

// Names lists what can be measured.
func Names() []string { return []string{"purchases"} }

// operation does one unit of work for a caller, numbered from 0.
type operation func(ctx context.Context, caller int) error

// term is one side of a ratio.
type term struct {
	name string
	do   operation
}

// Ratio is a figure with both of its terms, one value per round.
type Ratio struct {
	Name        string
	Numerator   Series
	Denominator Series
	Ratios      []float64
	MustReach   float64
	// Setting says under which conditions, in a line.
	Setting string
}

// Series is a term's rate in each round, operations per second.
type Series struct {
	Name  string
	Rates []float64
}

// measure takes the two terms in turn and returns their ratio round by round.
func measure(ctx context.Context, options Options, numerator, denominator term) (Ratio, error) {
	ratio := Ratio{Numerator: Series{Name: numerator.name}, Denominator: Series{Name: denominator.name}}
	for range options.Rounds {
		for _, side := range []struct {
			term   term
			series *Series
		}{{numerator, &ratio.Numerator}, {denominator, &ratio.Denominator}} {
			rate, err := rate(ctx, options, side.term.do)
			if err != nil {
				return Ratio{}, fmt.Errorf("%s: %w", side.term.name, err)
			}
			side.series.Rates = append(side.series.Rates, rate)
		}
		last := len(ratio.Numerator.Rates) - 1
		ratio.Ratios = append(ratio.Ratios, ratio.Numerator.Rates[last]/ratio.Denominator.Rates[last])
	}
	return ratio, nil
}

// rate keeps options.Callers operations in flight for a window and returns how
// many ended per second. The first error ends it.
func rate(ctx context.Context, options Options, do operation) (float64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var counted, stop atomic.Bool
	var done atomic.Int64
	var working sync.WaitGroup
	for caller := range options.Callers {
		working.Go(func() {
			for !stop.Load() {
				if err := do(ctx, caller); err != nil {
					cancel(err)
					return
				}
				if counted.Load() {
					done.Add(1)
				}
			}
		})
	}
	wait(ctx, options.Window/10)
	counted.Store(true)
	began := time.Now()
	wait(ctx, options.Window)
	ended, elapsed := done.Load(), time.Since(began)
	stop.Store(true)
	working.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return 0, err
	}
	return float64(ended) / elapsed.Seconds(), ctx.Err()
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// Median returns the middle value; of an even number the lower of the two.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// Reached reports whether the median ratio is what it must be.
func (r *Ratio) Reached() bool { return Median(r.Ratios) >= r.MustReach }

// Print writes the ratio as a table and as lines that benchstat reads.
func (r *Ratio) Print(out io.Writer) error {
	verdict := fmt.Sprintf("must reach %.2f: reached", r.MustReach)
	switch {
	case r.MustReach == 0:
		verdict = "for comparison"
	case !r.Reached():
		verdict = fmt.Sprintf("must reach %.2f: NOT REACHED", r.MustReach)
	}
	_, err := fmt.Fprintf(out, `
%s: %s
  %-52s %9.0f /s   (%.0f … %.0f)
  %-52s %9.0f /s   (%.0f … %.0f)
  %-52s %9.2f      (%.2f … %.2f)   %s

`, r.Name, r.Setting,
		r.Numerator.Name, Median(r.Numerator.Rates), slices.Min(r.Numerator.Rates), slices.Max(r.Numerator.Rates),
		r.Denominator.Name, Median(r.Denominator.Rates), slices.Min(r.Denominator.Rates), slices.Max(r.Denominator.Rates),
		"ratio, median of the rounds", Median(r.Ratios), slices.Min(r.Ratios), slices.Max(r.Ratios), verdict)
	for i, ratio := range r.Ratios {
		if err == nil {
			_, err = fmt.Fprintf(out, "Benchmark%s 1 %.1f bank/s %.1f yardstick/s %.3f ratio\n",
				r.Name, r.Numerator.Rates[i], r.Denominator.Rates[i], ratio)
		}
	}
	return err
}
