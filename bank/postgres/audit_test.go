package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/field"
	"github.com/stretchr/testify/require"
)

// filled is a ledger with entries of several accounts over several pages, and refusals.
type filled struct {
	store     *postgres.Store
	customers []banktest.Customer
	refused   []bank.ID
	voided    bank.ID
}

const filledEach = 450

func fill(t *testing.T) filled {
	f := filled{store: openAt(t, postgrestest.Database(t)), voided: banktest.NewID()}
	f.customers = banktest.OpenCustomers(t, f.store, 5, field.MaxMinor)
	slices.SortFunc(f.customers, func(a, b banktest.Customer) int { return bytes.Compare(a.Account[:], b.Account[:]) })
	var keys bank.Keys
	for _, customer := range f.customers {
		keys.Add(banktest.KeysOf(customer))
	}
	banktest.Commit(t, f.store, keys, func(book *bank.Book) error {
		f.refused = nil
		for range filledEach {
			for _, customer := range f.customers {
				if _, err := book.Post(banktest.Purchase(customer, banktest.NewID(), 1), bank.Effect{Balance: -1}, banktest.Start); err != nil {
					return err
				}
			}
		}
		for range 1100 {
			f.refused = append(f.refused, book.Refuse(banktest.Refusal(banktest.NewID()), banktest.Start).TransactionID)
		}
		tombstone := bank.Entry{TransactionID: f.voided, Kind: bank.KindPurchase, Direction: bank.NoDirection, Status: bank.Voided}
		book.Refuse(tombstone, banktest.Start)
		return nil
	})
	slices.SortFunc(f.refused, func(a, b bank.ID) int { return bytes.Compare(a[:], b[:]) })
	return f
}

func TestEveryEntryIsReadInOrder(t *testing.T) {
	f := fill(t)
	i := 0
	for entry, err := range f.store.Entries(t.Context(), postgres.Position{}) {
		require.NoError(t, err)
		require.Equal(t, f.customers[i/(filledEach+1)].Account, entry.AccountID)
		require.EqualValues(t, i%(filledEach+1)+1, entry.Sequence)
		if entry.Kind == bank.KindPurchase {
			kept, _, err := f.store.Transaction(t.Context(), entry.TransactionID)
			require.NoError(t, err)
			require.Equal(t, &kept, entry)
		}
		i++
	}
	require.Equal(t, len(f.customers)*(filledEach+1), i)

	third := f.customers[3]
	for entry, err := range f.store.Entries(t.Context(), postgres.Position{AccountID: third.Account, Sequence: 17}) {
		require.NoError(t, err)
		require.Equal(t, third.Account, entry.AccountID)
		require.EqualValues(t, 18, entry.Sequence)
		break
	}
	var refused []bank.ID
	for entry, err := range f.store.Refusals(t.Context(), bank.ID{}) {
		require.NoError(t, err)
		if entry.Status == bank.Declined {
			refused = append(refused, entry.TransactionID)
		}
	}
	require.Equal(t, f.refused, refused)
	var accounts []bank.ID
	for account, err := range f.store.Accounts(t.Context(), f.customers[0].Account) {
		require.NoError(t, err)
		accounts = append(accounts, account.ID)
	}
	require.Len(t, accounts, len(f.customers)-1)
}

func TestACutShowsOneMoment(t *testing.T) {
	f := fill(t)
	banktest.Buy(t, f.store, f.customers[2], 1)
	var accounts []postgres.Figures
	var refused []bank.ID
	var waiting []int64
	require.NoError(t, f.store.Cut(t.Context(), postgres.Cut{
		Account: func(account postgres.Figures) {
			if accounts = append(accounts, account); len(accounts) == 1 {
				banktest.Buy(t, f.store, f.customers[4], 1)
			}
		},
		Refused: func(transaction bank.ID) { refused = append(refused, transaction) },
		Waiting: func(outboxID int64) { waiting = append(waiting, outboxID) },
	}))
	require.Len(t, accounts, len(f.customers))
	for i, customer := range f.customers {
		require.Equal(t, customer.Account, accounts[i].AccountID)
	}
	require.EqualValues(t, filledEach+2, accounts[2].Sequence)
	require.EqualValues(t, filledEach+1, accounts[4].Sequence, "what came later is not in it")
	require.Equal(t, f.refused, refused, "what was voided before it was decided has no event")
	rows, err := f.store.Fetch(t.Context(), 10, nil)
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Equal(t, []int64{rows[0].ID}, waiting)
}

