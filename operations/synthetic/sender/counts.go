package sender

import (
	"strings"
	"sync"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// counts are the numbers of requests by decision. The zero value needs the map of
// declines.
type counts struct {
	mutex               sync.Mutex
	approved, reversals int
	declined            map[bankv1.DeclineReason]int
}

// add adds the counts of a share that has ended.
func (c *counts) add(share *share) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.approved += share.approved
	c.reversals += share.reversals
	for reason, count := range share.declined {
		c.declined[reason] += count
	}
}

// result returns the result of the load, which took this long.
func (w *sending) result(took time.Duration) *Result {
	plan := w.load.Plan()
	r := &Result{
		Seed: plan.Seed, Days: plan.Days, Cards: plan.Cards, Purchases: int(w.sent.Load()),
		Approved: w.counts.approved, Declined: make(map[string]int), Reversals: w.counts.reversals, Millis: took.Milliseconds(),
	}
	for reason, count := range w.counts.declined {
		r.Declined[strings.TrimPrefix(reason.String(), "DECLINE_REASON_")] = count
	}
	r.Events = r.Cards + r.Purchases + r.Reversals
	r.PerSecond = int64(r.Purchases) * 1000 / max(r.Millis, 1)
	return r
}
