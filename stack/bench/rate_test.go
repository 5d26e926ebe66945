package bench

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// However low a rate is, and however short its window, one operation is timed.
func TestAConstantRateHasAtLeastOneOperation(t *testing.T) {
	for _, rate := range []float64{0.001, 1, 100} { // tidy:float operations a second, not money
		done := 0
		took, err := atConstantRate(t.Context(), rate, 10*time.Millisecond, func(context.Context, int) error {
			done++
			return nil
		})
		require.NoError(t, err)
		require.Len(t, took, 1)
		require.Equal(t, 1, done)
	}
}