func TestEventsAreMadeAgainFromTheLedger(t *testing.T) {
	f := fill(t)
	ctx, customer := t.Context(), f.customers[1]
	encode := func(entry *bank.Entry) (bank.Event, error) { return banktest.EventOf(entry), nil }
	requeued, err := f.store.RequeueEvents(ctx, postgres.Span{AccountID: customer.Account, From: 100}, encode)
	require.NoError(t, err)
	require.Equal(t, filledEach+1-99, requeued)
	waiting, err := f.store.Fetch(ctx, 10_000, nil)
	require.NoError(t, err)
	require.Len(t, waiting, requeued)
	for i, row := range waiting {
		entry := bank.Entry{AccountID: customer.Account, Sequence: int64(100 + i), TransactionID: row.Event.TransactionID}
		require.Equal(t, banktest.EventOf(&entry), row.Event)
	}

	requeued, err = f.store.RequeueRefusals(ctx, bank.ID{}, encode)
	require.NoError(t, err)
	require.Equal(t, len(f.refused), requeued)
	all, err := f.store.Fetch(ctx, 10_000, nil)
	require.NoError(t, err)
	require.Len(t, all, len(waiting)+requeued)
	for i, row := range all[len(waiting):] {
		require.Equal(t, f.refused[i], row.Event.TransactionID)
	}

	requeued, err = f.store.RequeueEvents(ctx, postgres.Span{AccountID: customer.Account, From: 3, To: 5}, encode)
	require.NoError(t, err)
	require.Equal(t, 3, requeued, "both ends belong to a span")

	stop := errors.New("stop")
	_, err = f.store.RequeueEvents(ctx, postgres.Span{AccountID: customer.Account, From: 1}, func(*bank.Entry) (bank.Event, error) { return bank.Event{}, stop })
	require.ErrorIs(t, err, stop)
	requeued, err = f.store.RequeueEvents(ctx, postgres.Span{AccountID: banktest.NewID(), From: 1}, encode)
	require.NoError(t, err)
	require.Zero(t, requeued)
}

func TestAJournalConvertsTheEntriesOfTheLedger(t *testing.T) {
	f := fill(t)
	ctx := t.Context()
	journal := postgres.NewJournal(f.store, (*bank.Entry).EventID)
	count := 0
	for id, err := range journal.Entries(ctx, postgres.Position{AccountID: f.customers[3].Account, Sequence: filledEach}) {
		require.NoError(t, err)
		if count++; count == 1 {
			require.Equal(t, fmt.Sprintf("%s:%d", f.customers[3].Account, filledEach+1), id)
		}
	}
	require.Equal(t, 1+filledEach+1, count)
	var refused []string
	for id, err := range journal.Refusals(ctx) {
		require.NoError(t, err)
		refused = append(refused, id)
	}
	require.Len(t, refused, len(f.refused), "what was voided before it was decided has no event")

	id, found, err := journal.Entry(ctx, f.customers[0].Account, 7)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, f.customers[0].Account.String()+":7", id)
	id, found, err = journal.Transaction(ctx, f.refused[0])
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, f.refused[0].String(), id)
	for _, none := range []bank.ID{f.voided, banktest.NewID()} {
		_, found, err = journal.Transaction(ctx, none)
		require.NoError(t, err)
		require.False(t, found)
	}
	for _, customer := range []banktest.Customer{f.customers[0], f.customers[4], {Account: banktest.NewID()}} {
		_, found, err = journal.Entry(ctx, customer.Account, filledEach+2)
		require.NoError(t, err)
		require.False(t, found)
	}
}
