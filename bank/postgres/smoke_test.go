package postgres_test

import (
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/money"
	"codebank.dev/bank/postgres"
	"codebank.dev/stack/postgres/postgrestest"
	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	ctx := t.Context()
	store, err := postgres.Open(ctx, postgres.Config{URL: postgrestest.Database(t), BankCode: "001"})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Migrate(ctx))
	require.NoError(t, store.Migrate(ctx))
	id := bank.ID{1}
	card := bank.ID{2}
	now := time.Now().UTC().Truncate(time.Millisecond)
	keys := bank.Keys{Accounts: []bank.ID{id}, Cards: []bank.ID{card}, Transactions: []bank.ID{{9}}}
	require.NoError(t, store.Execute(ctx, keys, func(b *bank.Book) error {
		b.Open(bank.Account{ID: id, CustomerID: bank.ID{5}, Kind: bank.AccountCard, Currency: money.MustCurrency("BRL")})
		b.Issue(bank.NewCard{Card: bank.Card{CardFace: bank.CardFace{ID: card, Brand: bank.Visa, BIN: "411111", Last4: "1111"}, AccountID: id, Expiry: bank.Expiry{Month: 12, Year: 2030}, IssuedAt: now, WrongAt: []time.Time{now}},
			Lookup: [32]byte{7}, Sealed: bank.Sealed{KeyID: "k", Ciphertext: []byte("x")}})
		e, err := b.Post(bank.Entry{TransactionID: bank.ID{9}, AccountID: id, Kind: bank.KindOpening, Direction: bank.NoDirection, Status: bank.Applied, Card: bank.CardFace{ID: card}}, bank.Effect{CreditLimit: 1000}, now)
		if err != nil {
			return err
		}
		b.Emit(bank.Event{TransactionID: e.TransactionID, AccountID: id, Sequence: 1, Key: id, SchemaVersion: 1, Body: []byte("hello")})
		return nil
	}))
	require.NoError(t, store.Execute(ctx, keys, func(b *bank.Book) error {
		a, ok := b.Account(id)
		require.True(t, ok)
		require.EqualValues(t, 1000, a.CreditLimit)
		c, ok := b.Card(card)
		require.True(t, ok)
		require.Equal(t, []time.Time{now}, c.WrongAt)
		c.Blocked = true
		b.SetCard(c)
		require.NotNil(t, b.Entry(bank.ID{9}))
		_, err := b.Post(bank.Entry{TransactionID: bank.ID{10}, AccountID: id, Kind: bank.KindPurchase, Direction: bank.Debit, Status: bank.Approved, Amount: 400, DebitAccount: id, CreditAccount: bank.ID{3}}, bank.Effect{Balance: -400}, now)
		return err
	}))
	a, err := store.Account(ctx, id)
	require.NoError(t, err)
	require.EqualValues(t, 600, a.Available())
	rows, err := store.Fetch(ctx, 10, nil)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	epoch, err := store.Acquire(ctx, "me", time.Second)
	require.NoError(t, err)
	require.EqualValues(t, 1, epoch)
	n, oldest, err := store.Backlog(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.WithinDuration(t, now, oldest, time.Minute)
	require.NoError(t, store.Delete(ctx, epoch, []int64{rows[0].ID}))
	rows, err = store.Fetch(ctx, 10, nil)
	require.NoError(t, err)
	require.Empty(t, rows)
	require.ErrorIs(t, store.Delete(ctx, 7, nil), bank.ErrNotFound)
	for e, err := range store.Entries(ctx, postgres.Position{}) {
		require.NoError(t, err)
		t.Log(e.Sequence, e.Currency, e.Card)
	}
}
