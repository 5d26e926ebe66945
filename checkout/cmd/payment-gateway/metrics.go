package main

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"codebank.dev/checkout/payment/announce"
	"codebank.dev/checkout/payment/expiry"
	payments "codebank.dev/checkout/payment/postgres"
	"codebank.dev/checkout/payment/results"
	"codebank.dev/platform/outbox"
)

// backlogTimeout bounds the query that a scrape makes.
const backlogTimeout = 2 * time.Second

// collector shows the figures of charges to Prometheus. Charges of test mode count too: they use the same path.
type collector struct {
	store   *payments.Store
	relay   *outbox.Relay
	handler *results.Handler
	events  *announce.Relay
	// expiries returns nil until the program is prepared.
	expiries func() *expiry.Worker
}

var _ prometheus.Collector = (*collector)(nil)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("codebank_payment_gateway_"+name, help, labels, nil)
}

var (
	waiting           = describe("requests_waiting", "Charges and operations of all processes that are accepted and not decided; +Inf while the database cannot say.")
	oldestSeconds     = describe("oldest_request_seconds", "For how long the oldest of them waits; 0 without one, +Inf while the database cannot say.")
	decided           = describe("decided_total", "Charges and operations whose decision this process has applied, by decision.", "decision")
	requestsSent      = describe("requests_sent_total", "Requests that this process has sent to the processor, repeats included.")
	requestsFailed    = describe("requests_failed_total", "Tries to send a request that failed. They are made again.")
	relayAway         = describe("relay_away", "1 while the broker, the registry or the database keeps this process from sending requests.")
	eventsPublished   = describe("events_published_total", "Events of charges that this process has published, repeats included.")
	eventsAway        = describe("events_away", "1 while the broker, the registry or the database keeps this process from publishing events of charges.")
	expiriesAsked     = describe("expiries_asked_total", "Questions of this process what became of an authorization whose time is over, repeats included.")
	expiriesFailed    = describe("expiries_failed_total", "Rounds of these questions that the database did not answer. They are made again each second.")
	answersUnreadable = describe("answers_unreadable_total", "Records of the topic of answers that were passed over because they are none.")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{waiting, oldestSeconds, decided, requestsSent, requestsFailed, relayAway, eventsPublished, eventsAway, expiriesAsked, expiriesFailed, answersUnreadable} {
		out <- desc
	}
}

// Collect implements prometheus.Collector. Every figure is there from the program's start.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	count := func(desc *prometheus.Desc, n int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...) // tidy:float the metrics library counts in floats
	}
	sent, applied := c.relay.Stats(), c.handler.Stats()
	count(requestsSent, sent.Sent)
	count(requestsFailed, sent.Failed)
	count(decided, applied.Approved, "approved")
	count(decided, applied.Rejected, "rejected")
	count(answersUnreadable, applied.Unreadable)
	var asked expiry.Stats
	if worker := c.expiries(); worker != nil {
		asked = worker.Stats()
	}
	count(expiriesAsked, asked.Asked)
	count(expiriesFailed, asked.Failed)
	events := c.events.Stats()
	count(eventsPublished, events.Published)
	for desc, away := range map[*prometheus.Desc]bool{relayAway: sent.Away, eventsAway: events.Away} {
		shown := 0
		if away {
			shown = 1
		}
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(shown)) // tidy:float 0 or 1, not money
	}
	c.collectBacklog(out)
}

// collectBacklog asks the database. A figure that is not known is an endless one, so that its alarm fires.
func (c *collector) collectBacklog(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
	defer cancel()
	count, oldest := math.Inf(1), math.Inf(1)
	if n, since, err := c.store.Backlog(ctx); err == nil {
		count, oldest = float64(n), 0 // tidy:float the metrics library counts in floats
		if n > 0 {
			oldest = max(0, time.Since(since).Seconds())
		}
	}
	out <- prometheus.MustNewConstMetric(waiting, prometheus.GaugeValue, count)
	out <- prometheus.MustNewConstMetric(oldestSeconds, prometheus.GaugeValue, oldest)
}
