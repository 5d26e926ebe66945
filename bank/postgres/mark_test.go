package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
)

func requireSettled(t *testing.T, store *postgres.Store, mark bank.Mark, want bool) {
	t.Helper()
	drained, err := store.Drained(t.Context(), mark)
	require.NoError(t, err)
	require.Equal(t, want, drained)
}

// An id is taken before the commit, so a row that may still become visible holds the mark back.
func TestATransactionThatTookAnIDHoldsTheMarkBack(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	epoch, err := store.Acquire(t.Context(), "relay", time.Minute)
	require.NoError(t, err)
	late, failed := opened(t, url, "SELECT 1"), opened(t, url, "SELECT 1")
	queue(t, late, 1)
	queue(t, failed, 1)
	mark, err := store.Mark(t.Context(), epoch)
	require.NoError(t, err)
	requireSettled(t, store, mark, false)
	require.NoError(t, failed.Rollback(t.Context()))
	requireSettled(t, store, mark, false)
	require.NoError(t, late.Commit(t.Context()))
	requireSettled(t, store, mark, false)
	require.Len(t, relay(t, store, epoch), 1)
	requireSettled(t, store, mark, true)
}

// A transaction that begins to write after the mark does not hold it back.
func TestALaterTransactionDoesNotHoldTheMarkBack(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	epoch, err := store.Acquire(t.Context(), "relay", time.Minute)
	require.NoError(t, err)
	mark, err := store.Mark(t.Context(), epoch)
	require.NoError(t, err)
	queue(t, opened(t, url, "SELECT 1"), 1)
	requireSettled(t, store, mark, true)
}

func TestAMarkLiesBackByTheLongestTimeToWriteADecision(t *testing.T) {
	store := openAt(t, postgrestest.Database(t))
	epoch, err := store.Acquire(t.Context(), "relay", time.Minute)
	require.NoError(t, err)
	before := time.Now()
	mark, err := store.Mark(t.Context(), epoch)
	require.NoError(t, err)
	require.WithinRange(t, mark.CompleteTo, before.Add(-11*time.Second), time.Now().Add(-10*time.Second+time.Millisecond))
}

// The clock of the database was set back, or another database took over.
func TestAClockThatWasSetBackMakesNoMark(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	epoch, err := store.Acquire(t.Context(), "relay", time.Minute)
	require.NoError(t, err)
	admin := administer(t, url)
	admin(`UPDATE relay_lease SET marked_at = now() + interval '1 hour'`)
	_, err = store.Mark(t.Context(), epoch)
	require.ErrorIs(t, err, bank.ErrNoMark)
	admin(`UPDATE relay_lease SET marked_at = now()`)
	_, err = store.Mark(t.Context(), epoch)
	require.NoError(t, err)
}

// An optimistic batch that is not written for a long time, because the process was frozen, must not
// be written at all: a mark may have passed it.
func TestAnOptimisticBatchThatIsTooOldIsDecidedAgain(t *testing.T) {
	refused := banktest.Refusal(banktest.NewID())
	for name, batch := range map[string]struct {
		customers int
		more      []bank.ID
		decide    func(*bank.Book)
	}{
		"one decision":           {customers: 1},
		"several":                {customers: 2},
		"one without an account": {more: []bank.ID{refused.TransactionID}, decide: func(book *bank.Book) { book.Refuse(refused, banktest.Start) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := openAt(t, postgrestest.Database(t))
			keys := bank.Keys{Transactions: batch.more}
			customers := banktest.OpenCustomers(t, store, 2, 1000)[:batch.customers]
			for _, customer := range customers {
				banktest.Buy(t, store, customer, 1)
				keys.Add(banktest.KeysOf(customer))
			}
			keys.Sort()
			store.OptimisticFor(-time.Millisecond)
			before, tries := store.Stats(), 0
			require.NoError(t, store.Execute(t.Context(), keys, func(book *bank.Book) error {
				tries++
				for _, customer := range customers {
					if err := buyFrom(book, customer); err != nil {
						return err
					}
				}
				if batch.decide != nil {
					batch.decide(book)
				}
				return nil
			}))
			require.Equal(t, 2, tries)
			require.Equal(t, before.Conflicts+1, store.Stats().Conflicts)
			require.Equal(t, before.Locked+1, store.Stats().Locked)
			require.Equal(t, before.Optimistic, store.Stats().Optimistic)
		})
	}
}

func buyFrom(book *bank.Book, customer banktest.Customer) error {
	entry, err := book.Post(banktest.Purchase(customer, banktest.NewID(), 1), bank.Effect{Balance: -1}, banktest.Start)
	if err == nil {
		book.Emit(banktest.EventOf(entry))
	}
	return err
}
