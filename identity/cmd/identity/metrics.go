package main

import (
	"context"
	"math"
	"time"

	"codebank.dev/identity"
	"codebank.dev/identity/access"
	"codebank.dev/identity/hashing"
	"codebank.dev/identity/postgres"
	"codebank.dev/identity/signing"
	"github.com/prometheus/client_golang/prometheus"
)

// backlogTimeout bounds the query that a scrape makes.
const backlogTimeout = 2 * time.Second

// collector shows the counters of identity to Prometheus.
type collector struct {
	store  *postgres.Store
	mailer *access.Mailer
	hasher *hashing.Hasher
	keys   *signing.Ring
}

var _ prometheus.Collector = (*collector)(nil)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("codebank_identity_"+name, help, labels, nil)
}

var (
	actsTotal       = describe("acts_total", "Security acts that this process committed to the audit log, by name: sign-ins that succeeded, failed and locked, and all others.", "act")
	refreshesTotal  = describe("refreshes_total", "Refresh tokens that were presented and are known, by outcome. One that is reused ends its session.", "outcome")
	attemptsRefused = describe("attempts_refused_total", "Attempts that had to wait, because too many were made before.")
	checksRefused   = describe("password_checks_refused_total", "Calls that were refused, because no slot for hashing a password was free in time.")
	checksWaiting   = describe("password_checks_waiting", "Calls that wait for a slot for hashing a password.")
	mailsSent       = describe("mails_sent_total", "E-mails that a mail server took from this process.")
	mailsFailed     = describe("mails_failed_total", "Tries to send an e-mail that failed. Most are tried again.")
	mailsWaiting    = describe("mails_waiting", "E-mails of all processes that are not sent yet; +Inf while the database cannot say.")
	mailsGivenUp    = describe("mails_given_up", "E-mails of the last day that were tried too often and not asked for again; +Inf while the database cannot say.")
	keyAge          = describe("signing_key_age_seconds", "For how long the present key has signed access tokens.")
)

// outcomes are the outcomes of a refresh token, as figures name them.
var outcomes = map[identity.RefreshOutcome]string{
	identity.RefreshRefused: "refused", identity.RefreshRotated: "exchanged", identity.RefreshRepeated: "repeated", identity.RefreshStolen: "reused",
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{actsTotal, refreshesTotal, attemptsRefused, checksRefused, checksWaiting, mailsSent, mailsFailed, mailsWaiting, mailsGivenUp, keyAge} {
		out <- desc
	}
}

// Collect implements prometheus.Collector. Every figure is there from the program's start.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	count := func(desc *prometheus.Desc, n int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...) // tidy:float the metrics library counts in floats
	}
	stats := c.store.Stats()
	for _, act := range identity.Acts() {
		count(actsTotal, stats.Acts[act], string(act))
	}
	for outcome, name := range outcomes {
		count(refreshesTotal, stats.Refreshes[outcome], name)
	}
	count(attemptsRefused, stats.AttemptsRefused)
	count(checksRefused, c.hasher.Refused())
	out <- prometheus.MustNewConstMetric(checksWaiting, prometheus.GaugeValue, float64(c.hasher.Waiting())) // tidy:float the metrics library counts in floats
	sent, failed := c.mailer.Counts()
	count(mailsSent, sent)
	count(mailsFailed, failed)
	c.collectBacklog(out)
	out <- prometheus.MustNewConstMetric(keyAge, prometheus.GaugeValue, time.Since(c.keys.SignsSince()).Seconds())
}

// collectBacklog asks the database. A figure that is not known is an endless one, so that its alarm fires.
func (c *collector) collectBacklog(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
	defer cancel()
	waiting, givenUp, err := c.store.MailBacklog(ctx)
	figures := []float64{float64(waiting), float64(givenUp)} // tidy:float the metrics library counts in floats
	if err != nil {
		figures = []float64{math.Inf(1), math.Inf(1)} // tidy:float the metrics library counts in floats
	}
	out <- prometheus.MustNewConstMetric(mailsWaiting, prometheus.GaugeValue, figures[0])
	out <- prometheus.MustNewConstMetric(mailsGivenUp, prometheus.GaugeValue, figures[1])
}
