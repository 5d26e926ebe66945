package banktest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

// TestStore proves that a ledger keeps the contracts of bank.Store, bank.Directory, bank.Reader,
// bank.AccountReader, bank.CustomerLinks and bank.CommandStore.
func TestStore(t *testing.T, open Open) {
	run(t, open, []rule{
		{"a batch is written only if the state that it was decided on is still current", decidesOnCurrentState},
		{"no change of a card is lost", losesNoChangeOfACard},
		{"a batch without changes is answered from the current state", answersFromCurrentState},
		{"a batch sees all of another batch or nothing of it", seesWholeBatches},
		{"no change of an account is lost", losesNoChange},
		{"a transaction id is decided once, on whatever account", arbitratesTransactions},
		{"of concurrent batches with one transaction id one is written", arbitratesAtOnce},
		{"an error of decide writes nothing", leavesNothing},
		{"a decision that changes nothing writes nothing", writesNothing},
		{"a batch is visible completely or not at all", showsWholeBatches},
		{"a decline without an account is stored under its transaction", keepsRefusals},
		{"a request that was voided before it was decided is stored", keepsTombstones},
		{"a token is used once", usesTokensOnce},
		{"a token is used once in a batch", usesTokensOnceInABatch},
		{"a batch sees the tokens that were used before", seesTokenUses},
		{"a used token is a conflict for who did not ask", refusesBlindTokenUses},
		{"a repeat sees the first decision", answersRepeats},
		{"a purchase is given back once", givesBackOnce},
		{"a purchase is given back in parts up to its amount", givesBackParts},
		{"the amounts given back are summed", sumsGivenBack},
		{"what refers to a transaction is summed by relation", sumsByRelation},
		{"a hold is captured or released once", usesHoldOnce},
		{"a hold ends once and whole, and on its account", refusesBadHolds},
		{"holds that are due are read by their time, page by page", readsDueHolds},
		{"a hold is read with what became of it", readsHolds},
		{"two legs of a transaction are read together", readsAllLegs},
		{"a batch with bad data is refused as a whole", refusesBadData},
		{"a card number is issued once", issuesNumbersOnce},
		{"keys without a row read as absent", readsAbsence},
		{"a missing row is ErrNotFound", findsNothing},
		{"the accounts of a customer are listed oldest first, page by page", listsAccounts},
		{"a transaction is read with its legs and with what became of it", readsDetails},
		{"a customer is linked to one user", linksCustomers},
		{"the first outcome of a command stays", keepsOutcomes},
		{"the greatest offset of a partition stays", keepsOffsets},
		{"messages are written with their batch, also alone", sendsMessages},
		{"a message that is sent again is due at once, and what was sent of it before does not count", sendsAgain},
		{"a message that waits for an answer is sent again until it ends", sendsUntilAnswered},
		{"the payments of an account are listed newest first, page by page", listsPix},
		{"a key of an account is replaced, listed and dropped", keepsPixKeys},
		{"a code is stored once for its request and txid, and listed newest first", keepsPixCodes},
		{"a code is cancelled once, before it expires", cancelsPixCodes},
		{"a code that is paid once ends once, by a payment or by its owner", paysPixCodesOnce},
		{"an account has no more active codes than it may", limitsPixCodes},
		{"a customer has one holder, and a document is one customer's", keepsHolders},
		{"a message that cannot be stored is refused with its batch", refusesBadMessages},
		{"after the end of the context the outcome is unknown", endsWithContext},
		{"every field of a card and its account is stored", keepsCards},
		{"every field of an entry is stored", keepsEntries},
		{"every use of a token is stored", keepsTokenUses},
		{"random batches over many accounts lose nothing", func(t *testing.T, ledger Ledger) { TestConcurrency(t, ledger) }},
	})
}

