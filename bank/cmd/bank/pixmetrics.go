package main

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/outbox"
	"github.com/prometheus/client_golang/prometheus"
)

// pixCollector shows the messages to the hub to Prometheus.
type pixCollector struct {
	store bank.Messages
	relay *outbox.Relay
}

var _ prometheus.Collector = (*pixCollector)(nil)

var (
	pixWaiting = describe("pix_messages_waiting", "Messages to the hub between banks that wait to be sent or to be answered.")
	pixAge     = describe("pix_messages_oldest_age_seconds", "Age of the oldest of these messages; 0 for none, +Inf when it is not known. A payment without an answer for minutes is in doubt: the hub or the other bank is away.")
	pixSent    = describe("pix_messages_sent_total", "Messages to the hub that this process has sent, repeats included.")
	pixFailed  = describe("pix_messages_failed_total", "Messages to the hub that could not be sent and were due again.")
)

// scrapeTimeout bounds the count of the waiting messages.
const scrapeTimeout = 2 * time.Second

// Describe implements prometheus.Collector.
func (c *pixCollector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

// Collect implements prometheus.Collector.
func (c *pixCollector) Collect(out chan<- prometheus.Metric) {
	stats := c.relay.Stats()
	count(out, pixSent, stats.Sent)
	count(out, pixFailed, stats.Failed)
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	messages, oldest, err := c.store.MessageBacklog(ctx)
	switch {
	case err != nil:
		unknownAge(out, pixAge)
		return
	case oldest.IsZero():
		gauge(out, pixAge, 0)
	default:
		gauge(out, pixAge, int64(time.Since(oldest)/time.Second))
	}
	gauge(out, pixWaiting, messages)
}
