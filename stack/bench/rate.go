package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	// openWorkers is how many operations at a constant rate may be unanswered at once.
	openWorkers = 512
	// maxLateness is how late the last operation may start. If it starts later, the rate was
	// not kept.
	maxLateness = time.Second
)

// errRateNotKept is the error of a measurement that could not keep the requested rate.
var errRateNotKept = errors.New("the rate was not kept")

// oneByOne does one operation after the other for a while and returns how long each took,
// sorted. An extra tenth of the time before it is a warm-up.
func oneByOne(ctx context.Context, window time.Duration, do operation) ([]time.Duration, error) {
	var took []time.Duration
	for began := time.Now(); time.Since(began) < window+window/10; {
		start := time.Now()
		if err := do(ctx, 0); err != nil {
			return nil, err
		}
		if start.Sub(began) >= window/10 {
			took = append(took, time.Since(start))
		}
	}
	slices.Sort(took)
	return took, nil
}

// atConstantRate starts operations at a constant rate, whether or not earlier ones have been
// answered. It returns how long each took, sorted. The time of an operation counts from its
// planned start, so that it includes the wait for slow earlier ones. There is at least one. If the rate
// was not kept, it returns errRateNotKept together with the times.
func atConstantRate(ctx context.Context, rate float64, window time.Duration, do operation) ([]time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lead := int(rate * window.Seconds() / 10)
	n := lead + max(1, int(rate*window.Seconds()))
	took := make([]time.Duration, n)
	began := time.Now()
	due := func(i int) time.Time { return began.Add(time.Duration(float64(i) / rate * float64(time.Second))) }

	starts := make(chan int, n)
	var working sync.WaitGroup
	for worker := range openWorkers {
		working.Go(func() {
			for i := range starts {
				if ctx.Err() != nil {
					continue
				}
				if err := do(ctx, worker); err != nil {
					cancel(err)
				}
				took[i] = time.Since(due(i))
			}
		})
	}
	// A locked thread sleeps exactly to the microsecond.
	runtime.LockOSThread()
	for i := 0; i < n && ctx.Err() == nil; i++ {
		for left := time.Until(due(i)); left > 0; left = time.Until(due(i)) {
			sleepExactly(left)
		}
		starts <- i
	}
	runtime.UnlockOSThread()
	close(starts)
	working.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	lateness := took[n-1]
	took = took[lead:]
	slices.Sort(took)
	if lateness > maxLateness {
		return took, fmt.Errorf("%w: at %.0f a second the last of %d operations was %s late", errRateNotKept, rate, n, lateness)
	}
	return took, nil
}
