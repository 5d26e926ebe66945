package main

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"codebank.dev/gateway"
	"codebank.dev/gateway/postgres"
	"codebank.dev/gateway/results"
	"codebank.dev/platform/outbox"
)

// backlogTimeout bounds the query that a scrape makes.
const backlogTimeout = 2 * time.Second

// collector shows the figures of transfers to Prometheus.
type collector struct {
	store   *postgres.Store
	relay   *outbox.Relay
	handler *results.Handler
}

var _ prometheus.Collector = (*collector)(nil)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("codebank_gateway_"+name, help, labels, nil)
}

var (
	transfersWaiting  = describe("transfers_processing", "Transfers of all processes that have not ended; +Inf while the database cannot say.")
	oldestSeconds     = describe("oldest_transfer_seconds", "For how long the oldest of them is processing; 0 without one, +Inf while the database cannot say.")
	transfersEnded    = describe("transfers_ended_total", "Transfers that this process has ended by a result of the bank, by status.", "status")
	commandsSent      = describe("commands_sent_total", "Commands that this process has sent, repeats included.")
	commandsFailed    = describe("commands_failed_total", "Tries to send a command that failed. They are made again.")
	relayAway         = describe("relay_away", "1 while the broker, the registry or the database keeps this process from sending commands.")
	resultsUnreadable = describe("results_unreadable_total", "Records of the topic of results that were passed over because they are no results.")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{transfersWaiting, oldestSeconds, transfersEnded, commandsSent, commandsFailed, relayAway, resultsUnreadable} {
		out <- desc
	}
}

// Collect implements prometheus.Collector. Every figure is there from the program's start.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	count := func(desc *prometheus.Desc, n int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...) // tidy:float the metrics library counts in floats
	}
	sent, ended := c.relay.Stats(), c.handler.Stats()
	count(commandsSent, sent.Sent)
	count(commandsFailed, sent.Failed)
	count(transfersEnded, ended.Completed, string(gateway.Completed))
	count(transfersEnded, ended.Cancelled, string(gateway.Cancelled))
	count(resultsUnreadable, ended.Unreadable)
	away := 0
	if sent.Away {
		away = 1
	}
	out <- prometheus.MustNewConstMetric(relayAway, prometheus.GaugeValue, float64(away)) // tidy:float 0 or 1, not money
	c.collectBacklog(out)
}

// collectBacklog asks the database. A figure that is not known is an endless one, so that its alarm fires.
func (c *collector) collectBacklog(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
	defer cancel()
	waiting, oldest := math.Inf(1), math.Inf(1)
	if n, since, err := c.store.Backlog(ctx); err == nil {
		waiting, oldest = float64(n), 0 // tidy:float the metrics library counts in floats
		if n > 0 {
			oldest = max(0, time.Since(since).Seconds())
		}
	}
	out <- prometheus.MustNewConstMetric(transfersWaiting, prometheus.GaugeValue, waiting)
	out <- prometheus.MustNewConstMetric(oldestSeconds, prometheus.GaugeValue, oldest)
}
