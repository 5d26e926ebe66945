package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"codebank.dev/checkout/payment/processor"
)

// collector shows the figures of decisions to Prometheus.
type collector struct{ handler *processor.Handler }

var _ prometheus.Collector = (*collector)(nil)

var (
	answers = prometheus.NewDesc("codebank_payment_processor_answers_total",
		"Requests of the payment gateway that this process has answered, repeats included, by answer.", []string{"answer"}, nil)
	unknown = prometheus.NewDesc("codebank_payment_processor_unknown_total",
		"Calls to the bank after which it is not known what became of the request. It is asked again, so look at the bank if this goes on rising.", nil, nil)
	unanswered = prometheus.NewDesc("codebank_payment_processor_unanswered_total",
		"Requests that this process did not answer: ended, the charge was decided before; lost, they are left until the gateway sends them again.", []string{"cause"}, nil)
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	out <- answers
	out <- unanswered
	out <- unknown
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	stats := c.handler.Stats()
	count := func(desc *prometheus.Desc, n int64, label string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), label) // tidy:float the metrics library counts in floats
	}
	count(answers, stats.Approved, "approved")
	count(answers, stats.Rejected, "rejected")
	count(unanswered, stats.Ended, "ended")
	count(unanswered, stats.Unanswered, "lost")
	out <- prometheus.MustNewConstMetric(unknown, prometheus.CounterValue, float64(stats.Unknown)) // tidy:float the metrics library counts in floats
}
