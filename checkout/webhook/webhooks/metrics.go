package webhooks

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// backlogTimeout bounds the query that a scrape makes.
const backlogTimeout = 2 * time.Second

// behindAtMost is how many merchants are counted.
const behindAtMost = 500

var _ prometheus.Collector = (*Webhooks)(nil)

func describe(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("codebank_webhooks_"+name, help, nil, nil)
}

var (
	delivered     = describe("delivered_total", "Messages that endpoints have taken from this process.")
	failed        = describe("failed_tries_total", "Tries of this process that failed. They are made again for three days.")
	givenUp       = describe("given_up_total", "Messages whose last try has failed.")
	pending       = describe("pending", "Messages of all processes that are still to be sent, 100000 at most; +Inf while the database cannot say.")
	oldestPending = describe("oldest_pending_seconds", "The age of the oldest of them; 0 without one, +Inf while the database cannot say.")
	behind        = describe("merchants_behind", "Merchants with endpoints who have events that were not dispatched, 500 at most; +Inf while the database cannot say.")
	oldestBehind  = describe("oldest_undispatched_seconds", "The age of the oldest event of these merchants that was not dispatched; 0 without one, +Inf while the database cannot say.")
)

// Describe implements prometheus.Collector.
func (w *Webhooks) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{delivered, failed, givenUp, pending, oldestPending, behind, oldestBehind} {
		out <- desc
	}
}

// Collect implements prometheus.Collector. Every figure is there from the program's start.
func (w *Webhooks) Collect(out chan<- prometheus.Metric) {
	count := func(desc *prometheus.Desc, n int64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n)) // tidy:float the metrics library counts in floats
	}
	stats := w.courier.Stats()
	count(delivered, stats.Delivered)
	count(failed, stats.Failed)
	count(givenUp, stats.GivenUp)
	w.collectBacklog(out)
}

// collectBacklog asks the database. A figure that is not known is an endless one, so that its alarm fires.
func (w *Webhooks) collectBacklog(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
	defer cancel()
	number, oldest, late, latest := math.Inf(1), math.Inf(1), math.Inf(1), math.Inf(1)
	if backlog, err := w.store.Backlog(ctx); err == nil {
		number, oldest = float64(backlog.Pending), w.age(backlog.Oldest) // tidy:float the metrics library counts in floats
	}
	if cursors, err := w.store.Behind(ctx, behindAtMost); err == nil {
		late = float64(len(cursors)) // tidy:float the metrics library counts in floats
	}
	if since, err := w.store.OldestBehind(ctx, behindAtMost); err == nil {
		latest = w.age(since)
	}
	for desc, value := range map[*prometheus.Desc]float64{pending: number, oldestPending: oldest, behind: late, oldestBehind: latest} { // tidy:float the metrics library counts in floats
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
}

// age returns how many seconds ago something was; 0 for the zero time.
func (w *Webhooks) age(since time.Time) float64 { // tidy:float seconds, not money
	if since.IsZero() {
		return 0
	}
	return max(0, w.config.Now().Sub(since).Seconds())
}
