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

// operation does one unit of work for a caller, numbered from 0.
type operation func(ctx context.Context, caller int) error

// term is one side of a figure: work that is kept in flight as long as it is measured.
type term struct {
	name string
	// unit is that of its rate, short, and different among the terms of a figure.
	unit string
	// workers is how many of work run side by side.
	workers int
	// work goes on until the tally says stop, and counts what it has done.
	work func(ctx context.Context, worker int, count *tally) error
	// bank is the process id of the bank that serves it, for the account of processor time; 0 is none.
	bank int
	// before is done ahead of every window, and not measured. Optional.
	before func(context.Context) error
}

// closed is a term of callers each of which does one operation after the other.
func closed(name string, callers int, do operation) term {
	return term{name: name, unit: "yardstick/s", workers: callers, work: func(ctx context.Context, caller int, count *tally) error {
		for !count.stopped() {
			if err := do(ctx, caller); err != nil {
				return err
			}
			count.done(1)
		}
		return nil
	}}
}

// tally counts what the workers of a term have done.
type tally struct {
	n    atomic.Int64
	stop atomic.Bool
}

func (t *tally) done(n int)    { t.n.Add(int64(n)) }
func (t *tally) stopped() bool { return t.stop.Load() }

// run keeps the term's workers busy while the function is running, and waits for them.
// The first error of a worker ends the context that the function has, and is returned.
func (t term) run(ctx context.Context, while func(context.Context, *tally)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	count := new(tally)
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

// measured is what one window of a term has shown.
type measured struct {
	rate float64
	n    int64
	used processors
}

// window measures the term once: a lead to warm up, then the window itself.
func (t term) window(ctx context.Context, lead, window time.Duration, meter *meter) (measured, error) {
	if t.before != nil {
		if err := t.before(ctx); err != nil {
			return measured{}, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	var m measured
	err := t.run(ctx, func(ctx context.Context, count *tally) {
		wait(ctx, lead)
		began, first, before := time.Now(), count.n.Load(), meter.read(t.bank)
		wait(ctx, window)
		last, elapsed := count.n.Load(), time.Since(began)
		m.n, m.used = last-first, meter.read(t.bank).less(before)
		m.rate = float64(m.n) / elapsed.Seconds()
	})
	return m, err
}

// alternate measures terms in turn and returns their rates round by round. Every
// second round goes backwards, so that none always comes after the same other.
func (w *world) alternate(ctx context.Context, terms ...term) ([]Series, error) {
	series := make([]Series, len(terms))
	order := make([]int, len(terms))
	for i, t := range terms {
		series[i] = Series{Name: t.name, Unit: t.unit}
		order[i] = i
		if _, err := t.window(ctx, 0, w.options.Window/4, w.meter); err != nil {
			return nil, err // this first window warms up and is not counted
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
			w.account(terms[i], m)
		}
		slices.Reverse(order)
	}
	return series, nil
}

// wait returns after a while, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// await asks until the answer is yes, and gives up when it has not come in the time.
func await(ctx context.Context, bound time.Duration, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bound, errors.New("it did not come about within "+bound.String()))
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
