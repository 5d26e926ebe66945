package wallet_test

import (
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	"codebank.dev/bank/postgres/ledgertest"
	"codebank.dev/bank/vault"
	"codebank.dev/bank/wallet"
	"codebank.dev/native/postgres/postgrestest"
	"github.com/stretchr/testify/require"
)

// What a wallet does needs no locks: not what is new, not a repeat, and not a decline.
func TestEveryCommandRunsOnTheOptimisticPath(t *testing.T) {
	store, err := postgres.Open(t.Context(), postgres.Config{URL: ledgertest.Migrated(t, postgrestest.Database(t)), BankCode: "001"})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	keys, err := vault.Generate()
	require.NoError(t, err)
	r := newReplica(t, store, keys, banktest.NewClock())
	a, b := r.wallet(t, 100), r.wallet(t, 0)
	twice := func(what string, run func() error) {
		t.Helper()
		before := store.Stats()
		require.NoError(t, run(), what)
		require.NoError(t, run(), "%s again", what)
		after := store.Stats()
		require.Zero(t, after.Locked-before.Locked, "%s took locks", what)
		require.Zero(t, after.Conflicts-before.Conflicts, "%s met a conflict", what)
		require.EqualValues(t, 2, after.Optimistic-before.Optimistic, what)
	}
	open := wallet.OpenRequest{Call: operator(), Currency: "BRL", DepositMinor: 5}
	twice("open", func() error { _, err := r.Open(t.Context(), open); return err })
	deposit, withdrawal := cash(operator(), a.ID, 50), cash(operator(), a.ID, 10)
	twice("deposit", func() error { _, err := r.Deposit(t.Context(), deposit); return err })
	twice("withdraw", func() error { _, err := r.Withdraw(t.Context(), withdrawal); return err })
	pay := purchase(service(), a.ID, 30)
	var paid, moved bank.TransactionDetails
	twice("purchase", func() (err error) { paid, err = r.Purchase(t.Context(), pay); return err })
	move, tooMuch := transfer(service(), a.ID, b.ID, 40), transfer(service(), a.ID, b.ID, 1000)
	twice("transfer", func() (err error) { moved, err = r.Transfer(t.Context(), move); return err })
	twice("declined transfer", func() error { _, err := r.Transfer(t.Context(), tooMuch); return err })
	for what, of := range map[string]bank.TransactionDetails{"purchase": paid, "transfer": moved} {
		ask := wallet.ReverseRequest{Call: operator(), Name: transactionName(of.Entry.TransactionID), AmountMinor: 7}
		twice("reversal of a "+what, func() error { _, err := r.Reverse(t.Context(), ask); return err })
	}
	settled := payout(service(), a.ID, 9)
	twice("payout", func() error { _, err := r.PayOut(t.Context(), settled); return err })
	empty := r.wallet(t, 0)
	closing := wallet.CloseRequest{Call: operator(), Name: name(empty.ID)}
	twice("closing", func() error { _, err := r.Close(t.Context(), closing); return err })
	toClosed := transfer(service(), a.ID, empty.ID, 1)
	twice("transfer to a closed account", func() error { _, err := r.Transfer(t.Context(), toClosed); return err })
	never := service()
	before := store.Stats()
	_, err = r.Cancel(t.Context(), never)
	require.NoError(t, err)
	require.EqualValues(t, 1, store.Stats().Optimistic-before.Optimistic, "cancel")
}
