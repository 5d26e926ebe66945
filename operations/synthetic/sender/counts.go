package sender

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// tally counts requests by decision. Declines of requests on wallets are in refused.
type tally struct {
	approved, holds, captures, voids, reversals         int
	deposits, withdrawals, payments, transfers, refused int
	declined                                            map[bankv1.DeclineReason]int
	// events is how many events the decisions have made.
	events int
}

func newTally() tally { return tally{declined: make(map[bankv1.DeclineReason]int)} }

// add adds another tally.
func (t *tally) add(other *tally) {
	from := other.counters()
	for i, counter := range t.counters() {
		*counter += *from[i]
	}
	for reason, count := range other.declined {
		t.declined[reason] += count
	}
}

func (t *tally) counters() []*int {
	return []*int{
		&t.approved, &t.holds, &t.captures, &t.voids, &t.reversals, &t.deposits, &t.withdrawals, &t.payments, &t.transfers, &t.refused, &t.events,
	}
}

// counts is a tally that several goroutines add to.
type counts struct {
	mutex sync.Mutex
	tally tally
}

// add adds the tally of a worker that has ended.
func (c *counts) add(of *tally) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.tally.add(of)
}

// result returns the result of the load, which took this long.
func (w *sending) result(took time.Duration) *Result {
	plan, of := w.load.Plan(), &w.counts.tally
	r := &Result{
		Seed: plan.Seed, Days: plan.Days, Cards: plan.Cards, Wallets: plan.Wallets, Purchases: int(w.sent.Load()),
		Approved: of.approved, Declined: make(map[string]int), Holds: of.holds, Captures: of.captures, Voids: of.voids,
		Reversals: of.reversals, Deposits: of.deposits, Withdrawals: of.withdrawals, Payments: of.payments, Transfers: of.transfers,
		WalletsDeclined: of.refused, Millis: took.Milliseconds(),
	}
	for _, reason := range slices.Sorted(maps.Keys(of.declined)) {
		r.Declined[strings.TrimPrefix(reason.String(), "DECLINE_REASON_")] = of.declined[reason]
	}
	r.Events = r.Cards + r.Wallets + of.events
	r.PerSecond = int64(r.Purchases) * 1000 / max(r.Millis, 1)
	return r
}
