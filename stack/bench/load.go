package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// operation does one unit of work for a caller. Callers are numbered from 0.
type operation func(ctx context.Context, caller int) error

// term is one side of a figure: work that is kept in flight while it is measured.
type term struct {
	name string
	// unit is the unit of its rate. It is short and unique among the terms of a figure.
	unit string
	// workers is how many instances of work run at the same time.
	workers int
	// work runs until the counter is stopped, and counts what it has done.
	work func(ctx context.Context, worker int, count *counter) error
	// bank is the process id of the bank that serves it, for its processor time; 0 is none.
	bank int
	// checkout is the process id of the checkout in front of it; 0 is none.
	checkout int
	// before runs before every window and is not measured. Optional.
	before func(context.Context) error
}

// closedTerm is a closed-loop term: each caller does one operation after the other.
func closedTerm(name string, callers int, do operation) term {
	return term{name: name, unit: "yardstick/s", workers: callers, work: func(ctx context.Context, caller int, count *counter) error {
		for !count.stopped() {
			if err := do(ctx, caller); err != nil {
				return err
			}
			count.add(1)
		}
		return nil
	}}
}

// counter counts the operations of the workers of a term.
type counter struct {
	n    atomic.Int64
	stop atomic.Bool
}

func (t *counter) add(n int)     { t.n.Add(int64(n)) }
func (t *counter) stopped() bool { return t.stop.Load() }

// runWhile keeps the term's workers busy while the function runs, and then waits for them. The
// first error of a worker ends the context of the function and is returned.
func (t term) runWhile(ctx context.Context, while func(context.Context, *counter)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	count := new(counter)
	var working sync.WaitGroup
	for worker := range t.workers {
		working.Go(func() {
			if err := t.work(ctx, worker, count); err != nil {
				cancel(err)
			}
		})
	}
	while(ctx, count)
	count.stop.Store(true)
	working.Wait()
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	return nil
}

// windowResult is the result of one window of a term.
type windowResult struct {
	rate       float64
	n          int64
	processors processorTime
}

// longestWindow is how many times its length a window becomes longer while nothing was done.
const longestWindow = 50

// window measures the term once: a warm-up of length lead, then the window.
func (t term) window(ctx context.Context, lead, window time.Duration, meter *meter) (windowResult, error) {
	if t.before != nil {
		if err := t.before(ctx); err != nil {
			return windowResult{}, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	var m windowResult
	err := t.runWhile(ctx, func(ctx context.Context, count *counter) {
		wait(ctx, lead)
		began, first, before := time.Now(), count.n.Load(), meter.read(t.bank, t.checkout)
		wait(ctx, window)
		// On a busy machine a short window may end before the first operation does.
		for longer := 0; longer < longestWindow && count.n.Load() == first && ctx.Err() == nil; longer++ {
			wait(ctx, window)
		}
		last, elapsed := count.n.Load(), time.Since(began)
		m.n, m.processors = last-first, meter.read(t.bank, t.checkout).less(before)
		m.rate = float64(m.n) / elapsed.Seconds()
	})
	return m, err
}

// alternate measures terms in turn and returns their rates, round by round. Every second round
// runs in the reverse order, so that no term always follows the same other one.
func (w *workbench) alternate(ctx context.Context, terms ...term) ([]Series, error) {
	series := make([]Series, len(terms))
	order := make([]int, len(terms))
	for i, t := range terms {
		series[i] = Series{Name: t.name, Unit: t.unit}
		order[i] = i
		if _, err := t.window(ctx, 0, w.options.Window/4, w.meter); err != nil {
			return nil, err // the first window is a warm-up and is not counted
		}
	}
	for range w.options.Rounds {
		for _, i := range order {
			m, err := terms[i].window(ctx, w.options.Window/8, w.options.Window, w.meter)
			if err == nil && m.n == 0 {
				err = fmt.Errorf("%s: nothing was done in %s", terms[i].name, w.options.Window)
			}
			if err != nil {
				return nil, err
			}
			series[i].Values = append(series[i].Values, m.rate)
			w.addProcessorTime(terms[i], m)
		}
		slices.Reverse(order)
	}
	return series, nil
}

// wait returns after a time, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// await calls ask until it returns true. It fails after the bound.
func await(ctx context.Context, bound time.Duration, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bound, errors.New("it did not happen within "+bound.String()))
	defer cancel()
	for {
		ok, err := ask()
		if ok || err != nil {
			return err
		}
		if wait(ctx, 5*time.Millisecond); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}
