package main

import (
	"math"
	"time"

	"codebank.dev/bank/hold"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/outbox"
	"codebank.dev/bank/postgres"
	"github.com/prometheus/client_golang/prometheus"
)

// collector shows the counters of executor, ledger and relay to Prometheus.
type collector struct {
	executor *ledger.Executor
	store    *postgres.Store
	expirer  *hold.Expirer
	relay    *outbox.Relay // nil when this process does not publish
}

var _ prometheus.Collector = (*collector)(nil)

func describe(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("codebank_"+name, help, nil, nil)
}

var (
	commandsTotal   = describe("ledger_commands_total", "Commands that were decided and committed.")
	batchesTotal    = describe("ledger_batches_total", "Batches of commands that were committed.")
	joinedTotal     = describe("ledger_joined_total", "Commands that were answered by an equal command in flight.")
	retriedTotal    = describe("ledger_retried_total", "Batches that were decided again on fresh reads, because their transaction met a conflict.")
	splitTotal      = describe("ledger_split_total", "Batches that were split, because the database refused their data or they met conflicts too often.")
	refusedTotal    = describe("ledger_refused_total", "Commands that a full queue refused.")
	waiting         = describe("ledger_waiting", "Commands that wait for a batch now.")
	optimisticTotal = describe("ledger_optimistic_batches_total", "Batches that were decided without locks, on cached accounts or on rows read before, and committed or answered.")
	lockedTotal     = describe("ledger_locked_batches_total", "Batches that were decided under locks, in two round trips.")
	conflictsTotal  = describe("ledger_conflicts_total", "Optimistic batches whose write did not hold, so that they were decided again under locks.")
	holdsExpired    = describe("holds_expired_total", "Holds that this process ended because their time was over.")
	holdErrors      = describe("holds_expiry_errors_total", "Holds that could not be ended at their expiry, and reads of due holds that failed. Both are tried again.")
	holdsOverdue    = describe("holds_overdue_seconds", "How long the time of the oldest hold that could not be ended is over; 0 for none, +Inf when it is not known.")
	relayLeading    = describe("relay_leading", "1 while this process publishes, else 0.")
	relayEpoch      = describe("relay_epoch", "Epoch of this process's last term as the publisher.")
	relayBacklog    = describe("relay_backlog_rows", "Committed events that wait for their publication.")
	relayAge        = describe("relay_backlog_age_seconds", "Age of the oldest event that waits for its publication; 0 when none waits or another process publishes, +Inf when it is not known.")
	relayInFlight   = describe("relay_in_flight", "Events that were fetched from the outbox and are not deleted yet.")
	relayHeld       = describe("relay_held", "Events that are held back because their predecessor is missing. Any value but 0 is a fault.")
	relayPublished  = describe("relay_published_total", "Events that the broker acknowledged.")
	relayRepeats    = describe("relay_repeats_total", "Events that were sent although their sequence had been sent before.")
	watermarkAge    = describe("relay_watermark_age_seconds", "Age of the last watermark of this process; +Inf when it has published none since it leads, or does not lead. The least of all processes on a ledger counts.")
	watermarks      = describe("relay_watermarks_total", "Watermarks that were published. One counts for all partitions.")
	watermarkFails  = describe("relay_watermark_errors_total", "Watermarks that could not be published.")
	relayErrors     = describe("relay_errors_total", "Calls of the relay to database or broker that failed and were tried again.")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(c, out)
}

// Collect implements prometheus.Collector. Every figure is there from the program's start. A process
// that does not publish has the relay's figures of one that does not lead, so that an alarm over all
// processes fires when none of them publishes.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ledger := c.executor.Stats()
	count(out, commandsTotal, ledger.Commands)
	count(out, batchesTotal, ledger.Batches)
	count(out, joinedTotal, ledger.Joined)
	count(out, retriedTotal, ledger.Retried)
	count(out, splitTotal, ledger.Split)
	count(out, refusedTotal, ledger.Refused)
	gauge(out, waiting, ledger.Waiting)
	batches := c.store.Stats()
	count(out, optimisticTotal, batches.Optimistic)
	count(out, lockedTotal, batches.Locked)
	count(out, conflictsTotal, batches.Conflicts)
	holds := c.expirer.Stats()
	collectHolds(out, &holds)
	var relay outbox.Stats
	if c.relay != nil {
		relay = c.relay.Stats()
	}
	collectRelay(out, &relay)
}

func collectHolds(out chan<- prometheus.Metric, holds *hold.ExpirerStats) {
	count(out, holdsExpired, holds.Expired)
	count(out, holdErrors, holds.Errors)
	switch {
	case holds.Unknown:
		unknownAge(out, holdsOverdue)
	case holds.Oldest.IsZero():
		gauge(out, holdsOverdue, 0)
	default:
		gauge(out, holdsOverdue, int64(holds.Overdue()/time.Second))
	}
}

func collectRelay(out chan<- prometheus.Metric, relay *outbox.Stats) {
	leading := int64(0)
	if relay.Leading {
		leading = 1
	}
	gauge(out, relayLeading, leading)
	gauge(out, relayEpoch, relay.Epoch)
	gauge(out, relayBacklog, relay.BacklogRows)
	switch {
	case relay.BacklogUnknown:
		unknownAge(out, relayAge)
	case relay.Oldest.IsZero():
		gauge(out, relayAge, 0)
	default:
		gauge(out, relayAge, int64(time.Since(relay.Oldest)/time.Second))
	}
	gauge(out, relayInFlight, relay.InFlight)
	gauge(out, relayHeld, relay.Held)
	count(out, relayPublished, relay.Published)
	count(out, relayRepeats, relay.Repeats)
	if relay.CompleteTo.IsZero() {
		unknownAge(out, watermarkAge)
	} else {
		gauge(out, watermarkAge, int64(time.Since(relay.CompleteTo)/time.Second))
	}
	count(out, watermarks, relay.Watermarks)
	count(out, watermarkFails, relay.WatermarkErrors)
	count(out, relayErrors, relay.StoreErrors+relay.PublishErrors)
}

func count(out chan<- prometheus.Metric, desc *prometheus.Desc, n int64) {
	out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n)) // tidy:float the metrics library counts in floats
}

func gauge(out chan<- prometheus.Metric, desc *prometheus.Desc, n int64) {
	out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n)) // tidy:float the metrics library counts in floats
}

// unknownAge shows an age that is not known as an endless one, so that its alarm fires.
func unknownAge(out chan<- prometheus.Metric, desc *prometheus.Desc) {
	out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, math.Inf(1))
}
