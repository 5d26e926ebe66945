package banktest

import (
	"bytes"
	"cmp"
	"slices"
	"testing"
	"time"

	"codebank.dev/bank"
	"github.com/stretchr/testify/require"
)

func listsAccounts(t *testing.T, ledger Ledger) {
	owner := NewID()
	var want []bank.Account
	// Two of them are opened at the same time.
	for _, later := range []time.Duration{3, 1, 2, 1, 5} {
		account, at := NewAccount(), Start.Add(later*time.Second)
		account.CustomerID, account.Kind = owner, bank.AccountWallet
		Commit(t, ledger, bank.Keys{}, func(book *bank.Book) error {
			book.Open(account)
			_, err := book.Post(Opening(account.ID), bank.Effect{Balance: 7}, at)
			return err
		})
		account.Balance, account.Sequence, account.LastAt = 7, 1, at
		want = append(want, account)
		facts, err := ledger.AccountByID(t.Context(), account.ID)
		require.NoError(t, err)
		require.Equal(t, bank.AccountFacts{ID: account.ID, CustomerID: owner, Kind: bank.AccountWallet, Currency: BRL}, facts)
	}
	OpenCustomer(t, ledger, 1000) // Another customer's account is not among them.
	slices.SortFunc(want, func(a, b bank.Account) int {
		return cmp.Or(a.LastAt.Compare(b.LastAt), bytes.Compare(a.ID[:], b.ID[:]))
	})
	var got []bank.Account
	after := bank.ID{}
	for _, length := range []int{2, 2, 1, 0} {
		page, err := ledger.AccountsOf(t.Context(), owner, after, 2)
		require.NoError(t, err)
		require.Len(t, page, length)
		got = append(got, page...)
		if length > 0 {
			after = page[length-1].ID
		}
	}
	require.Equal(t, want, got)
}

func readsDetails(t *testing.T, ledger Ledger) {
	pair := OpenCustomers(t, ledger, 2, 1000)
	transfer, hold := NewID(), NewID()
	keys := bank.Keys{Accounts: []bank.ID{pair[0].Account, pair[1].Account}, Transactions: []bank.ID{transfer, hold}}
	var legs []*bank.Entry
	Commit(t, ledger, keys, func(book *bank.Book) error {
		out, in := Transfer(pair[0], pair[1], transfer, 40)
		first, second, err := book.PostBoth(
			bank.Posting{Entry: out, Effect: bank.Effect{Balance: -40}}, bank.Posting{Entry: in, Effect: bank.Effect{Balance: 40}}, Start)
		legs = []*bank.Entry{first, second}
		return err
	})
	Commit(t, ledger, keys, func(book *bank.Book) error {
		_, err := book.Post(Hold(pair[0], hold, 50), bank.Effect{Held: 50}, Start)
		return err
	})
	back, forth := Transfer(pair[1], pair[0], NewID(), 15)
	for _, leg := range []*bank.Entry{&back, &forth} {
		leg.Kind, leg.OriginalID, leg.Leg = bank.KindReversal, transfer, 1-leg.Leg
	}
	keys.Originals = []bank.ID{transfer, hold}
	Commit(t, ledger, keys, func(book *bank.Book) error {
		_, _, err := book.PostBoth(
			bank.Posting{Entry: forth, Effect: bank.Effect{Balance: 15}}, bank.Posting{Entry: back, Effect: bank.Effect{Balance: -15}}, Start)
		if err != nil {
			return err
		}
		capture := Capture(pair[0], hold, 30, 20)
		_, _, err = book.PostBoth(bank.Posting{Entry: capture[0], Effect: bank.Effect{Balance: -30, Held: -30}},
			bank.Posting{Entry: capture[1], Effect: bank.Effect{Held: -20}}, Start)
		return err
	})
	details, err := ledger.Details(t.Context(), transfer)
	require.NoError(t, err)
	require.Equal(t, transfer, details.Entry.TransactionID)
	require.Equal(t, pair[0].Account, details.Entry.AccountID)
	require.Equal(t, legs[1].EventID(), details.Second.EventID())
	require.Equal(t, []int64{15, 0, 0}, []int64{details.GivenBack, details.Captured, details.Released})
	details, err = ledger.Details(t.Context(), hold)
	require.NoError(t, err)
	require.Nil(t, details.Second)
	require.Equal(t, []int64{0, 30, 20}, []int64{details.GivenBack, details.Captured, details.Released})
}