// decidesOnCurrentState runs batches on one account at the same time. The balance of each entry
// must follow from the balance that its decision saw, whatever other batches did in between.
func decidesOnCurrentState(t *testing.T, ledger Ledger) {
	const writers, each = 6, 20
	customer := OpenCustomer(t, ledger, 1_000_000)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				var seen bank.Account
				var entry *bank.Entry
				transaction := NewID()
				err := Try(t.Context(), ledger, KeysOf(customer, transaction), func(book *bank.Book) error {
					seen, _ = book.Account(customer.Account)
					runtime.Gosched()
					var err error
					entry, err = book.Post(Purchase(customer, transaction, 3), bank.Effect{Balance: -3}, Start)
					return err
				})
				if err != nil || entry.BalanceAfter != seen.Balance-3 || entry.Sequence != seen.Sequence+1 {
					t.Errorf("%v: decided on %+v, written %+v", err, seen, entry)
				}
			}
		})
	}
	group.Wait()
}

// losesNoChangeOfACard changes only a card, and nothing else of its account.
func losesNoChangeOfACard(t *testing.T, ledger Ledger) {
	const writers, each = 6, 20
	customer := OpenCustomer(t, ledger, 1_000_000)
	before, _, err := ledger.Card(t.Context(), customer.Card)
	require.NoError(t, err)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				err := Try(t.Context(), ledger, KeysOf(customer), func(book *bank.Book) error {
					card, _ := book.Card(customer.Card)
					card.Rules.Limit++
					book.SetCard(card)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	after, _, err := ledger.Card(t.Context(), customer.Card)
	require.NoError(t, err)
	require.Equal(t, before.Rules.Limit+writers*each, after.Rules.Limit)
}

// answersFromCurrentState reads, without a change, rows that another ledger on the same database
// may have changed since. The answer must be the last committed state.
func answersFromCurrentState(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	for amount := int64(1); amount < 20; amount++ {
		Commit(t, ledger, KeysOf(customer), func(book *bank.Book) error {
			card, _ := book.Card(customer.Card)
			card.Rules.Minimum = amount
			book.SetCard(card)
			return nil
		})
		var seen int64
		Commit(t, ledger, KeysOf(customer), func(book *bank.Book) error {
			card, _ := book.Card(customer.Card)
			seen = card.Rules.Minimum
			return nil
		})
		require.Equal(t, amount, seen)
	}
}

func losesNoChange(t *testing.T, ledger Ledger) {
	const writers, each = 8, 25
	customer := OpenCustomer(t, ledger, 1_000_000)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				transaction := NewID()
				err := Try(t.Context(), ledger, KeysOf(customer, transaction), func(book *bank.Book) error {
					_, err := book.Post(Purchase(customer, transaction, 3), bank.Effect{Balance: -3}, Start)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	account, err := ledger.Account(t.Context(), customer.Account)
	require.NoError(t, err)
	require.EqualValues(t, -3*writers*each, account.Balance)
	require.EqualValues(t, 1+writers*each, account.Sequence)
}

func arbitratesTransactions(t *testing.T, ledger Ledger) {
	first, second := OpenCustomer(t, ledger, 1000), OpenCustomer(t, ledger, 1000)
	bought := Buy(t, ledger, first, 10)

	blind := KeysOf(second)
	err := ledger.Execute(t.Context(), blind, func(book *bank.Book) error {
		_, err := book.Post(Purchase(second, bought.TransactionID, 10), bank.Effect{Balance: -10}, Start)
		return err
	})
	require.ErrorIs(t, err, bank.ErrRetry)

	seen := false
	Commit(t, ledger, KeysOf(second, bought.TransactionID), func(book *bank.Book) error {
		entry := book.Entry(bought.TransactionID)
		seen = entry != nil && entry.AccountID == first.Account && entry.Amount == 10
		return nil
	})
	require.True(t, seen, "a fresh read shows the first decision")
	account, err := ledger.Account(t.Context(), second.Account)
	require.NoError(t, err)
	require.EqualValues(t, 1, account.Sequence)
}

func arbitratesAtOnce(t *testing.T, ledger Ledger) {
	const callers = 12
	customers := OpenCustomers(t, ledger, callers, 1000)
	transaction := NewID()
	var mutex sync.Mutex
	var written, repeated int
	var group sync.WaitGroup
	for _, customer := range customers {
		group.Go(func() {
			repeat := false
			err := Try(t.Context(), ledger, KeysOf(customer, transaction), func(book *bank.Book) error {
				if repeat = book.Entry(transaction) != nil; repeat {
					return nil
				}
				_, err := book.Post(Purchase(customer, transaction, 10), bank.Effect{Balance: -10}, Start)
				return err
			})
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				t.Error(err)
			}
			if repeat {
				repeated++
			} else {
				written++
			}
		})
	}
	group.Wait()
	require.Equal(t, 1, written)
	require.Equal(t, callers-1, repeated)
}

func leavesNothing(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	account, opened, refused := NewAccount(), NewID(), NewID()
	issued := NewCard(account.ID)
	use := NewTokenUse(opened)
	stop := errors.New("stop")
	keys := KeysOf(customer)
	keys.Tokens = []bank.ID{use.Nonce}
	err := ledger.Execute(t.Context(), keys, func(book *bank.Book) error {
		book.Open(account)
		book.Issue(issued)
		card, _ := book.Card(customer.Card)
		card.Blocks = bank.BlockedByHolder
		book.SetCard(card)
		book.UseToken(use)
		book.Refuse(Refusal(refused), Start)
		entry, err := book.Post(Purchase(customer, opened, 10), bank.Effect{Balance: -10}, Start)
		require.NoError(t, err)
		book.Emit(EventOf(entry))
		return stop
	})
	require.True(t, err == stop, "the error itself: %v", err) // it must not even be wrapped

	ctx := t.Context()
	_, err = ledger.Account(ctx, account.ID)
	require.ErrorIs(t, err, bank.ErrNotFound)
	_, err = ledger.CardByLookup(ctx, issued.Lookup)
	require.ErrorIs(t, err, bank.ErrNotFound)
	card, unchanged, err := ledger.Card(ctx, customer.Card)
	require.NoError(t, err)
	require.False(t, card.IsBlocked())
	require.EqualValues(t, 1, unchanged.Sequence)
	require.Zero(t, tokenUser(t, ledger, use.Nonce))
	for _, transaction := range []bank.ID{opened, refused} {
		_, _, err = ledger.Transaction(ctx, transaction)
		require.ErrorIs(t, err, bank.ErrNotFound)
	}
	waiting, err := ledger.Fetch(ctx, 10, nil)
	require.NoError(t, err)
	require.Empty(t, waiting)
}

func writesNothing(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	calls := 0
	require.NoError(t, ledger.Execute(t.Context(), KeysOf(customer, NewID()), func(*bank.Book) error {
		calls++
		return nil
	}))
	require.NotZero(t, calls)
	require.Equal(t, Buy(t, ledger, customer, 1).Sequence, int64(2))
	Buy(t, ledger, customer, 1)
}

func showsWholeBatches(t *testing.T, ledger Ledger) {
	pair := OpenCustomers(t, ledger, 2, 0)
	keys := bank.Keys{Accounts: []bank.ID{pair[0].Account, pair[1].Account}}
	keys.Sort()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		defer cancel()
		for range 50 {
			Commit(t, ledger, keys, func(book *bank.Book) error {
				for i, amount := range []int64{-5, 5} {
					entry := GiveBack(pair[i], NewID(), 5) // It never asks the limit.
					if _, err := book.Post(entry, bank.Effect{Balance: amount}, Start); err != nil {
						return err
					}
				}
				return nil
			})
		}
	})
	for ctx.Err() == nil {
		var first, second bank.Account
		err := Try(t.Context(), ledger, keys, func(book *bank.Book) error {
			first, _ = book.Account(pair[0].Account)
			second, _ = book.Account(pair[1].Account)
			return nil
		})
		require.NoError(t, err)
		// Only the last call of decide counts. An earlier one may have seen a state that was not
		// committed.
		require.Zero(t, first.Balance+second.Balance, "half a batch is visible")
		require.Equal(t, first.Sequence, second.Sequence)
	}
	group.Wait()
}

func endsWithContext(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := ledger.Execute(ctx, KeysOf(customer), func(book *bank.Book) error {
		_, err := book.Post(Purchase(customer, NewID(), 10), bank.Effect{Balance: -10}, Start)
		return err
	})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	_, err = ledger.Account(ctx, customer.Account)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	Buy(t, ledger, customer, 1)
}
