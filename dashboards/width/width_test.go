package width_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/width"
)

func TestTheWidthOfAText(t *testing.T) {
	require.Zero(t, width.Text("", 12))
	require.Equal(t, 1000, width.Text("W", 1000))
	require.Equal(t, 1000, width.Text("語", 1000), "an unknown character is as wide as the widest")
	require.Greater(t, width.Text("mmm", 12), width.Text("iii", 12))
	require.Greater(t, width.Bold("Approval rate", 14), width.Text("Approval rate", 14))
	require.Equal(t, width.Text("Declined", 12), width.Widest([]string{"i", "Declined", "Void"}, 12))
	require.Less(t, width.Panel(12), width.Panel(13))
	require.Equal(t, 48, width.Height(2))
}
