package intake_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/bank/banktest"
	"codebank.dev/platform/fault"
	"codebank.dev/schemas/command"
)

// A command without an answer keeps those behind it on its account waiting, and nobody else.
func TestACommandWaitsForThoseBeforeItOnItsAccount(t *testing.T) {
	b := newBench(t)
	missing, elsewhere := b.transfer("missing"), b.asked("elsewhere", command.Deposit)
	missing.DestinationAccountID = banktest.NewID().String()
	other := b.open(b.user)
	elsewhere.AccountID = other.String()
	batch := []*kgo.Record{b.record(gateway, missing), b.record(gateway, b.transfer("behind")), b.record(gateway, elsewhere)}
	b.store.away = true
	_, err := b.Handle(t.Context(), batch)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.Empty(t, b.results.results)
	require.Equal(t, int64(1_000), b.balance(b.mine), "what stands behind is not decided")
	require.Equal(t, int64(1_100), b.balance(other))

	b.store.away = false
	letters, err := b.Handle(t.Context(), batch)
	require.NoError(t, err)
	require.Empty(t, letters)
	require.Equal(t, int64(900), b.balance(b.mine))
	require.Equal(t, int64(1_100), b.balance(other), "once")
	require.Len(t, b.results.results, 3)
}

// A request that says anything else than the decided one is another request, also when the rules let neither in
// any more.
func TestAnotherRequestUnderADecidedIDHasNotBeenDecided(t *testing.T) {
	b := newBench(t)
	first := b.transfer("decided")
	done := b.requireEnd(first, command.Completed, "", "")
	b.edge.forbidden = true
	for what, change := range map[string]func(*command.Command){
		"destination": func(c *command.Command) { c.DestinationAccountID = banktest.NewID().String() },
		"source":      func(c *command.Command) { c.AccountID = b.yours.String() },
		"amount":      func(c *command.Command) { c.AmountMinor++ },
		"currency":    func(c *command.Command) { c.Currency = "USD" },
		"description": func(c *command.Command) { c.Description = "another" },
		"kind":        func(c *command.Command) { c.Kind = command.Withdrawal },
	} {
		other := first
		change(&other)
		result := b.ask(other)
		require.Equal(t, [2]string{command.Cancelled, "REQUEST_ID_REUSED"}, [2]string{result.Status, result.Reason}, what)
	}
	require.Equal(t, done, b.ask(first))
}
