package analyst

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of the pages, beside those of all HTTP requests.
type metrics struct {
	searches *prometheus.HistogramVec
	hits     prometheus.Counter
	streams  prometheus.Gauge
	refused  prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		searches: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "codebank_dashboards_search_seconds", Help: "Time of one request to Elasticsearch for all figures of a page, by outcome.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, // tidy:float the library's type of seconds
		}, []string{"outcome"}),
		hits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "codebank_dashboards_shared_answers_total", Help: "Pages that used the answer to an equal request of the last seconds.",
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "codebank_dashboards_streams", Help: "Open streams of events to browsers.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "codebank_dashboards_streams_refused_total", Help: "Streams that were refused because too many were open.",
		}),
	}
	registry.MustRegister(m.searches, m.hits, m.streams, m.refused)
	for _, outcome := range []string{"ok", "failed"} {
		m.searches.WithLabelValues(outcome)
	}
	return m
}

func (m *metrics) searched(took time.Duration, err error) {
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	m.searches.WithLabelValues(outcome).Observe(took.Seconds())
}
