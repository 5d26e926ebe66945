package main

import (
	"time"

	"codebank.dev/bank/ledger"
	"codebank.dev/bank/outbox"
	"codebank.dev/bank/postgres"
	"github.com/prometheus/client_golang/prometheus"
)

// collector shows the executor's and the relay's counters to Prometheus.
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
	commandsTotal  = describe("ledger_commands_total", "Commands decided and committed.")
	batchesTotal   = describe("ledger_batches_total", "Commits that served them.")
	joinedTotal    = describe("ledger_joined_total", "Commands answered by an equal one in flight.")
	retriedTotal   = describe("ledger_retried_total", "Batches decided again after a conflict.")
	splitTotal     = describe("ledger_split_total", "Batches split because their data was refused.")
	refusedTotal   = describe("ledger_refused_total", "Commands turned away by a full queue.")
	waiting        = describe("ledger_waiting", "Commands on the lanes at this moment.")
	presumedTotal  = describe("ledger_presumed_total", "Batches written on what was remembered, in one round trip.")
	lockedTotal    = describe("ledger_locked_total", "Batches decided under locks, in two round trips.")
	mistakenTotal  = describe("ledger_mistaken_total", "Batches decided again because what was presumed did not hold.")
	relayLeading   = describe("relay_leading", "1 when this process publishes.")
	relayEpoch     = describe("relay_epoch", "The epoch of the last term.")
	relayBacklog   = describe("relay_backlog_rows", "Committed events that wait to be published.")
	relayAge       = describe("relay_backlog_age_seconds", "Since when the oldest of them waits.")
	relayInFlight  = describe("relay_in_flight", "Events fetched and not yet deleted.")
	relayHeld      = describe("relay_held", "Events held back for want of a predecessor; anything but 0 is a fault.")
	relayPublished = describe("relay_published_total", "Events acknowledged by the broker.")
	relayRepeats   = describe("relay_repeats_total", "Events sent though their sequence had been sent.")
	watermarkAge   = describe("relay_watermark_age_seconds", "How far the last watermark lies back; not there before a term's first.")
	watermarks     = describe("relay_watermarks_total", "Watermarks published, of all partitions each.")
	watermarkFails = describe("relay_watermark_errors_total", "Watermarks that could not be published.")
	relayErrors    = describe("relay_errors_total", "Calls to store or broker that failed and were tried again.")
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
	ways := c.store.Ways()
	count(presumedTotal, ways.Presumed)
	count(lockedTotal, ways.Locked)
	count(mistakenTotal, ways.Mistaken)
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
