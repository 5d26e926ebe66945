package intake

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"codebank.dev/codepix/payment"
	"codebank.dev/platform/consumer"
)

// Stats counts what this process has decided. Make it with NewStats. It is safe for concurrent use.
type Stats struct {
	states     [payment.Rejected + 1]atomic.Int64
	causes     *prometheus.CounterVec
	completion prometheus.Histogram
}

// NewStats returns counters at zero.
func NewStats() *Stats {
	return &Stats{
		causes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "codebank_pix_dead_letters_total",
			Help: "Records of banks that changed nothing and went to the bank's dead-letter topic, by cause. Look there: bankctl dlq list.",
		}, []string{"cause"}),
		completion: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "codebank_pix_completion_seconds",
			Help:    "From when the sending bank has set the amount aside to the completion of the payment. Returns are payments too.",
			Buckets: []float64{.05, .1, .2, .3, .5, .75, 1, 2, 5, 10, 30, 60, 300, 1800}, // tidy:float seconds, not money
		}),
	}
}

// count counts the state that a payment has got. A payment that stays in its state is not told.
func (s *Stats) count(p *payment.Payment) {
	s.states[p.State].Add(1)
	if p.State == payment.Completed {
		s.completion.Observe(p.Elapsed().Seconds())
	}
}

func (s *Stats) letters(letters []consumer.Letter) {
	for i := range letters {
		s.causes.WithLabelValues(letters[i].Cause).Inc()
	}
}

var _ prometheus.Collector = (*Stats)(nil)

var statesTotal = prometheus.NewDesc("codebank_pix_states_total",
	"Payments and returns that this process has brought to a state.", []string{"state"}, nil)

// Describe implements prometheus.Collector.
func (s *Stats) Describe(out chan<- *prometheus.Desc) {
	out <- statesTotal
	s.causes.Describe(out)
	s.completion.Describe(out)
}

// Collect implements prometheus.Collector.
func (s *Stats) Collect(out chan<- prometheus.Metric) {
	for _, state := range payment.States() {
		out <- prometheus.MustNewConstMetric(statesTotal, prometheus.CounterValue, float64(s.states[state].Load()), state.String()) // tidy:float the metrics library counts in floats
	}
	s.causes.Collect(out)
	s.completion.Collect(out)
}
