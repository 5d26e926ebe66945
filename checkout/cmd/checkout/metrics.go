package main

import (
	"context"
	"math"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/batch"
	"codebank.dev/checkout/charge"
	"codebank.dev/checkout/refund"
	"github.com/prometheus/client_golang/prometheus"
)

// backlogTimeout bounds the query that a scrape makes.
const backlogTimeout = 2 * time.Second

// collector gives Prometheus the number of orders that ended and of orders that are
// open.
type collector struct {
	charger  *charge.Charger
	refunder *refund.Refunder
	orders   *batch.Orders
}

var _ prometheus.Collector = (*collector)(nil)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("codebank_checkout_"+name, help, labels, nil)
}

var (
	ordersEnded  = describe("orders_ended_total", "Orders that this process ended, by outcome: approved, declined by the bank, or given up and voided.", "outcome")
	bankCalls    = describe("bank_calls_total", "Calls to the bank about orders, by call and result. Repeats count.", "call", "result")
	writes       = describe("writes_total", "New orders and changes of orders that this process stored in batches.")
	batches      = describe("batches_total", "Durable commits of these writes.")
	waiting      = describe("waiting_writes", "New orders and changes that wait for a batch now.")
	openOrders   = describe("open_orders", "Orders of all processes that are still pending.")
	oldestRefund = describe("oldest_open_refund_seconds", "Age of the oldest refund that the bank has not answered; 0 when there is none, +Inf while the database cannot say.")
	oldestOpen   = describe("oldest_open_order_seconds", "Age of the oldest order that is still pending; 0 when there is none, +Inf while the database cannot say.")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{ordersEnded, bankCalls, writes, batches, waiting, openOrders, oldestOpen, oldestRefund} {
		out <- desc
	}
}

// Collect implements prometheus.Collector. While the database is away the age of the
// oldest order is +Inf, because an alarm on a missing figure does not fire. The number of
// orders has no alarm and is left out: a missing figure is better than a wrong one.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	emit := func(desc *prometheus.Desc, kind prometheus.ValueType, n int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, kind, float64(n), labels...) // tidy:float the metrics library counts in floats
	}
	stats := c.charger.Stats()
	emit(ordersEnded, prometheus.CounterValue, stats.Approved, "approved")
	emit(ordersEnded, prometheus.CounterValue, stats.Declined, "declined")
	emit(ordersEnded, prometheus.CounterValue, stats.GaveUp, "given_up")
	emit(bankCalls, prometheus.CounterValue, stats.Sends-stats.UnknownSends, "authorize", "answered")
	emit(bankCalls, prometheus.CounterValue, stats.UnknownSends, "authorize", "unknown")
	emit(bankCalls, prometheus.CounterValue, stats.Voids-stats.UnknownVoids, "void", "answered")
	emit(bankCalls, prometheus.CounterValue, stats.UnknownVoids, "void", "unknown")
	written := c.orders.Stats()
	emit(writes, prometheus.CounterValue, written.Commands)
	emit(batches, prometheus.CounterValue, written.Batches)
	emit(waiting, prometheus.GaugeValue, written.Waiting)
	refunds := c.refunder.Stats()
	emit(bankCalls, prometheus.CounterValue, refunds.Answered, "refund", "answered")
	emit(bankCalls, prometheus.CounterValue, refunds.Unknown, "refund", "unknown")
	ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
	defer cancel()
	age := func(desc *prometheus.Desc, backlog checkout.Backlog, err error) {
		switch {
		case err != nil:
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, math.Inf(1))
		case backlog.Open == 0:
			emit(desc, prometheus.GaugeValue, 0)
		default:
			emit(desc, prometheus.GaugeValue, int64(time.Since(backlog.Oldest)/time.Second))
		}
	}
	backlog, err := c.charger.Backlog(ctx)
	if err == nil {
		emit(openOrders, prometheus.GaugeValue, backlog.Open)
	}
	age(oldestOpen, backlog, err)
	backlog, err = c.orders.RefundBacklog(ctx)
	age(oldestRefund, backlog, err)
}
