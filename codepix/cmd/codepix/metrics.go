package main

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"codebank.dev/codepix/payment"
	"codebank.dev/platform/outbox"
)

// figuresTimeout bounds the query that a scrape makes.
const figuresTimeout = 2 * time.Second

// collector shows the figures of payments to Prometheus.
type collector struct {
	relay *outbox.Relay
	store payment.Store
}

var _ prometheus.Collector = (*collector)(nil)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("codebank_pix_"+name, help, labels, nil)
}

var (
	openPayments  = describe("open_payments", "Payments and returns of all processes without an end, by state; HELD are returns that wait for their original. +Inf while the database cannot say.", "state")
	oldestSeconds = describe("oldest_open_seconds", "How long ago the oldest of them was accepted; 0 without one, +Inf while the database cannot say. If it grows, a bank does not answer.")
	messagesSent  = describe("messages_sent_total", "Messages to banks and events that this process has sent, repeats included.")
	messagesFail  = describe("messages_failed_total", "Tries to send one that failed. They are made again.")
	relayAway     = describe("relay_away", "1 while the broker, the registry or the database keeps this process from sending messages.")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{openPayments, oldestSeconds, messagesSent, messagesFail, relayAway} {
		out <- desc
	}
}

// Collect implements prometheus.Collector. Every figure is there from the program's start.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	sent, away := c.relay.Stats(), 0.0 // tidy:float 0 or 1, not money
	if sent.Away {
		away = 1
	}
	out <- prometheus.MustNewConstMetric(messagesSent, prometheus.CounterValue, float64(sent.Sent))   // tidy:float the metrics library counts in floats
	out <- prometheus.MustNewConstMetric(messagesFail, prometheus.CounterValue, float64(sent.Failed)) // tidy:float the metrics library counts in floats
	out <- prometheus.MustNewConstMetric(relayAway, prometheus.GaugeValue, away)
	c.collectOpen(out)
}

// collectOpen asks the database. A figure that is not known is an endless one, so that its alarm fires.
func (c *collector) collectOpen(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), figuresTimeout)
	defer cancel()
	figures, err := c.store.Figures(ctx)
	for state, n := range map[string]int64{"PENDING": figures.Pending - figures.Held, "HELD": figures.Held, "CONFIRMED": figures.Confirmed} {
		count := float64(n) // tidy:float the metrics library counts in floats
		if err != nil {
			count = math.Inf(1)
		}
		out <- prometheus.MustNewConstMetric(openPayments, prometheus.GaugeValue, count, state)
	}
	age := math.Inf(1)
	switch {
	case err == nil && figures.Oldest.IsZero():
		age = 0
	case err == nil:
		age = max(0, time.Since(figures.Oldest).Seconds())
	}
	out <- prometheus.MustNewConstMetric(oldestSeconds, prometheus.GaugeValue, age)
}
