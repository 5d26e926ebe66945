package postgres_test

import (
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/field"
	"github.com/stretchr/testify/require"
)

func TestOutboxRowsAreReadPageByPageUpToAnID(t *testing.T) {
	store := openAt(t, postgrestest.Database(t))
	last, err := store.LastOutboxID(t.Context())
	require.NoError(t, err)
	require.Zero(t, last)

	const rows = 2500
	customer := banktest.OpenCustomer(t, store, field.MaxMinor)
	banktest.Commit(t, store, banktest.KeysOf(customer), func(book *bank.Book) error {
		for range rows {
			entry, err := book.Post(banktest.Purchase(customer, banktest.NewID(), 1), bank.Effect{Balance: -1}, banktest.Start)
			if err != nil {
				return err
			}
			book.Emit(banktest.EventOf(entry))
		}
		return nil
	})
	last, err = store.LastOutboxID(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, rows, last)

	read := func(after, through int64) (ids []int64) {
		for row, err := range store.OutboxEvents(t.Context(), after, through) {
			require.NoError(t, err)
			require.NotEmpty(t, row.Body)
			ids = append(ids, row.ID)
		}
		return ids
	}
	all := read(0, last)
	require.Len(t, all, rows)
	require.IsIncreasing(t, all)
	require.Equal(t, all[999:2001], read(all[998], all[2000]))
	require.Empty(t, read(last, last))

	epoch, err := store.Acquire(t.Context(), "relay", 1<<40)
	require.NoError(t, err)
	require.NoError(t, store.Delete(t.Context(), epoch, all[:1500]))
	require.Equal(t, all[1500:], read(0, last))
}
