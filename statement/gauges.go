package statement

import (
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// staleAfter is how long the result of a check counts. Checks run every checkEvery.
const staleAfter = time.Minute

// Gauges are the metrics of the GapDetector: codebank_statement_gaps is the number of gaps older
// than GapAge, an event that cannot be shown being one, and codebank_statement_gap_seconds is the age of the oldest gap, or 0 when there is
// none. The age is +Inf while it is not known: before the first check, and when no check has
// succeeded for a minute. It is safe for concurrent use.
type Gauges struct {
	now func() time.Time

	mutex   sync.Mutex
	found   Gaps
	checked time.Time
}

var (
	gapsDesc = prometheus.NewDesc("codebank_statement_gaps", "Gaps in the sequences of accounts, and events that cannot be shown, that are older than a minute.", nil, nil)
	ageDesc  = prometheus.NewDesc("codebank_statement_gap_seconds",
		"Age of the oldest gap in the sequence of an account; 0 when there is none, +Inf when no check has succeeded for a minute.", nil, nil)
)

var _ prometheus.Collector = (*Gauges)(nil)

// NewGauges returns gauges that are registered with registry. now is the clock that says how old
// the last check is.
func NewGauges(registry prometheus.Registerer, now func() time.Time) *Gauges {
	g := &Gauges{now: now}
	registry.MustRegister(g)
	return g
}

// Observe sets the gauges to the result of a check. It can be used as GapDetector.Observe.
func (g *Gauges) Observe(found Gaps) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.found, g.checked = found, g.now()
}

// Describe implements prometheus.Collector.
func (g *Gauges) Describe(out chan<- *prometheus.Desc) {
	out <- gapsDesc
	out <- ageDesc
}

// Collect implements prometheus.Collector.
func (g *Gauges) Collect(out chan<- prometheus.Metric) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	age := g.found.Oldest.Seconds()
	if g.checked.IsZero() || g.now().Sub(g.checked) > staleAfter {
		age = math.Inf(1)
	}
	out <- prometheus.MustNewConstMetric(gapsDesc, prometheus.GaugeValue, float64(g.found.Count)) // tidy:float a count for Prometheus, not money
	out <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, age)
}
