package chaos_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codebank.dev/native/dist"
	"codebank.dev/stack/chaos"
	"codebank.dev/stack/launch"
	"github.com/stretchr/testify/require"
)

// seed is the seed of the run below. Its report names the seed and the command that repeats the
// run.
const seed = 1

// TestEverythingPromisedHoldsUnderOneRoundOfEveryFault runs the short form of `go run ./stack
// chaos`. Only one package at a time may run a stack.
func TestEverythingPromisedHoldsUnderOneRoundOfEveryFault(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the stack is not started")
	}
	root, err := dist.Root()
	require.NoError(t, err)
	unlock, err := dist.Lock(context.Background(), filepath.Join(root, ".stack", "lock"))
	require.NoError(t, err)
	defer unlock()
	base, err := launch.FreeBasePort()
	require.NoError(t, err)
	dir := filepath.Join(root, ".stack", "chaos-test")
	config := launch.Config{Dir: dir, BasePort: base, Out: os.Stderr}
	report, err := chaos.Run(t.Context(), chaos.Options{
		Seed: seed, Untimed: true, Stack: config, Pictures: filepath.Join(dir, "pictures"), Out: os.Stderr,
	})
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	t.Log(text.String())
	require.True(t, report.OK, "seed %d; to repeat: %s\n%s", report.Seed, report.Command, text.String())
	require.GreaterOrEqual(t, report.Acknowledged, int64(20_000))
	require.GreaterOrEqual(t, report.Kills, int64(20))
	counts := make(map[string]int64)
	for _, result := range report.Results {
		counts[result.ID] = result.Count
	}
	require.GreaterOrEqual(t, counts["I15"], int64(20_000), "operations checked for linearizability")
	require.GreaterOrEqual(t, counts["transfers"], int64(2_000), "approved transfers")
	require.GreaterOrEqual(t, counts["holds"], int64(500), "ended holds")
	stack, err := launch.Open(config)
	require.NoError(t, err)
	require.NoError(t, stack.Wipe()) // a failed run keeps its files
}
