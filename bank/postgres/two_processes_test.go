package postgres_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/field"
	"github.com/stretchr/testify/require"
)

// Two processes transfer in every direction between the same few accounts. No caller gets a deadlock or
// any other error, every call ends, and no money comes or goes.
func TestTwoProcessesTransferBetweenTheSameFewAccounts(t *testing.T) {
	const callers, calls, balance = 16, 40, 200
	url := postgrestest.Database(t)
	stores := []bank.Store{openAt(t, url), openAt(t, url)}
	processes := []*ledger.Executor{newExecutor(t, stores[0]), newExecutor(t, stores[1])}
	wallets := openWallets(t, stores[0], 4, balance)
	var working sync.WaitGroup
	for caller := range callers {
		working.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(caller)))
			for range calls {
				from := random.IntN(len(wallets))
				to := (from + 1 + random.IntN(len(wallets)-1)) % len(wallets)
				command := &transfer{id: banktest.NewID(), from: wallets[from], to: wallets[to], amount: random.Int64N(50) + 1}
				outcome, err := processes[caller%2].Submit(t.Context(), command)
				if err != nil {
					t.Error(err)
					return
				}
				if outcome.Entry.Status == bank.Approved && outcome.Second == nil {
					t.Error("a transfer has one leg only")
				}
			}
		})
	}
	working.Wait()
	var sum, sequences int64
	reader := openAt(t, url)
	for _, wallet := range wallets {
		account, err := reader.Account(t.Context(), wallet)
		require.NoError(t, err)
		require.GreaterOrEqual(t, account.Balance, int64(0))
		sum += account.Balance
		sequences += account.Sequence - 2
	}
	require.EqualValues(t, len(wallets)*balance, sum)
	require.GreaterOrEqual(t, sequences, int64(callers*calls), "each decision took a sequence at least")
}

// An account that another process changes is decided under locks for a while. A batch on another
// account is not.
func TestTheBackoffIsThatOfTheAccount(t *testing.T) {
	url := postgrestest.Database(t)
	store, other := openAt(t, url), openAt(t, url)
	shared, own := banktest.OpenCustomer(t, store, 1000), banktest.OpenCustomer(t, store, 1000)
	banktest.Buy(t, other, shared, 1)
	paths := func(customers ...banktest.Customer) (optimistic, locked, conflicts int64) {
		before := store.Stats()
		var keys bank.Keys
		transaction := banktest.NewID()
		for _, customer := range customers {
			keys.Add(banktest.KeysOf(customer, transaction))
		}
		banktest.Commit(t, store, keys, spend(customers[0], transaction))
		after := store.Stats()
		return after.Optimistic - before.Optimistic, after.Locked - before.Locked, after.Conflicts - before.Conflicts
	}
	requirePaths := func(optimistic, locked, conflicts int64, customers ...banktest.Customer) {
		t.Helper()
		one, two, three := paths(customers...)
		require.Equal(t, []int64{optimistic, locked, conflicts}, []int64{one, two, three})
	}
	requirePaths(0, 1, 1, shared)
	requirePaths(1, 0, 0, own)
	for range 4 {
		requirePaths(0, 1, 0, shared)
		requirePaths(1, 0, 0, own)
	}
	requirePaths(1, 0, 0, shared)

	banktest.Buy(t, other, shared, 1)
	requirePaths(0, 1, 1, shared, own)
	requirePaths(1, 0, 0, own)
	requirePaths(0, 1, 0, own, shared)
}

// BenchmarkTwoProcesses is card purchases by two processes with 64 callers each: on the same 1,000
// accounts, and on accounts of their own beside one that both use for each hundredth purchase.
func BenchmarkTwoProcesses(b *testing.B) {
	for _, shape := range []string{"shared", "own"} {
		b.Run("accounts="+shape, func(b *testing.B) {
			url := postgrestest.Database(b)
			stores := []interface {
				bank.Store
				Stats() postgres.Stats
			}{openAt(b, url), openAt(b, url)}
			processes := []*ledger.Executor{newExecutor(b, stores[0]), newExecutor(b, stores[1])}
			customers := banktest.OpenCustomers(b, stores[0], benchmarkedAccounts, field.MaxMinor)
			command := func(process int) bank.Command {
				customer := customers[rand.IntN(len(customers))]
				if shape == "own" {
					customer = customers[process+2*rand.IntN(len(customers)/2)]
					if rand.IntN(100) == 0 {
						customer = customers[0]
					}
				}
				return &cardPurchase{id: banktest.NewID(), customer: customer}
			}
			var submitted atomic.Int64
			submit := func(total int64) {
				submitted.Store(0)
				var working sync.WaitGroup
				for caller := range 128 {
					working.Go(func() {
						for submitted.Add(1) <= total {
							if _, err := processes[caller%2].Submit(b.Context(), command(caller%2)); err != nil {
								b.Error(err)
							}
						}
					})
				}
				working.Wait()
			}
			submit(4096)
			b.ResetTimer()
			before := []postgres.Stats{stores[0].Stats(), stores[1].Stats()}
			submit(int64(b.N))
			var all postgres.Stats
			for i := range stores {
				after := stores[i].Stats()
				all.Optimistic += after.Optimistic - before[i].Optimistic
				all.Locked += after.Locked - before[i].Locked
				all.Conflicts += after.Conflicts - before[i].Conflicts
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "card/s")
			b.ReportMetric(float64(all.Optimistic)/float64(all.Optimistic+all.Locked), "optimistic/batch")
			b.ReportMetric(float64(all.Conflicts)/float64(all.Optimistic+all.Locked), "conflicts/batch")
		})
	}
}
