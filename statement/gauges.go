package statement

import "github.com/prometheus/client_golang/prometheus"

// Gauges are the metrics of the GapDetector: codebank_statement_gaps is the number of gaps older
// than GapAge, and codebank_statement_gap_seconds is the age of the oldest gap, or 0 when there
// is none.
type Gauges struct {
	gaps   prometheus.Gauge
	oldest prometheus.Gauge
}

// NewGauges returns gauges that are registered with registry.
func NewGauges(registry prometheus.Registerer) *Gauges {
	g := &Gauges{
		gaps: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "codebank_statement_gaps", Help: "Gaps in the sequences of accounts that are older than a minute.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "codebank_statement_gap_seconds", Help: "Age of the oldest gap in the sequence of an account; 0 when there is none.",
		}),
	}
	registry.MustRegister(g.gaps, g.oldest)
	return g
}

// Observe sets the gauges to the result of a check. It can be used as GapDetector.Observe.
func (g *Gauges) Observe(found Gaps) {
	g.gaps.Set(float64(found.Count)) // tidy:float a count for Prometheus, not money
	g.oldest.Set(found.Oldest.Seconds())
}
