package hold_test

import (
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

// allowHistory lets the requests of a replica name their times.
func (r *replica) allowHistory() { r.holds.History = &bank.History{Now: r.clock.Now} }

func TestHoldsOfAHistoryAreDecidedAtTheTimesOfTheirRequests(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		one.allowHistory()
		two.allowHistory()
		account, placed := one.wallet(t, 1000).ID, one.clock.Now().AddDate(0, 0, 1)
		one.clock.Advance(365 * 24 * time.Hour)
		place := func(at, expires time.Time) bank.Entry {
			t.Helper()
			request := ask(account, 100)
			request.At, request.ExpiresAt = at, expires
			entry, err := one.holds.Place(t.Context(), request)
			require.NoError(t, err)
			require.True(t, at.Equal(entry.OccurredAt))
			again, err := two.holds.Place(t.Context(), request)
			require.NoError(t, err)
			require.Equal(t, entry, again, "the same request gets the first outcome")
			request.At = at.Add(time.Millisecond)
			_, err = two.holds.Place(t.Context(), request)
			require.ErrorIs(t, err, bank.ErrRequestIDReused, "with another time it is a different request")
			return entry
		}
		taken, late, released, open := place(placed, time.Time{}), place(placed, time.Time{}), place(placed, placed.Add(time.Hour)), place(placed, time.Time{})
		require.True(t, placed.Add(bank.HoldLife).Equal(taken.HoldExpiresAt), "7 days from the time of the request")

		release := voiding(released.TransactionID)
		release.At = placed.Add(time.Minute)
		voided, err := one.holds.Void(t.Context(), release)
		require.NoError(t, err)
		require.Equal(t, bank.KindVoid, voided.EndedBy)
		take := capture(taken.TransactionID, 60)
		take.At = placed.AddDate(0, 0, 3)
		captured, err := one.holds.Capture(t.Context(), take)
		require.NoError(t, err, "it lies a year back, but before the hold's expiry")
		require.True(t, take.At.Equal(captured.Entry.OccurredAt))
		again := take
		again.At = again.At.Add(time.Second)
		_, err = two.holds.Capture(t.Context(), again)
		require.ErrorIs(t, err, bank.ErrRequestIDReused)
		take = capture(late.TransactionID, 60)
		take.At = placed.AddDate(0, 0, 8)
		_, err = two.holds.Capture(t.Context(), take)
		requireReason(t, "HOLD_EXPIRED", err)

		one.expirer.Round(t.Context())
		state, err := one.store.Hold(t.Context(), open.TransactionID)
		require.NoError(t, err)
		require.Equal(t, bank.KindExpiry, state.EndedBy, "a bank of the present ends what the history left open")
	})
}

func TestAnExpiryIsBoundedByTheTimeOfItsRequest(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		one.allowHistory()
		account, at := one.wallet(t, 1000).ID, one.clock.Now().AddDate(0, 0, 1)
		one.clock.Advance(365 * 24 * time.Hour)
		for _, expires := range []time.Time{at, at.Add(bank.MaxHoldLife + time.Millisecond), one.clock.Now().Add(time.Hour)} {
			request := ask(account, 100)
			request.At, request.ExpiresAt = at, expires
			_, err := one.holds.Place(t.Context(), request)
			require.Equal(t, "expire_time", fault.Of(err).Field)
		}
	})
}

func TestABankOfThePresentRefusesHoldsOfAnotherTime(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, past *replica) {
		past.allowHistory()
		account, at := one.wallet(t, 1000).ID, one.clock.Now().Add(-time.Hour)
		request := ask(account, 100)
		placed, err := one.holds.Place(t.Context(), request)
		require.NoError(t, err)
		for _, test := range []struct {
			r  *replica
			at time.Time
		}{{one, at}, {past, one.clock.Now().Add(time.Hour)}, {past, at.Add(time.Microsecond)}} {
			later := ask(account, 100)
			later.At = test.at
			_, errPlace := test.r.holds.Place(t.Context(), later)
			take, release := capture(placed.TransactionID, 0), voiding(placed.TransactionID)
			take.At, release.At = test.at, test.at
			_, errCapture := test.r.holds.Capture(t.Context(), take)
			_, errVoid := test.r.holds.Void(t.Context(), release)
			for _, err := range []error{errPlace, errCapture, errVoid} {
				require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
				require.Equal(t, "request_time", fault.Of(err).Field)
			}
		}
		require.Equal(t, [3]int64{1000, 100, 900}, one.figures(t, account), "nothing was decided")
	})
}
