package purchase_test

import (
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/card"
	"codebank.dev/bank/purchase"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

// allowHistory lets the requests of a replica name their times.
func (r *replica) allowHistory() {
	past := &bank.History{Now: r.clock.Now}
	r.cards.History, r.purchases.History = past, past
}

func TestAHistoryIsDecidedAtTheTimesOfItsRequests(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		one.allowHistory()
		two.allowHistory()
		opened := one.clock.Now().AddDate(-6, 0, 0)
		issued := one.issue(t, func(r *card.IssueRequest) { r.At, r.Rules = opened, bank.PurchaseRules{PerMinute: 1} })
		require.Equal(t, opened.Year()+5, issued.Data.Expiry.Year, "good for five years from then")
		buy := func(at time.Time, change func(*purchase.Request)) bank.Entry {
			t.Helper()
			ask := request(issued.Data, 100)
			ask.At = at
			if change != nil {
				change(&ask)
			}
			bought, err := one.purchases.Authorize(t.Context(), ask)
			require.NoError(t, err)
			again, err := two.purchases.Authorize(t.Context(), ask)
			require.NoError(t, err)
			require.Equal(t, bought.Entry, again.Entry, "the same request gets the first outcome")
			ask.At = at.Add(time.Millisecond)
			_, err = two.purchases.Authorize(t.Context(), ask)
			require.ErrorIs(t, err, bank.ErrRequestIDReused, "with another time it is a different request")
			require.NotEqual(t, at, ask.At)
			return bought.Entry
		}
		first := opened.AddDate(1, 0, 0)
		bought := buy(first, nil)
		require.Equal(t, bank.Approved, bought.Status)
		require.True(t, first.Equal(bought.OccurredAt))
		require.Less(t, bought.DecisionMicros, int64(time.Hour/time.Microsecond), "the duration of the decision is measured now")

		require.Equal(t, bank.TooFrequent, buy(first.Add(time.Second), nil).Decline, "the bucket fills by the time of the request")
		require.Equal(t, bank.Approved, buy(first.Add(time.Minute), nil).Status)
		early := buy(first.Add(-time.Hour), func(r *purchase.Request) { r.CardData.CVV = wrong(r.CardData.CVV) })
		require.True(t, first.Add(time.Minute).Equal(early.OccurredAt), "time never runs against the sequence")

		guesses := first.AddDate(0, 1, 0)
		for i := range bank.WrongAttemptsToLock {
			decline := buy(guesses.Add(time.Duration(i)*time.Second), func(r *purchase.Request) { r.CardData.CVV = wrong(r.CardData.CVV) }).Decline
			require.Equal(t, bank.CVVMismatch, decline)
		}
		require.Equal(t, bank.Locked, buy(guesses.Add(bank.LockTime), nil).Decline)
		require.Equal(t, bank.Approved, buy(guesses.Add(bank.LockTime+time.Minute), nil).Status)

		back := purchase.ReverseRequest{
			Caller: "shop", RequestID: banktest.NewID().String(), Name: "purchases/" + bought.TransactionID.String(), At: guesses.AddDate(0, 0, 3),
		}
		reversed, err := one.purchases.Reverse(t.Context(), back)
		require.NoError(t, err)
		require.True(t, back.At.Equal(reversed.Entry.OccurredAt))
		back.At = back.At.Add(time.Hour)
		_, err = two.purchases.Reverse(t.Context(), back)
		require.ErrorIs(t, err, bank.ErrRequestIDReused)

		later := buy(guesses.AddDate(0, 0, 4), func(r *purchase.Request) { r.CaptureLater = true })
		require.True(t, guesses.AddDate(0, 0, 4).Add(bank.HoldLife).Equal(later.HoldExpiresAt), "7 days from then")
		void := purchase.VoidRequest{Caller: "shop", RequestID: later.Request.ID, At: guesses.AddDate(0, 0, 5)}
		voided, err := one.purchases.Void(t.Context(), void)
		require.NoError(t, err)
		require.Equal(t, bank.KindVoid, voided.EndedBy)
		account, err := two.cards.Account(t.Context(), "accounts/"+issued.Account.ID.String())
		require.NoError(t, err)
		require.True(t, void.At.Equal(account.LastAt))

		require.Equal(t, bank.Expired, buy(opened.AddDate(5, 1, 0), nil).Decline)
	})
}

func wrong(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

func TestATimeThatIsNotAllowedIsRefusedByFieldName(t *testing.T) {
	onBothStores(t, func(t *testing.T, present, past *replica) {
		past.allowHistory()
		issued := present.issue(t, nil)
		now := present.clock.Now()
		for name, test := range map[string]struct {
			at *replica
			of time.Time
		}{
			"a bank of the present":     {present, now.AddDate(0, -1, 0)},
			"the future":                {past, now.Add(time.Hour)},
			"before the year 2000":      {past, time.Date(1999, 12, 31, 23, 59, 59, 999e6, time.UTC)},
			"a fraction of millisecond": {past, now.AddDate(0, -1, 0).Add(time.Microsecond)},
		} {
			ask := request(issued.Data, 100)
			ask.At = test.of
			_, err := test.at.purchases.Authorize(t.Context(), ask)
			requireField(t, err, name)
			_, err = test.at.purchases.Reverse(t.Context(), purchase.ReverseRequest{
				Caller: "shop", RequestID: "r", Name: "purchases/" + banktest.NewID().String(), At: test.of,
			})
			requireField(t, err, name)
			_, err = test.at.purchases.Void(t.Context(), purchase.VoidRequest{Caller: "shop", RequestID: ask.RequestID, At: test.of})
			requireField(t, err, name)
			_, err = test.at.cards.Issue(t.Context(), card.IssueRequest{
				Caller: "branch", RequestID: "i", HolderName: "Ada", Currency: "BRL", At: test.of,
			})
			requireField(t, err, name)
		}
		account, err := present.cards.Account(t.Context(), "accounts/"+issued.Account.ID.String())
		require.NoError(t, err)
		require.EqualValues(t, 1, account.Sequence, "nothing was stored")
	})
}

func requireField(t *testing.T, err error, message string) {
	t.Helper()
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), message)
	require.Equal(t, "request_time", fault.Of(err).Field, message)
}
