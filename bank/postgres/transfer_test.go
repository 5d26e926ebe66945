package postgres_test

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/ledger"
	"codebank.dev/native/postgres/postgrestest"
	"github.com/stretchr/testify/require"
)

// transfer is a plain command on two accounts: it moves amount when the first one covers it.
type transfer struct {
	id       bank.ID
	from, to bank.ID
	amount   int64
}

func (c *transfer) Key() bank.ID { return c.id }

func (c *transfer) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{c.from, c.to}, Transactions: []bank.ID{c.id}}
}

func (c *transfer) Decide(book *bank.Book, now time.Time) bank.Outcome {
	debit := bank.Entry{
		TransactionID: c.id, AccountID: c.from, CounterpartyAccountID: c.to,
		Request: bank.Request{Caller: "tests", ID: c.id.String(), Fingerprint: sha256.Sum256(c.id[:])},
		Kind:    bank.KindTransfer, Direction: bank.Debit, Status: bank.Approved,
		Amount: c.amount, DebitAccount: c.from, CreditAccount: c.to,
	}
	first, err := book.Repeat(c.id, &debit.Request)
	if first != nil || err != nil {
		return bank.Outcome{Entry: first, Second: book.Second(c.id), Err: err}
	}
	source, _ := book.Account(c.from)
	if !source.Covers(c.amount) {
		debit.Status, debit.Decline = bank.Declined, bank.InsufficientFunds
		debit.DebitAccount, debit.CreditAccount = bank.ID{}, bank.ID{}
		posted, err := book.Post(debit, bank.Effect{}, now)
		return bank.Outcome{Entry: posted, Err: err}
	}
	credit := debit
	credit.AccountID, credit.CounterpartyAccountID, credit.Direction = c.to, c.from, bank.Credit
	one, two, err := book.PostBoth(
		bank.Posting{Entry: debit, Effect: bank.Effect{Balance: -c.amount}},
		bank.Posting{Entry: credit, Effect: bank.Effect{Balance: c.amount}}, now)
	return bank.Outcome{Entry: one, Second: two, Err: err}
}

// openWallets opens accounts that may be the source of transfers, each with a deposit.
func openWallets(t testing.TB, store bank.Store, n int, balance int64) []bank.ID {
	t.Helper()
	wallets := make([]bank.ID, n)
	banktest.Commit(t, store, bank.Keys{}, func(book *bank.Book) error {
		for i := range wallets {
			account := banktest.NewAccount()
			account.Kind = bank.AccountWallet
			wallets[i] = account.ID
			book.Open(account)
			if _, err := book.Post(banktest.Opening(account.ID), bank.Effect{}, banktest.Start); err != nil {
				return err
			}
			deposit := bank.Entry{
				TransactionID: banktest.NewID(), AccountID: account.ID, Kind: bank.KindDeposit, Direction: bank.Credit, Status: bank.Approved,
				Amount: balance, DebitAccount: bank.Code("001").CashAccount("BRL"), CreditAccount: account.ID,
			}
			if _, err := book.Post(deposit, bank.Effect{Balance: balance}, banktest.Start); err != nil {
				return err
			}
		}
		return nil
	})
	return wallets
}

// newExecutor is what one process has on a store.
func newExecutor(t testing.TB, store bank.Store) *ledger.Executor {
	executor := ledger.New(ledger.Config{Store: store, Encoder: benchmarkEncoder{}, Now: time.Now, ProducerVersion: "bank 0.1.0"})
	t.Cleanup(func() { require.NoError(t, executor.Close(context.Background())) })
	return executor
}

// benchmarkEncoder writes a body of the length that events have.
type benchmarkEncoder struct{}

func (benchmarkEncoder) Append(dst []byte, _ *bank.Entry) ([]byte, int, error) {
	return append(dst, benchmarkBody...), 1, nil
}

// A transfer between accounts that are cached needs no lock. It is decided at once and written in one
// round trip, like a purchase.
func TestATransferBetweenCachedAccountsTakesNoLock(t *testing.T) {
	store := openAt(t, postgrestest.Database(t))
	executor := newExecutor(t, store)
	wallets := openWallets(t, store, 2, 1000)
	before := store.Stats()
	for range 3 {
		outcome, err := executor.Submit(t.Context(), &transfer{id: banktest.NewID(), from: wallets[0], to: wallets[1], amount: 1})
		require.NoError(t, err)
		require.Equal(t, bank.Approved, outcome.Entry.Status)
		require.Equal(t, outcome.Entry.OccurredAt, outcome.Second.OccurredAt)
	}
	after := store.Stats()
	require.EqualValues(t, 3, after.Optimistic-before.Optimistic)
	require.Equal(t, before.Locked, after.Locked)
	for i, balance := range []int64{997, 1003} {
		account, err := store.Account(t.Context(), wallets[i])
		require.NoError(t, err)
		require.Equal(t, balance, account.Balance)
	}
}
