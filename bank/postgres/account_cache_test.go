package postgres_test

import (
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

// A process decides on a cached account without a lock. A change by another process in the meantime
// must come first, whether or not it took a sequence.
func TestTheWriteProvesThatCachedAccountsAreCurrent(t *testing.T) {
	sets := map[string]func(t *testing.T, other *postgres.Store, customer banktest.Customer){
		"a purchase": func(t *testing.T, other *postgres.Store, customer banktest.Customer) {
			banktest.Buy(t, other, customer, 900)
		},
		"a block": func(t *testing.T, other *postgres.Store, customer banktest.Customer) {
			banktest.Commit(t, other, banktest.KeysOf(customer), func(book *bank.Book) error {
				card, _ := book.Card(customer.Card)
				card.Blocks = bank.BlockedByHolder
				book.SetCard(card)
				return nil
			})
		},
	}
	for name, change := range sets {
		t.Run(name, func(t *testing.T) {
			url := postgrestest.Database(t)
			store, other := openAt(t, url), openAt(t, url)
			customer, transaction := banktest.OpenCustomer(t, store, 1000), banktest.NewID()
			calls, seen, blocked := 0, bank.Account{}, false
			banktest.Commit(t, store, banktest.KeysOf(customer, transaction), func(book *bank.Book) error {
				calls++
				if calls == 1 {
					change(t, other, customer)
				}
				seen, _ = book.Account(customer.Account)
				card, _ := book.Card(customer.Card)
				blocked = card.IsBlocked()
				return spend(customer, transaction)(book)
			})
			require.Equal(t, 2, calls, "the first decision was on an outdated account")
			entry, _, err := store.Transaction(t.Context(), transaction)
			require.NoError(t, err)
			require.Equal(t, seen.Sequence+1, entry.Sequence)
			require.Equal(t, seen.Balance-10, entry.BalanceAfter)
			require.Equal(t, name == "a block", blocked)
		})
	}
}

func TestATransactionOfAnotherProcessIsFoundByItsKey(t *testing.T) {
	url := postgrestest.Database(t)
	store, other := openAt(t, url), openAt(t, url)
	customer := banktest.OpenCustomer(t, store, 1000)
	first := banktest.Buy(t, other, customer, 5)
	mine := banktest.Buy(t, store, customer, 5)
	for _, transaction := range []bank.ID{first.TransactionID, mine.TransactionID} {
		var found *bank.Entry
		banktest.Commit(t, store, banktest.KeysOf(customer, transaction), func(book *bank.Book) error {
			if found = book.Entry(transaction); found != nil {
				return nil
			}
			return spend(customer, transaction)(book)
		})
		require.NotNil(t, found)
	}
	account, err := store.Account(t.Context(), customer.Account)
	require.NoError(t, err)
	require.EqualValues(t, -10, account.Balance)
}

// The outcome of a commit whose connection broke is unknown, so its accounts are no longer cached.
func TestAccountsWithAnUnknownOutcomeAreNotCached(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	admin := administer(t, url)
	customer, transaction := banktest.OpenCustomer(t, store, 1000), banktest.NewID()
	err := store.Execute(t.Context(), banktest.KeysOf(customer, transaction), func(book *bank.Book) error {
		admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'codebank'`)
		return spend(customer, transaction)(book)
	})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	bought := banktest.Buy(t, store, customer, 10)
	account, err := store.Account(t.Context(), customer.Account)
	require.NoError(t, err)
	require.Equal(t, bought.BalanceAfter, account.Balance)
	require.Equal(t, bought.Sequence, account.Sequence)
}
