package hold_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"codebank.dev/bank"
	"github.com/stretchr/testify/require"
)

// A replica that placed a hold knows it without reading it. It never ends a hold that another replica has
// ended, whatever both did with the account before.
func TestAReplicaThatKnowsAHoldSeesThatAnotherOneEndedIt(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		account := one.wallet(t, 100_000)
		replicas := []*replica{one, two}
		for first := range replicas {
			knows, other := replicas[first], replicas[1-first]
			placed := knows.place(t, account.ID, 100)
			_, err := other.holds.Capture(t.Context(), capture(placed.TransactionID, 40))
			require.NoError(t, err)
			_, err = knows.holds.Capture(t.Context(), capture(placed.TransactionID, 0))
			requireReason(t, "HOLD_CAPTURED", err)

			placed = knows.place(t, account.ID, 100)
			_, err = other.holds.Void(t.Context(), voiding(placed.TransactionID))
			require.NoError(t, err)
			knows.place(t, account.ID, 1) // It meets the account's new version.
			_, err = knows.holds.Capture(t.Context(), capture(placed.TransactionID, 0))
			requireReason(t, "HOLD_VOIDED", err)
		}
	})
}

// Two replicas place, capture, void and expire holds on one account in random order. Each hold has one
// end, and a second one is refused with the reason of the first.
func TestTwoReplicasNeverBothEndAHold(t *testing.T) {
	const steps, amount = 400, 10
	reasons := map[bank.Kind]string{bank.KindCapture: "HOLD_CAPTURED", bank.KindVoid: "HOLD_VOIDED", bank.KindExpiry: "HOLD_EXPIRED"}
	onBothStores(t, func(t *testing.T, one, two *replica) {
		random := rand.New(rand.NewPCG(7, 7))
		account := one.wallet(t, 100_000)
		var placed []bank.Entry
		ended := make(map[bank.ID]bank.Kind)
		var taken int64
		for range steps {
			r := []*replica{one, two}[random.IntN(2)]
			step := random.IntN(10)
			if step < 4 || len(placed) == 0 {
				placed = append(placed, r.place(t, account.ID, amount))
				continue
			}
			held := placed[max(0, len(placed)-1-random.IntN(6))]
			end := ended[held.TransactionID]
			switch {
			case step < 8:
				part := random.Int64N(amount + 1) // 0 is all of it.
				captured, err := r.holds.Capture(t.Context(), capture(held.TransactionID, part))
				if end != 0 {
					requireReason(t, reasons[end], err)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, held, captured.Hold)
				taken += captured.Entry.Amount
				ended[held.TransactionID] = bank.KindCapture
			case step < 9:
				state, err := r.holds.Void(t.Context(), voiding(held.TransactionID))
				if end == bank.KindCapture {
					requireReason(t, reasons[end], err)
					continue
				}
				require.NoError(t, err)
				if end == 0 {
					end = bank.KindVoid
				}
				require.Equal(t, end, state.EndedBy)
				ended[held.TransactionID] = end
			case random.IntN(5) == 0:
				one.clock.Set(one.clock.Now().Add(bank.HoldLife + time.Second))
				r.expirer.Round(t.Context())
				for _, held := range placed {
					if ended[held.TransactionID] == 0 {
						ended[held.TransactionID] = bank.KindExpiry
					}
				}
			}
		}
		for _, held := range placed {
			state, err := two.store.Hold(t.Context(), held.TransactionID)
			require.NoError(t, err)
			require.Equal(t, ended[held.TransactionID], state.EndedBy)
			require.Equal(t, held, state.Hold, "what is kept in memory is what the database says")
		}
		open := int64(amount * (len(placed) - len(ended)))
		require.Equal(t, [3]int64{100_000 - taken, open, 100_000 - taken - open}, one.figures(t, account.ID))
	})
}
