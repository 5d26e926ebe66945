package main

import (
	"time"

	"codebank.dev/bank/ledger"
	"codebank.dev/bank/outbox"
	"codebank.dev/bank/postgres"
	"github.com/prometheus/client_golang/prometheus"
)

// collector shows the counters of executor, ledger and relay to Prometheus.
type collector struct {
	executor *ledger.Executor
	store    *postgres.Store
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
	waiting         = describe("ledger_waiting", "Commands that wait on the lanes now.")
	optimisticTotal = describe("ledger_optimistic_batches_total", "Batches that were decided without locks, on cached accounts or on rows read before, and committed or answered.")
	lockedTotal     = describe("ledger_locked_batches_total", "Batches that were decided under locks, in two round trips.")
	conflictsTotal  = describe("ledger_conflicts_total", "Optimistic batches whose write did not hold, so that they were decided again under locks.")
	relayLeading    = describe("relay_leading", "1 while this process publishes, else 0.")
	relayEpoch      = describe("relay_epoch", "Epoch of this process's last term as the publisher.")
	relayBacklog    = describe("relay_backlog_rows", "Committed events that wait for their publication.")
	relayAge        = describe("relay_backlog_age_seconds", "Age of the oldest event that waits for its publication; 0 when none waits.")
	relayInFlight   = describe("relay_in_flight", "Events that were fetched from the outbox and are not deleted yet.")
	relayHeld       = describe("relay_held", "Events that are held back because their predecessor is missing. Any value but 0 is a fault.")
	relayPublished  = describe("relay_published_total", "Events that the broker acknowledged.")
	relayRepeats    = describe("relay_repeats_total", "Events that were sent although their sequence had been sent before.")
	watermarkAge    = describe("relay_watermark_age_seconds", "Age of the last watermark; absent before the first one of a term.")
	watermarks      = describe("relay_watermarks_total", "Watermarks that were published. One counts for all partitions.")
	watermarkFails  = describe("relay_watermark_errors_total", "Watermarks that could not be published.")
	relayErrors     = describe("relay_errors_total", "Calls of the relay to database or broker that failed and were tried again.")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(c, out)
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	count := func(desc *prometheus.Desc, n int64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n)) // tidy:float the metrics library counts in floats
	}
	gauge := func(desc *prometheus.Desc, n int64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n)) // tidy:float the metrics library counts in floats
	}
	ledger := c.executor.Stats()
	count(commandsTotal, ledger.Commands)
	count(batchesTotal, ledger.Batches)
	count(joinedTotal, ledger.Joined)
	count(retriedTotal, ledger.Retried)
	count(splitTotal, ledger.Split)
	count(refusedTotal, ledger.Refused)
	gauge(waiting, ledger.Waiting)
	batches := c.store.Stats()
	count(optimisticTotal, batches.Optimistic)
	count(lockedTotal, batches.Locked)
	count(conflictsTotal, batches.Conflicts)
	if c.relay == nil {
		return
	}
	relay := c.relay.Stats()
	leading := int64(0)
	if relay.Leading {
		leading = 1
	}
	age := int64(0)
	if !relay.Oldest.IsZero() {
		age = int64(time.Since(relay.Oldest) / time.Second)
	}
	gauge(relayLeading, leading)
	gauge(relayEpoch, relay.Epoch)
	gauge(relayBacklog, relay.BacklogRows)
	gauge(relayAge, age)
	gauge(relayInFlight, relay.InFlight)
	gauge(relayHeld, relay.Held)
	count(relayPublished, relay.Published)
	count(relayRepeats, relay.Repeats)
	if !relay.CompleteTo.IsZero() {
		gauge(watermarkAge, int64(time.Since(relay.CompleteTo)/time.Second))
	}
	count(watermarks, relay.Watermarks)
	count(watermarkFails, relay.WatermarkErrors)
	count(relayErrors, relay.StoreErrors+relay.PublishErrors)
}
