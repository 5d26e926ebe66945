package chaos

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLoadSlowsDownForTheSinks(t *testing.T) {
	g := governor{full: 1_600}
	require.Equal(t, 1_600, g.rate(sinkLag))
	require.Equal(t, 1_600/slowdown, g.rate(sinkLag+1))
	g.frontEnded = true
	require.Equal(t, 1_600/slowdown, g.rate(0))
	g.full = 1
	require.Equal(t, 1, g.rate(sinkLag+1))
}
