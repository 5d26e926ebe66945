package statement_test

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"codebank.dev/statement"
)

// An age that is not known is endless, so that its alarm fires.
func TestTheAgeOfTheOldestGapIsKnownForAMinute(t *testing.T) {
	now := time.Unix(1000, 0)
	registry := prometheus.NewRegistry()
	gauges := statement.NewGauges(registry, func() time.Time { return now })
	shows := func(want float64) {
		t.Helper()
		families, err := registry.Gather()
		require.NoError(t, err)
		require.Equal(t, "codebank_statement_gap_seconds", families[0].GetName())
		require.Equal(t, want, families[0].GetMetric()[0].GetGauge().GetValue())
	}
	shows(math.Inf(1))
	gauges.Observe(statement.Gaps{})
	shows(0)
	gauges.Observe(statement.Gaps{Count: 1, Oldest: 90 * time.Second})
	shows(90)
	now = now.Add(time.Minute)
	shows(90)
	now = now.Add(time.Second)
	shows(math.Inf(1))
}
