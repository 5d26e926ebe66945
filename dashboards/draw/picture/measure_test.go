package picture

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALongTextIsFittedInFewSteps(t *testing.T) {
	long := strings.Repeat("W", 20_000)
	for _, width := range []float64{0, 5, 30, 100, 1000} {
		short := fitted(long, width, 12, false)
		require.LessOrEqual(t, Measure(short, 12, false), width)
		if short != "" {
			require.Greater(t, Measure("W"+short, 12, false), width, "as much as fits")
		}
	}
	require.Less(t, testing.AllocsPerRun(1, func() { fitted(long, 100, 12, false) }), 200.0)
	require.Equal(t, "Café", fitted("Café", 100, 12, false))
}
