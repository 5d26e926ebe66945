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

// TestRaces has many goroutines compete through several handles of one ledger, as several processes
// would: a token is used once, a purchase is given back once, or in parts up to its amount, and a hold
// is captured or released once.
func TestRaces(t *testing.T, ledgers ...Ledger) {
	for range 5 {
		testTokenRace(t, ledgers...)
		testGiveBackRace(t, ledgers...)
		testPartRace(t, ledgers...)
		testHoldRace(t, ledgers...)
	}
}

// racers is how many goroutines compete.
const racers = 8

// race runs work from many goroutines at the same time, each on one of the ledgers.
func race(t *testing.T, ledgers []Ledger, work func(i int, ledger Ledger) error) {
	t.Helper()
	var group sync.WaitGroup
	for i := range racers {
		group.Go(func() {
			if err := work(i, ledgers[i%len(ledgers)]); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// requireOne returns the index of the only true value.
func requireOne(t *testing.T, won []bool) int {
	t.Helper()
	winner := slices.Index(won, true)
	require.GreaterOrEqual(t, winner, 0, "one wins")
	require.NotContains(t, won[winner+1:], true, "only one wins")
	return winner
}

func givesBackOnce(t *testing.T, ledger Ledger) { testGiveBackRace(t, ledger) }

// testGiveBackRace gives one purchase back from many goroutines.
func testGiveBackRace(t *testing.T, ledgers ...Ledger) {
	customer := OpenCustomer(t, ledgers[0], 1000)
	purchase := Buy(t, ledgers[0], customer, 100).TransactionID
	won := make([]bool, racers)
	race(t, ledgers, func(i int, ledger Ledger) error {
		reversal := GiveBack(customer, purchase, 100)
		keys := KeysOf(customer, reversal.TransactionID)
		keys.Originals = []bank.ID{purchase}
		return Try(t.Context(), ledger, keys, func(book *bank.Book) error {
			if won[i] = book.Entry(purchase) != nil && book.Sum(purchase, bank.GivenBack) == 0; !won[i] {
				return nil
			}
			_, err := book.Post(reversal, bank.Effect{Balance: 100}, Start)
			return err
		})
	})
	requireOne(t, won)
	for _, ledger := range ledgers {
		_, reversed, err := ledger.Transaction(t.Context(), purchase)
		require.NoError(t, err)
		require.EqualValues(t, 100, reversed)
		Commit(t, ledger, keysWithSums(customer, purchase), func(book *bank.Book) error {
			reversed = book.Sum(purchase, bank.GivenBack)
			return nil
		})
		require.EqualValues(t, 100, reversed)
	}
}

func givesBackParts(t *testing.T, ledger Ledger) { testPartRace(t, ledger) }

// testPartRace gives 30 of a purchase of 100 back from each of many goroutines. Three of them find
// enough left.
func testPartRace(t *testing.T, ledgers ...Ledger) {
	customer := OpenCustomer(t, ledgers[0], 1000)
	purchase := Buy(t, ledgers[0], customer, 100).TransactionID
	won := make([]bool, racers)
	race(t, ledgers, func(i int, ledger Ledger) error {
		reversal := GiveBack(customer, purchase, 30)
		keys := KeysOf(customer, reversal.TransactionID)
		keys.Originals = []bank.ID{purchase}
		return Try(t.Context(), ledger, keys, func(book *bank.Book) error {
			if won[i] = book.Entry(purchase).Amount-book.Sum(purchase, bank.GivenBack) >= 30; !won[i] {
				return nil
			}
			_, err := book.Post(reversal, bank.Effect{Balance: 30}, Start)
			return err
		})
	})
	winners := 0
	for _, one := range won {
		if one {
			winners++
		}
	}
	require.Equal(t, 3, winners)
	for _, ledger := range ledgers {
		_, reversed, err := ledger.Transaction(t.Context(), purchase)
		require.NoError(t, err)
		require.EqualValues(t, 90, reversed)
		account, err := ledger.Account(t.Context(), customer.Account)
		require.NoError(t, err)
		require.EqualValues(t, -10, account.Balance)
	}
}

func usesHoldOnce(t *testing.T, ledger Ledger) { testHoldRace(t, ledger) }

// testHoldRace captures a part of one hold and releases the rest, or releases all of it, from many
// goroutines.
func testHoldRace(t *testing.T, ledgers ...Ledger) {
	customer, held := OpenCustomer(t, ledgers[0], 1000), NewID()
	Commit(t, ledgers[0], KeysOf(customer, held), func(book *bank.Book) error {
		_, err := book.Post(Hold(customer, held, 100), bank.Effect{Held: 100}, Start)
		return err
	})
	won := make([]bool, racers)
	race(t, ledgers, func(i int, ledger Ledger) error {
		entries := Capture(customer, held, 30, 70)
		if i%3 == 0 {
			entries = []bank.Entry{Release(customer, held, 100)}
		}
		keys := KeysOf(customer, entries[0].TransactionID)
		keys.Originals = []bank.ID{held}
		return Try(t.Context(), ledger, keys, func(book *bank.Book) error {
			open := book.Sum(held, bank.Captured)+book.Sum(held, bank.Released) == 0
			if won[i] = book.Entry(held) != nil && open; !won[i] {
				return nil
			}
			for _, entry := range entries {
				effect := bank.Effect{Held: -entry.Amount}
				if entry.Moves() {
					effect.Balance = -entry.Amount
				}
				if _, err := book.Post(entry, effect, Start); err != nil {
					return err
				}
			}
			return nil
		})
	})
	captured := int64(30)
	if requireOne(t, won)%3 == 0 {
		captured = 0
	}
	for _, ledger := range ledgers {
		Commit(t, ledger, keysWithSums(customer, held), func(book *bank.Book) error {
			requireSums(t, book, map[bank.Sum]int64{
				{Original: held, Relation: bank.Captured}: captured, {Original: held, Relation: bank.Released}: 100 - captured,
			}, held)
			return nil
		})
		account, err := ledger.Account(t.Context(), customer.Account)
		require.NoError(t, err)
		require.Zero(t, account.Held)
		require.Equal(t, -captured, account.Balance)
	}
}
