package banktest

import (
	"testing"
	"time"

	"codebank.dev/bank"
	"github.com/stretchr/testify/require"
)

// holdUntil returns an approved hold that ends by itself at expiresAt, or never.
func holdUntil(customer Customer, amount int64, expiresAt time.Time) bank.Entry {
	entry := Hold(customer, NewID(), amount)
	entry.HoldExpiresAt = expiresAt
	return entry
}

// placeHold commits a hold and reads it back.
func placeHold(t *testing.T, ledger Ledger, hold bank.Entry) bank.Entry {
	t.Helper()
	keys := bank.Keys{Accounts: []bank.ID{hold.AccountID}, Transactions: []bank.ID{hold.TransactionID}}
	Commit(t, ledger, keys, post(hold))
	placed, _, err := ledger.Transaction(t.Context(), hold.TransactionID)
	require.NoError(t, err)
	return placed
}

// post returns a decision that posts entries with the effects that their amounts have.
func post(entries ...bank.Entry) func(*bank.Book) error {
	return func(book *bank.Book) error {
		for _, entry := range entries {
			effect := bank.Effect{Held: -entry.Amount}
			switch {
			case entry.Kind == bank.KindHold:
				effect.Held = entry.Amount
			case entry.Kind == bank.KindReversal:
				effect = bank.Effect{Balance: entry.Amount}
			case entry.Moves():
				effect.Balance = -entry.Amount
			}
			if _, err := book.Post(entry, effect, Start); err != nil {
				return err
			}
		}
		return nil
	}
}

// refusesBadHolds posts what no program may post, on a hold of 100. The store alone refuses it.
func refusesBadHolds(t *testing.T, ledger Ledger) {
	customer, other := OpenCustomer(t, ledger, 1000), OpenCustomer(t, ledger, 1000)
	held := placeHold(t, ledger, holdUntil(customer, 100, time.Time{})).TransactionID
	// What is held never is below zero here, because that is refused too.
	placeHold(t, ledger, holdUntil(customer, 10, time.Time{}))
	placeHold(t, ledger, holdUntil(other, 100, time.Time{}))
	changed := func(entries []bank.Entry, change func(*bank.Entry)) []bank.Entry {
		change(&entries[0])
		return entries
	}
	whole := func() []bank.Entry { return Capture(customer, held, 100, 0)[:1] }
	release := func() []bank.Entry { return []bank.Entry{Release(customer, held, 100)} }
	placed := func() []bank.Entry { return []bank.Entry{Hold(customer, NewID(), 10)} }
	for name, entries := range map[string][]bank.Entry{
		"a hold without its name":      changed(placed(), func(e *bank.Entry) { e.HoldID = bank.ID{} }),
		"a hold with another's name":   changed(placed(), func(e *bank.Entry) { e.HoldID = held }),
		"a hold that is a credit":      changed(placed(), func(e *bank.Entry) { e.Direction = bank.Credit }),
		"a hold that moves money":      changed(placed(), func(e *bank.Entry) { e.DebitAccount, e.CreditAccount = customer.Account, Settlement }),
		"a hold beyond the limit":      changed(placed(), func(e *bank.Entry) { e.Amount = 901 }),
		"a capture without a hold":     changed(whole(), func(e *bank.Entry) { e.OriginalID, e.HoldID = bank.ID{}, bank.ID{} }),
		"a capture that names no hold": changed(whole(), func(e *bank.Entry) { e.HoldID = bank.ID{} }),
		"a capture of another hold":    changed(whole(), func(e *bank.Entry) { e.HoldID = NewID() }),
		"a capture of no hold":         changed(whole(), func(e *bank.Entry) { e.HoldID = NewID(); e.OriginalID = e.HoldID }),
		"a capture that moves nothing": changed(whole(), func(e *bank.Entry) { e.DebitAccount, e.CreditAccount = bank.ID{}, bank.ID{} }),
		"a capture to the customer":    changed(whole(), func(e *bank.Entry) { e.DebitAccount, e.CreditAccount = e.CreditAccount, e.DebitAccount }),
		"a capture on another account": changed(whole(), func(e *bank.Entry) {
			e.AccountID, e.DebitAccount, e.Card = other.Account, other.Account, bank.CardSnapshot{}
		}),
		"a capture above the hold":       changed(whole(), func(e *bank.Entry) { e.Amount = 101 }),
		"a capture that leaves the rest": changed(whole(), func(e *bank.Entry) { e.Amount = 99 }),
		"a capture with too much rest":   Capture(customer, held, 60, 41),
		"a release of a part":            changed(release(), func(e *bank.Entry) { e.Amount = 99 }),
		"a release of too much":          changed(release(), func(e *bank.Entry) { e.Amount = 101 }),
		"a release on leg 1 alone":       changed(release(), func(e *bank.Entry) { e.Leg = 1 }),
		"a release that names no hold":   changed(release(), func(e *bank.Entry) { e.HoldID = bank.ID{} }),
		"a release of no hold, on leg 1": changed(release(), func(e *bank.Entry) { e.Leg, e.HoldID = 1, NewID(); e.OriginalID = e.HoldID }),
		"an expiry that moves money":     changed(whole(), func(e *bank.Entry) { e.Kind = bank.KindExpiry }),
	} {
		keys := KeysOf(customer, entries[0].TransactionID)
		keys.Accounts = append(keys.Accounts, other.Account)
		keys.Sort()
		require.ErrorIs(t, ledger.Execute(t.Context(), keys, post(entries...)), bank.ErrRejected, name)
	}
	Commit(t, ledger, KeysOf(customer), post(Capture(customer, held, 60, 40)...))
	for name, entries := range map[string][]bank.Entry{"captured": whole(), "released": release()} {
		placeHold(t, ledger, holdUntil(customer, 100, time.Time{}))
		require.ErrorIs(t, ledger.Execute(t.Context(), KeysOf(customer), post(entries...)), bank.ErrRetry, "%s a second time", name)
	}
}

