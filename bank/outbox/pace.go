package outbox

import (
	"context"
	"math/rand/v2"
	"time"
)

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, wait time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter returns wait give or take a quarter, so that replicas do not act at the same moments.
func jitter(wait time.Duration) time.Duration {
	return wait*3/4 + rand.N(wait/2+1)
}

// backoff returns waits that double, from a thirty-second of the longest up to the longest.
type backoff struct{ longest, current time.Duration }

func newBackoff(longest time.Duration) *backoff { return &backoff{longest: longest} }

func (b *backoff) next() time.Duration {
	b.current = min(max(2*b.current, b.longest/32), b.longest)
	return jitter(b.current)
}

func (b *backoff) reset() { b.current = 0 }
