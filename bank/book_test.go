package bank_test

import (
	"math"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/money"
	"github.com/stretchr/testify/require"
)

func bookOf(accounts ...bank.Account) *bank.Book {
	return bank.NewBook(bank.ReadSet{Accounts: accounts})
}

func accountWith(id byte, balance, sequence int64, lastAt time.Time) bank.Account {
	return bank.Account{ID: bank.ID{id}, Kind: bank.AccountWallet, Currency: money.Currency{}, Balance: balance, Sequence: sequence, LastAt: lastAt}
}

func TestBothLegsOfATransferArePostedTogether(t *testing.T) {
	early, late := time.UnixMilli(1000).UTC(), time.UnixMilli(5000).UTC()
	book := bookOf(accountWith(1, 100, 7, early), accountWith(2, 5, 3, late))
	debit := bank.Posting{Entry: bank.Entry{TransactionID: bank.ID{9}, AccountID: bank.ID{1}}, Effect: bank.Effect{Balance: -40}}
	credit := bank.Posting{Entry: bank.Entry{TransactionID: bank.ID{9}, AccountID: bank.ID{2}}, Effect: bank.Effect{Balance: 40}}
	first, second, err := book.PostBoth(debit, credit, early.Add(time.Second))
	require.NoError(t, err)
	require.Equal(t, []any{uint8(0), int64(8), int64(60), late}, []any{first.Leg, first.Sequence, first.BalanceAfter, first.OccurredAt})
	require.Equal(t, []any{uint8(1), int64(4), int64(45), late}, []any{second.Leg, second.Sequence, second.BalanceAfter, second.OccurredAt})
	require.Same(t, first, book.Entry(bank.ID{9}))
	require.Same(t, second, book.Second(bank.ID{9}))
	require.Len(t, book.Changes().Accounts, 2)
}

func TestBothLegsOnOneAccountFollowEachOther(t *testing.T) {
	book := bookOf(accountWith(1, 100, 7, time.UnixMilli(1)))
	entry := bank.Entry{TransactionID: bank.ID{9}, AccountID: bank.ID{1}}
	first, second, err := book.PostBoth(bank.Posting{Entry: entry, Effect: bank.Effect{Balance: -40}}, bank.Posting{Entry: entry, Effect: bank.Effect{Held: 3}}, time.UnixMilli(2))
	require.NoError(t, err)
	require.Equal(t, []int64{8, 60, 0}, []int64{first.Sequence, first.BalanceAfter, first.HeldAfter})
	require.Equal(t, []int64{9, 60, 3}, []int64{second.Sequence, second.BalanceAfter, second.HeldAfter})
}

func TestNothingIsPostedWhenTheSecondLegDoesNotFit(t *testing.T) {
	for name, other := range map[string]bank.Account{
		"it overflows":           accountWith(2, math.MaxInt64, 3, time.UnixMilli(1)),
		"its account is missing": accountWith(3, 0, 3, time.UnixMilli(1)),
	} {
		book := bookOf(accountWith(1, 100, 7, time.UnixMilli(1)), other)
		_, _, err := book.PostBoth(
			bank.Posting{Entry: bank.Entry{AccountID: bank.ID{1}}, Effect: bank.Effect{Balance: -40}},
			bank.Posting{Entry: bank.Entry{AccountID: bank.ID{2}}, Effect: bank.Effect{Balance: 40}}, time.UnixMilli(2))
		require.Error(t, err, name)
		changes := book.Changes()
		require.True(t, changes.IsEmpty(), name)
	}
}
