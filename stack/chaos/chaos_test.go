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
	requireCommands(t, report, counts)
	requireCharges(t, report, counts)
	requirePix(t, report, counts)
	stack, err := launch.Open(config)
	require.NoError(t, err)
	require.NoError(t, stack.Wipe()) // a failed run keeps its files
}

// requireCommands requires that transfers by command were accepted and have ended, about as many as customers ask
// for, and that the gateway was killed at each of its faults. Half of the time the gateway, or what it needs, may be
// down, and the machine may be slow.
func requireCommands(t *testing.T, report *chaos.Report, counts map[string]int64) {
	t.Helper()
	asked := report.InjectedSeconds * chaos.CommandRate * chaos.NewTransfersPercent / 100
	require.GreaterOrEqual(t, counts["accepted"], asked/4, "accepted transfers; the customers ask for %d without faults", asked)
	require.Equal(t, counts["accepted"], counts["commands"], "each accepted transfer has ended")
	// One destination in 25 does not exist, and the wallets are often short of money.
	require.GreaterOrEqual(t, report.Figures["transfers by command cancelled"], counts["accepted"]/50)
	require.GreaterOrEqual(t, report.Figures["transfers by command completed"], counts["accepted"]/4)
	require.Positive(t, counts["sums"], "samples of the sum of the balances")
	kills := int64(0)
	for fault, times := range report.Faults {
		if strings.Contains(fault, "the gateway") {
			kills += times
		}
	}
	require.Positive(t, kills)
	require.Equal(t, kills, report.KillsOf[launch.Gateway])
}

// requireCharges requires that merchants' charges were accepted, about as many as they ask for, and each decided, and
// that the payment gateway and its processor were killed.
func requireCharges(t *testing.T, report *chaos.Report, counts map[string]int64) {
	t.Helper()
	asked := report.InjectedSeconds * chaos.ChargeRate * chaos.NewChargesPercent / 100
	require.GreaterOrEqual(t, counts["charges accepted"], asked/4, "accepted charges; merchants ask for %d without faults", asked)
	require.Equal(t, counts["charges accepted"], counts["charges decided"], "each accepted charge is decided")
	require.Positive(t, counts["charge sums"], "looks at the tables under load")
	// Half of the charges are live ones, and one card in four may be declined.
	require.GreaterOrEqual(t, counts["charges at the bank"], counts["charges accepted"]/5, "approved live charges")
	for _, program := range []string{launch.PaymentGateway, launch.Processor} {
		require.GreaterOrEqual(t, report.KillsOf[program], int64(2), program)
	}
}

// requirePix requires payments between banks, about as many as customers begin, and that the hub and the second bank
// were killed. Half of the time the broker or a database may be away, and the machine may be slow.
func requirePix(t *testing.T, report *chaos.Report, counts map[string]int64) {
	t.Helper()
	asked := report.InjectedSeconds * chaos.PixRate
	require.GreaterOrEqual(t, counts["I13"], asked/8, "payments between banks; customers begin %d without faults", asked)
	for _, program := range []string{launch.CodePix, launch.SecondBank().Bank} {
		require.GreaterOrEqual(t, report.KillsOf[program], int64(2), program)
	}
}
