package hold_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/hold"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/postgres/ledgertest"
	"codebank.dev/bank/vault"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"github.com/stretchr/testify/require"
)

// Captures, voids and expiries of one hold race on two replicas. One of them wins, and the sums are true.
func TestOneEndOfAHoldWins(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		const rounds, amount = 12, 100
		account := one.wallet(t, 100_000)
		var taken int64
		won := make(map[bank.Kind]int)
		for round := range rounds {
			placed := one.place(t, account.ID, amount, func(r *hold.PlaceRequest) { r.ExpiresAt = one.clock.Now().Add(time.Second) })
			var captures, voids atomic.Int64
			var group sync.WaitGroup
			for i := range 12 {
				r := []*replica{one, two}[i%2]
				switch {
				case i%3 == 0:
					group.Go(func() {
						if _, err := r.holds.Capture(t.Context(), capture(placed.TransactionID, int64(10*i+1)%amount)); err == nil {
							captures.Add(1)
						}
					})
				case i%3 == 1:
					group.Go(func() {
						if state, err := r.holds.Void(t.Context(), voiding(placed.TransactionID)); err == nil && state.EndedBy == bank.KindVoid {
							voids.Add(1)
						}
					})
				case round%2 == 0:
					group.Go(func() {
						one.clock.Set(placed.HoldExpiresAt)
						r.expirer.Round(t.Context())
					})
				}
			}
			group.Wait()
			one.clock.Set(placed.HoldExpiresAt)
			two.expirer.Round(t.Context())
			state, err := one.store.Hold(t.Context(), placed.TransactionID)
			require.NoError(t, err)
			require.EqualValues(t, amount, state.Captured+state.Released)
			won[state.EndedBy]++
			taken += state.Captured
			want := int64(0)
			if state.EndedBy == bank.KindCapture {
				want = 1
				require.Zero(t, voids.Load())
			}
			require.Equal(t, want, captures.Load(), "one capture wins, or none: %s", state.EndedBy)
			require.Equal(t, [3]int64{100_000 - taken, 0, 100_000 - taken}, two.figures(t, account.ID))
		}
		t.Log("won:", won)
	})
}

// Every hold with an expiry ends within 5 seconds of it, also when a replica stops in between.
func TestEveryHoldEndsWithin5SecondsOfItsExpiry(t *testing.T) {
	const holds, within = 90, 5 * time.Second
	url := ledgertest.Migrated(t, postgrestest.Database(t))
	keys, err := vault.Generate()
	require.NoError(t, err)
	one, two := openAt(t, url), openAt(t, url)
	running := make([]context.CancelFunc, 2)
	var group sync.WaitGroup
	var replicas []*replica
	for i, at := range []store{one, two} {
		executor := ledger.New(ledger.Config{Store: at, Encoder: plainEncoder{}, Now: time.Now})
		t.Cleanup(func() { require.NoError(t, executor.Close(context.Background())) })
		expirer := hold.NewExpirer(hold.ExpirerConfig{Code: "001", Holds: at, Ledger: executor, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
		r := &replica{store: at, clock: banktest.NewClock(), holds: &hold.Service{Code: "001", Ledger: executor, Directory: at, Holds: at, Vault: keys}}
		replicas = append(replicas, r)
		ctx, stop := context.WithCancel(t.Context())
		running[i] = stop
		group.Go(func() { expirer.Run(ctx) })
	}
	defer group.Wait()
	defer running[1]()
	account := replicas[0].wallet(t, holds)
	var placed []bank.Entry
	start := time.Now().Truncate(time.Millisecond)
	for i := range holds {
		placed = append(placed, replicas[i%2].place(t, account.ID, 1, func(r *hold.PlaceRequest) {
			r.ExpiresAt = start.Add(4*time.Second + time.Duration(i)*20*time.Millisecond)
		}))
	}
	await.Until(t, func() bool { return replicas[1].figures(t, account.ID)[1] < holds }, time.Minute, 20*time.Millisecond)
	running[0]() // One replica stops while holds are due; the other one goes on.
	await.Until(t, func() bool { return replicas[1].figures(t, account.ID)[1] == 0 }, time.Minute, 20*time.Millisecond)
	var latest time.Duration
	for _, hold := range placed {
		entry, _, err := two.Transaction(t.Context(), bank.Code("001").ExpiryID(hold.TransactionID))
		require.NoError(t, err)
		require.False(t, entry.OccurredAt.Before(hold.HoldExpiresAt))
		latest = max(latest, entry.OccurredAt.Sub(hold.HoldExpiresAt))
	}
	require.LessOrEqual(t, latest, within)
	t.Log("the latest expiry was decided after", latest)
}