// readsDueHolds reads holds page by page, and only those that are due and open.
func readsDueHolds(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	var want []bank.DueHold
	for _, after := range []time.Duration{3, 1, 2, 2, 1} {
		placed := placeHold(t, ledger, holdUntil(customer, 1, Start.Add(after*time.Minute)))
		if after < 3 {
			want = append(want, bank.DueHold{HoldID: placed.TransactionID, AccountID: customer.Account, ExpiresAt: placed.HoldExpiresAt})
		}
	}
	placeHold(t, ledger, holdUntil(customer, 1, time.Time{}))
	declined := Hold(customer, NewID(), 1)
	declined.Status, declined.Decline, declined.HoldExpiresAt = bank.Declined, bank.InsufficientFunds, Start
	Commit(t, ledger, KeysOf(customer), func(book *bank.Book) error {
		_, err := book.Post(declined, bank.Effect{}, Start)
		return err
	})
	for _, end := range []bank.Entry{Release(customer, NewID(), 1), Release(customer, NewID(), 1), Capture(customer, NewID(), 1, 0)[0]} {
		ended := placeHold(t, ledger, holdUntil(customer, 1, Start.Add(time.Second)))
		end.OriginalID, end.HoldID = ended.TransactionID, ended.TransactionID
		Commit(t, ledger, KeysOf(customer), post(end))
	}
	both := Hold(customer, NewID(), 1) // It is placed and ended in one batch.
	both.HoldExpiresAt = Start.Add(time.Second)
	Commit(t, ledger, KeysOf(customer), post(both, Release(customer, both.TransactionID, 1)))

	now, seen, after := Start.Add(2*time.Minute), []bank.DueHold(nil), bank.DueHold{}
	for {
		page, err := ledger.Due(t.Context(), now, after, 3)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		require.LessOrEqual(t, len(page), 3)
		seen, after = append(seen, page...), page[len(page)-1]
	}
	require.ElementsMatch(t, want, seen)
	for i := 1; i < len(seen); i++ {
		require.False(t, seen[i].ExpiresAt.Before(seen[i-1].ExpiresAt))
	}
	page, err := ledger.Due(t.Context(), Start.Add(time.Minute-time.Microsecond), bank.DueHold{}, 10)
	require.NoError(t, err)
	require.Empty(t, page, "nothing is due before its time")
}

// readsHolds reads holds that ended in each way.
func readsHolds(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	for name, test := range map[string]struct {
		ends func(hold bank.ID) []bank.Entry
		want bank.HoldState
	}{
		"open":             {func(bank.ID) []bank.Entry { return nil }, bank.HoldState{}},
		"captured":         {func(hold bank.ID) []bank.Entry { return Capture(customer, hold, 100, 0)[:1] }, bank.HoldState{EndedBy: bank.KindCapture, Captured: 100}},
		"captured in part": {func(hold bank.ID) []bank.Entry { return Capture(customer, hold, 30, 70) }, bank.HoldState{EndedBy: bank.KindCapture, Captured: 30, Released: 70}},
		"voided":           {func(hold bank.ID) []bank.Entry { return []bank.Entry{Release(customer, hold, 100)} }, bank.HoldState{EndedBy: bank.KindVoid, Released: 100}},
		"given back in part": {func(hold bank.ID) []bank.Entry {
			capture := Capture(customer, hold, 30, 70)
			back := GiveBack(customer, capture[0].TransactionID, 12)
			back.HoldID = hold
			return append(capture, back)
		}, bank.HoldState{EndedBy: bank.KindCapture, Captured: 30, Released: 70, GivenBack: 12}},
		"expired": {func(hold bank.ID) []bank.Entry {
			expiry := Release(customer, hold, 100)
			expiry.Kind = bank.KindExpiry
			return []bank.Entry{expiry}
		}, bank.HoldState{EndedBy: bank.KindExpiry, Released: 100}},
	} {
		placed := placeHold(t, ledger, holdUntil(customer, 100, Start.Add(time.Minute)))
		ends := test.ends(placed.TransactionID)
		Commit(t, ledger, KeysOf(customer), post(ends...))
		test.want.Hold = placed
		if len(ends) > 0 {
			test.want.EndID = ends[0].TransactionID
		}
		got, err := ledger.Hold(t.Context(), placed.TransactionID)
		require.NoError(t, err)
		require.Equal(t, test.want, got, name)
		require.Equal(t, len(ends) == 0, got.IsOpen())
		parties, err := ledger.Parties(t.Context(), placed.TransactionID)
		require.NoError(t, err)
		captured := bank.ID{}
		if test.want.Captured > 0 {
			captured = test.want.EndID
		}
		require.Equal(t, captured, parties.CaptureID, name)
	}
	for name, id := range map[string]bank.ID{"a purchase": Buy(t, ledger, customer, 1).TransactionID, "nothing": NewID()} {
		_, err := ledger.Hold(t.Context(), id)
		require.ErrorIs(t, err, bank.ErrNotFound, name)
	}
}
