package hold_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/hold"
	"codebank.dev/platform/principal"
	"github.com/stretchr/testify/require"
)

func TestAHoldExpiresOnceOnAnyNumberOfReplicas(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		const holds = 600 // More than two pages.
		account := one.wallet(t, holds)
		start := one.clock.Now()
		for i := range holds {
			one.place(t, account.ID, 1, func(r *hold.PlaceRequest) { r.ExpiresAt = start.Add(time.Duration(1+i%3) * time.Minute) })
		}
		kept := two.place(t, account.ID, 0+1, func(r *hold.PlaceRequest) { r.AmountMinor = 1_000_000 })
		require.Equal(t, bank.Declined, kept.Status, "a declined hold never expires")
		one.clock.Set(start.Add(2 * time.Minute))
		var group sync.WaitGroup
		for _, r := range []*replica{one, two} {
			group.Go(func() { r.expirer.Round(t.Context()) })
		}
		group.Wait()
		require.Equal(t, [3]int64{holds, holds / 3, holds * 2 / 3}, one.figures(t, account.ID), "no hold ends before its time")
		require.EqualValues(t, holds*2/3, one.expirer.Stats().Expired+two.expirer.Stats().Expired, "each hold expires once")
		require.Zero(t, one.expirer.Stats().Oldest)
		one.clock.Set(start.Add(time.Hour))
		two.expirer.Round(t.Context())
		require.Equal(t, [3]int64{holds, 0, holds}, one.figures(t, account.ID))
		due, err := one.store.Due(t.Context(), start.Add(24*time.Hour), bank.DueHold{}, 10)
		require.NoError(t, err)
		require.Empty(t, due)
		stored, err := one.store.Account(t.Context(), account.ID)
		require.NoError(t, err)
		require.EqualValues(t, 2+holds+1+holds, stored.Sequence)
	})
}

func TestAnExpirySaysWhatItReleases(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		account := one.wallet(t, 1000)
		placed := one.place(t, account.ID, 300)
		one.clock.Set(placed.HoldExpiresAt.Add(time.Second))
		one.expirer.Round(t.Context())
		entry, _, err := one.store.Transaction(t.Context(), bank.Code("001").ExpiryID(placed.TransactionID))
		require.NoError(t, err)
		require.Equal(t, bank.KindExpiry, entry.Kind)
		require.Equal(t, bank.NoDirection, entry.Direction)
		require.False(t, entry.Moves())
		require.EqualValues(t, 300, entry.Amount)
		require.Equal(t, placed.TransactionID, entry.OriginalID)
		require.Equal(t, placed.TransactionID, entry.HoldID)
		require.Equal(t, placed.Merchant, entry.Merchant)
		require.Zero(t, entry.HeldAfter)
		require.Equal(t, principal.Nobody, entry.Request.PrincipalKind)
		require.Equal(t, placed.HoldExpiresAt.Add(time.Second), entry.OccurredAt)
	})
}

// failing is a ledger whose reads or decisions of some holds fail.
type failing struct {
	bank.Holds
	bank.Submitter
	unread bool
	bad    bank.ID
}

func (f *failing) Due(ctx context.Context, now time.Time, after bank.DueHold, limit int) ([]bank.DueHold, error) {
	if f.unread {
		return nil, errors.New("away")
	}
	return f.Holds.Due(ctx, now, after, limit)
}

func (f *failing) SubmitAll(ctx context.Context, commands []bank.Command) []bank.Result {
	results := f.Submitter.SubmitAll(ctx, commands)
	for i, command := range commands {
		if command.Key() == bank.Code("001").ExpiryID(f.bad) {
			results[i] = bank.Result{Err: errors.New("refused")}
		}
	}
	return results
}

func TestAHoldThatCannotBeEndedKeepsNoOtherWaiting(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		account := one.wallet(t, 1000)
		first := one.place(t, account.ID, 300, func(r *hold.PlaceRequest) { r.ExpiresAt = one.clock.Now().Add(time.Second) })
		one.place(t, account.ID, 300)
		one.clock.Advance(bank.HoldLife)
		ledger := &failing{Holds: one.store, Submitter: one.executor, unread: true, bad: first.TransactionID}
		expirer := hold.NewExpirer(hold.ExpirerConfig{
			Code: "001", Holds: ledger, Ledger: ledger, Now: one.clock.Now, Logger: slog.New(slog.DiscardHandler),
		})
		expirer.Round(t.Context())
		require.True(t, expirer.Stats().Unknown)
		require.Equal(t, int64(600), one.figures(t, account.ID)[1])
		ledger.unread = false
		expirer.Round(t.Context())
		stats := expirer.Stats()
		require.EqualValues(t, 1, stats.Expired)
		require.EqualValues(t, 2, stats.Errors)
		require.Equal(t, first.HoldExpiresAt, stats.Oldest)
		require.Equal(t, bank.HoldLife-time.Second, stats.Overdue())
		require.Zero(t, one.figures(t, account.ID)[1])
		expirer.Round(t.Context())
		require.Zero(t, expirer.Stats().Oldest)
	})
}

func TestAnExpirerRunsUntilItIsStopped(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		account := one.wallet(t, 1000)
		placed := one.place(t, account.ID, 300)
		one.clock.Set(placed.HoldExpiresAt)
		tick := make(chan time.Time)
		expirer := hold.NewExpirer(hold.ExpirerConfig{
			Code: "001", Holds: one.store, Ledger: one.executor, Now: one.clock.Now, Logger: slog.New(slog.DiscardHandler), Tick: tick,
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			expirer.Run(ctx)
		}()
		tick <- banktest.Start
		tick <- banktest.Start // The first round has ended.
		require.Zero(t, one.figures(t, account.ID)[1])
		stop()
		<-ended
	})
}
