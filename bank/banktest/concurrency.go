package banktest

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/platform/field"
	"github.com/stretchr/testify/require"
)

// TestConcurrency runs random batches over a few accounts from many goroutines through several
// handles of one ledger, as several processes would. Then it compares the accounts with the
// results: no batch is lost, no sequence has a gap, and every event is there once. Only conflicts
// are allowed as errors on the way.
func TestConcurrency(t *testing.T, ledgers ...Ledger) {
	const workers, batches, accounts = 8, 40, 16
	first := ledgers[0]
	customers := OpenCustomers(t, first, accounts, field.MaxMinor)
	var mutex sync.Mutex
	spent := make(map[bank.ID]int64)
	made := make(map[bank.ID]int64)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 7))
			for range batches {
				chosen := pickCustomers(random, customers)
				if err := spendOn(t, ledgers[worker%len(ledgers)], chosen); err != nil {
					t.Errorf("a batch over %d accounts: %v", len(chosen), err)
					return
				}
				mutex.Lock()
				for _, customer := range chosen {
					spent[customer.Account] += 2
					made[customer.Account]++
				}
				mutex.Unlock()
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	sent := make(map[bank.ID]int64)
	waiting, err := first.Fetch(t.Context(), workers*batches*accounts, nil)
	require.NoError(t, err)
	for _, row := range waiting {
		account := row.Event.AccountID
		sent[account]++
		require.Equal(t, sent[account]+1, row.Event.Sequence, "events of an account are in its order and without a gap")
	}
	for _, customer := range customers {
		account, err := first.Account(t.Context(), customer.Account)
		require.NoError(t, err)
		require.Equal(t, -spent[account.ID], account.Balance)
		require.Equal(t, 1+made[account.ID], account.Sequence)
		require.Equal(t, made[account.ID], sent[account.ID])
	}
}

// pickCustomers returns one to eight of the customers, in random order.
func pickCustomers(random *rand.Rand, customers []Customer) []Customer {
	shuffled := slices.Clone(customers)
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	return shuffled[:1+random.IntN(min(8, len(shuffled)))]
}

// spendOn posts a purchase of 2 for each customer in one batch.
func spendOn(t *testing.T, ledger Ledger, customers []Customer) error {
	var keys bank.Keys
	transactions := make([]bank.ID, len(customers))
	for i, customer := range customers {
		transactions[i] = NewID()
		keys.Add(KeysOf(customer, transactions[i]))
	}
	return Try(t.Context(), ledger, keys, func(book *bank.Book) error {
		for i, customer := range customers {
			if book.Entry(transactions[i]) != nil {
				return errors.New("a conflict left something behind")
			}
			entry, err := book.Post(Purchase(customer, transactions[i], 2), bank.Effect{Balance: -2}, Start)
			if err != nil {
				return err
			}
			card, _ := book.Card(customer.Card)
			card.Frequency.Level++
			book.SetCard(card)
			book.Emit(EventOf(entry))
		}
		return nil
	})
}
