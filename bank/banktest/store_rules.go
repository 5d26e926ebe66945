package banktest

import (
	"testing"
	"time"

	"codebank.dev/bank"
	"github.com/stretchr/testify/require"
)

func keepsRefusals(t *testing.T, ledger Ledger) {
	refusal := Refusal(NewID())
	Commit(t, ledger, bank.Keys{Transactions: []bank.ID{refusal.TransactionID}}, func(book *bank.Book) error {
		entry := book.Refuse(refusal, Start)
		book.Emit(EventOf(entry))
		return nil
	})
	refusal.OccurredAt = Start
	kept, _, err := ledger.Transaction(t.Context(), refusal.TransactionID)
	require.NoError(t, err)
	require.Equal(t, refusal, kept)
	parties, err := ledger.Parties(t.Context(), refusal.TransactionID)
	require.NoError(t, err)
	require.Equal(t, bank.Parties{}, parties)
	account, err := ledger.AccountOf(t.Context(), refusal.TransactionID)
	require.NoError(t, err)
	require.Zero(t, account)
	waiting, err := ledger.Fetch(t.Context(), 10, nil)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	require.Equal(t, EventOf(&refusal), waiting[0].Event)
}

func keepsTombstones(t *testing.T, ledger Ledger) {
	purchase := NewID()
	tombstone := bank.Entry{
		TransactionID: purchase, Kind: bank.KindPurchase, Direction: bank.NoDirection, Status: bank.Voided,
		Request: bank.Request{Caller: "tests", ID: "order-1"},
	}
	keys := bank.Keys{Transactions: []bank.ID{purchase}}
	Commit(t, ledger, keys, func(book *bank.Book) error {
		require.Nil(t, book.Entry(purchase))
		book.Refuse(tombstone, Start)
		return nil
	})
	tombstone.OccurredAt = Start
	customer := OpenCustomer(t, ledger, 1000)
	Commit(t, ledger, KeysOf(customer, purchase), func(book *bank.Book) error {
		require.Equal(t, &tombstone, book.Entry(purchase))
		return nil
	})
	waiting, err := ledger.Fetch(t.Context(), 10, nil)
	require.NoError(t, err)
	require.Empty(t, waiting, "no event without Emit")
}

// answersRepeats repeats a purchase, alone and beside a new one.
func answersRepeats(t *testing.T, ledger Ledger) {
	pair := OpenCustomers(t, ledger, 2, 1000)
	bought, fresh := Buy(t, ledger, pair[0], 10), NewID()
	for _, keys := range []bank.Keys{KeysOf(pair[0], bought.TransactionID), KeysOf(pair[1], bought.TransactionID, fresh)} {
		var first *bank.Entry
		Commit(t, ledger, keys, func(book *bank.Book) error {
			if first = book.Entry(bought.TransactionID); len(keys.Transactions) == 1 {
				return nil
			}
			_, err := book.Post(Purchase(pair[1], fresh, 1), bank.Effect{Balance: -1}, Start)
			return err
		})
		require.NotNil(t, first)
		require.Equal(t, bought.Sequence, first.Sequence)
		require.Equal(t, bought.BalanceAfter, first.BalanceAfter)
	}
	account, err := ledger.Account(t.Context(), pair[1].Account)
	require.NoError(t, err)
	require.EqualValues(t, 2, account.Sequence)
}

func sumsGivenBack(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	purchase := Buy(t, ledger, customer, 100).TransactionID
	give := func(entry bank.Entry, effect int64) {
		Commit(t, ledger, KeysOf(customer, purchase), func(book *bank.Book) error {
			_, err := book.Post(entry, bank.Effect{Balance: effect}, Start)
			return err
		})
	}
	give(GiveBack(customer, purchase, 30), 30)
	give(GiveBack(customer, purchase, 25), 25)
	declined := GiveBack(customer, purchase, 45)
	declined.Status, declined.Decline, declined.DebitAccount, declined.CreditAccount = bank.Declined, bank.Blocked, bank.ID{}, bank.ID{}
	give(declined, 0)
	secondLeg := GiveBack(customer, purchase, 11)
	secondLeg.Leg = 1
	give(directed(secondLeg), -11)
	give(GiveBack(customer, NewID(), 7), 7)

	var first, then int64
	Commit(t, ledger, keysWithSums(customer, purchase), func(book *bank.Book) error {
		first = book.Sum(purchase, bank.GivenBack)
		_, err := book.Post(GiveBack(customer, purchase, 45), bank.Effect{Balance: 45}, Start)
		then = book.Sum(purchase, bank.GivenBack)
		return err
	})
	require.EqualValues(t, 55, first, "the approved ones, each once")
	require.EqualValues(t, 100, then, "those of this batch too")
	_, reversed, err := ledger.Transaction(t.Context(), purchase)
	require.NoError(t, err)
	require.EqualValues(t, 100, reversed)
}

// sumsByRelation refers to a transaction with every kind of entry that may do so, with the second leg
// that the table of kinds allows, and with a decline, which does not count.
func sumsByRelation(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	want := make(map[bank.Sum]int64)
	var originals []bank.ID
	for i, rules := range bank.AllRules() {
		if rules.Of == 0 {
			continue
		}
		original, counts := NewID(), referring(customer, rules.Kind, 30+int64(i))
		first := referredTo(customer, rules.Of, original, 1000)
		if rules.Of == bank.KindHold { // What ends a hold ends all of it.
			counts = endOf(customer, rules.Kind, original, 1000)
		}
		declined := referring(customer, rules.Kind, 7)
		declined.Status, declined.Decline, declined.DebitAccount, declined.CreditAccount = bank.Declined, bank.Blocked, bank.ID{}, bank.ID{}
		if !rules.Moves {
			counts.DebitAccount, counts.CreditAccount = bank.ID{}, bank.ID{}
		}
		entries := []bank.Entry{counts, declined}
		want[bank.Sum{Original: original, Relation: rules.Relation}] = counts.Amount
		if rules.SecondLeg != 0 {
			second := referring(customer, rules.SecondLeg, 11)
			second.TransactionID, second.Leg = counts.TransactionID, 1
			second = directed(second)
			if rules.SecondLeg == bank.KindVoid {
				second = Release(customer, original, 11)
				second.TransactionID, second.Leg = counts.TransactionID, 1
				entries[0].Amount -= 11
				want[bank.Sum{Original: original, Relation: rules.Relation}] -= 11
				want[bank.Sum{Original: original, Relation: bank.Released}] = 11
			}
			entries = append(entries, second)
		}
		originals = append(originals, original)
		Commit(t, ledger, keysWithSums(customer, original), func(book *bank.Book) error {
			for _, entry := range first {
				if _, err := book.Post(entry, bank.Effect{}, Start); err != nil {
					return err
				}
			}
			for _, entry := range entries {
				entry.OriginalID = original
				if _, err := book.Post(entry, bank.Effect{}, Start); err != nil {
					return err
				}
			}
			requireSums(t, book, want, original)
			return nil
		})
		_, reversed, err := ledger.Transaction(t.Context(), original)
		require.NoError(t, err)
		require.Equal(t, want[bank.Sum{Original: original, Relation: bank.GivenBack}], reversed, "%s of %s", rules.Kind, rules.Of)
	}
	keys := KeysOf(customer)
	keys.Originals = originals
	Commit(t, ledger, keys, func(book *bank.Book) error {
		for _, original := range originals {
			require.NotNil(t, book.Entry(original), "what is referred to is read")
		}
		requireSums(t, book, want, originals...)
		return nil
	})
}

// referredTo returns an approved transaction of a kind, after the hold that it ends, if any.
func referredTo(customer Customer, kind bank.Kind, transaction bank.ID, amount int64) []bank.Entry {
	switch kind {
	case bank.KindHold:
		return []bank.Entry{Hold(customer, transaction, amount)}
	case bank.KindCapture, bank.KindPixOut:
		hold := Hold(customer, NewID(), amount)
		end := endOf(customer, kind, hold.TransactionID, amount)
		end.TransactionID = transaction
		return []bank.Entry{hold, end}
	}
	entry := referring(customer, kind, amount)
	entry.TransactionID = transaction
	return []bank.Entry{entry}
}

// endOf returns the entry of a kind that ends a hold.
func endOf(customer Customer, kind bank.Kind, hold bank.ID, amount int64) bank.Entry {
	entry := Capture(customer, hold, amount, 0)[0]
	if kind == bank.KindVoid || kind == bank.KindExpiry {
		entry = Release(customer, hold, amount)
	}
	entry.Kind = kind
	return entry
}

// referring returns an approved entry of a kind that moves an amount.
func referring(customer Customer, kind bank.Kind, amount int64) bank.Entry {
	entry := GiveBack(customer, bank.ID{}, amount)
	entry.Kind = kind
	return directed(entry)
}

func requireSums(t *testing.T, book *bank.Book, want map[bank.Sum]int64, originals ...bank.ID) {
	t.Helper()
	for _, original := range originals {
		for relation := bank.GivenBack; relation <= bank.Released; relation++ {
			require.Equal(t, want[bank.Sum{Original: original, Relation: relation}], book.Sum(original, relation), "relation %d", relation)
		}
	}
}

func readsAllLegs(t *testing.T, ledger Ledger) {
	pair := OpenCustomers(t, ledger, 2, 1000)
	transaction := NewID()
	keys := bank.Keys{Accounts: []bank.ID{pair[0].Account, pair[1].Account}, Transactions: []bank.ID{transaction}}
	Commit(t, ledger, keys, func(book *bank.Book) error {
		out := Purchase(pair[0], transaction, 40)
		out.Kind, out.CreditAccount = bank.KindTransfer, pair[1].Account
		in := out
		in.Leg, in.AccountID, in.Direction, in.Card = 1, pair[1].Account, bank.Credit, bank.CardSnapshot{}
		if _, err := book.Post(out, bank.Effect{Balance: -40}, Start); err != nil {
			return err
		}
		_, err := book.Post(in, bank.Effect{Balance: 40}, Start)
		return err
	})
	err := ledger.Execute(t.Context(), bank.Keys{Transactions: []bank.ID{transaction}}, func(book *bank.Book) error {
		require.EqualValues(t, 0, book.Entry(transaction).Leg)
		return nil
	})
	require.NoError(t, err)
	parties, err := ledger.Parties(t.Context(), transaction)
	require.NoError(t, err)
	require.Equal(t, bank.Parties{AccountID: pair[0].Account, SecondAccountID: pair[1].Account, CardID: pair[0].Card}, parties)
}

func issuesNumbersOnce(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	second := NewCard(customer.Account)
	second.Lookup = customer.Lookup
	err := ledger.Execute(t.Context(), KeysOf(customer), func(book *bank.Book) error {
		book.Issue(second)
		return nil
	})
	require.ErrorIs(t, err, bank.ErrRetry)
	facts, err := ledger.CardByLookup(t.Context(), customer.Lookup)
	require.NoError(t, err)
	require.Equal(t, customer.Card, facts.Card.ID)

	orphan := NewCard(NewID())
	err = ledger.Execute(t.Context(), bank.Keys{}, func(book *bank.Book) error {
		book.Issue(orphan)
		return nil
	})
	require.ErrorIs(t, err, bank.ErrRejected, "a card belongs to an account")
}

func readsAbsence(t *testing.T, ledger Ledger) {
	nobody := Customer{Account: NewID(), Card: NewID()}
	keys := KeysOf(nobody, NewID())
	keys.Tokens = []bank.ID{NewID()}
	keys.Originals = keys.Transactions
	require.NoError(t, ledger.Execute(t.Context(), keys, func(book *bank.Book) error {
		_, account := book.Account(nobody.Account)
		_, card := book.Card(nobody.Card)
		require.False(t, account || card)
		require.Zero(t, book.TokenUser(keys.Tokens[0]))
		require.Nil(t, book.Entry(keys.Transactions[0]))
		require.Zero(t, book.Sum(keys.Transactions[0], bank.GivenBack))
		return nil
	}))
}

func findsNothing(t *testing.T, ledger Ledger) {
	ctx, none := t.Context(), NewID()
	for name, ask := range map[string]func() error{
		"CardByLookup": func() error { _, err := ledger.CardByLookup(ctx, [32]byte{9}); return err },
		"CardByID":     func() error { _, err := ledger.CardByID(ctx, none); return err },
		"Parties":      func() error { _, err := ledger.Parties(ctx, none); return err },
		"AccountOf":    func() error { _, err := ledger.AccountOf(ctx, none); return err },
		"Account":      func() error { _, err := ledger.Account(ctx, none); return err },
		"AccountByID":  func() error { _, err := ledger.AccountByID(ctx, none); return err },
		"Details":      func() error { _, err := ledger.Details(ctx, none); return err },
		"Card":         func() error { _, _, err := ledger.Card(ctx, none); return err },
		"Transaction":  func() error { _, _, err := ledger.Transaction(ctx, none); return err },
		"SealedNumber": func() error { _, err := ledger.SealedNumber(ctx, none); return err },
	} {
		require.ErrorIs(t, ask(), bank.ErrNotFound, name)
	}
}

// refusesBadData writes a bad entry beside a good one. Nothing of the batch is written, and the
// good entry alone is written afterwards.
func refusesBadData(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	sequence := int64(1)
	for name, spoil := range badEntries {
		t.Run(name, func(t *testing.T) {
			good, bad := Purchase(customer, NewID(), 1), Purchase(customer, NewID(), 1)
			spoil(&bad)
			keys := KeysOf(customer, good.TransactionID, bad.TransactionID)
			err := ledger.Execute(t.Context(), keys, func(book *bank.Book) error {
				if _, err := book.Post(good, bank.Effect{Balance: -1}, Start); err != nil {
					return err
				}
				if bad.AccountID.IsZero() {
					book.Refuse(bad, Start)
					return nil
				}
				_, err := book.Post(bad, bank.Effect{Balance: -bad.Amount}, Start)
				return err
			})
			require.ErrorIs(t, err, bank.ErrRejected)
			Commit(t, ledger, keys, func(book *bank.Book) error {
				require.Nil(t, book.Entry(good.TransactionID), "nothing of the batch was written")
				_, err := book.Post(good, bank.Effect{Balance: -1}, Start)
				return err
			})
			account, err := ledger.Account(t.Context(), customer.Account)
			require.NoError(t, err)
			sequence++
			require.Equal(t, sequence, account.Sequence)
		})
	}
}

// badEntries break an approved purchase of 1 in each way that a store must refuse.
var badEntries = map[string]func(*bank.Entry){
	"U+0000 in a text":                 func(e *bank.Entry) { e.Description = "a\x00b" },
	"text that is not UTF-8":           func(e *bank.Entry) { e.Merchant.Name = "caf\xe9" },
	"a negative amount":                func(e *bank.Entry) { e.Amount = -1 },
	"a debit beyond what is available": func(e *bank.Entry) { e.Amount = 100_000 },
	"a movement with one end":          func(e *bank.Entry) { e.CreditAccount = bank.ID{} },
	"a movement within one account":    func(e *bank.Entry) { e.CreditAccount = e.DebitAccount },
	"a decline that moves money":       func(e *bank.Entry) { e.Status, e.Decline = bank.Declined, bank.Blocked },
	"a decline without a reason":       func(e *bank.Entry) { e.Status, e.DebitAccount, e.CreditAccount = bank.Declined, bank.ID{}, bank.ID{} },
	"an approval with a reason":        func(e *bank.Entry) { e.Decline = bank.Blocked },
	"a third leg":                      func(e *bank.Entry) { e.Leg = 2 },
	"no kind":                          func(e *bank.Entry) { e.Kind = 0 },
	"no direction":                     func(e *bank.Entry) { e.Direction = 0 },
	"no status":                        func(e *bank.Entry) { e.Status = 0 },
	"an approval without an account":   func(e *bank.Entry) { e.AccountID = bank.ID{} },
	"a tombstone with an account":      func(e *bank.Entry) { e.Status, e.DebitAccount, e.CreditAccount = bank.Voided, bank.ID{}, bank.ID{} },
	"an applied entry with an amount":  func(e *bank.Entry) { e.Status, e.DebitAccount, e.CreditAccount = bank.Applied, bank.ID{}, bank.ID{} },
}

// seesWholeBatches decides a batch while another one decides the same transaction. It must see the
// decision, the card and the sums of the other batch, or nothing of it. If it waits for a lock, it
// must not mix what it read before with what it reads afterwards.
func seesWholeBatches(t *testing.T, ledger Ledger) {
	type sight struct {
		sequence         int64
		blocked, decided bool
		reversed         int64
	}
	customer := OpenCustomer(t, ledger, 1000)
	purchase := Buy(t, ledger, customer, 100).TransactionID
	reversal := GiveBack(customer, purchase, 100)
	keys := keysWithSums(customer, purchase, reversal.TransactionID)
	waited := make(chan error, 1)
	var seen sight
	Commit(t, ledger, keys, func(book *bank.Book) error {
		go func() {
			waited <- ledger.Execute(t.Context(), keys, func(book *bank.Book) error {
				account, _ := book.Account(customer.Account)
				card, _ := book.Card(customer.Card)
				seen = sight{account.Sequence, card.IsBlocked(), book.Entry(reversal.TransactionID) != nil, book.Sum(purchase, bank.GivenBack)}
				return nil
			})
		}()
		time.Sleep(50 * time.Millisecond) // long enough for the other batch to queue; if it is not, the test still passes
		card, _ := book.Card(customer.Card)
		card.Blocks = bank.BlockedByBank
		book.SetCard(card)
		_, err := book.Post(reversal, bank.Effect{Balance: 100}, Start)
		return err
	})
	require.NoError(t, <-waited)
	require.Contains(t, []sight{{sequence: 2}, {sequence: 3, blocked: true, decided: true, reversed: 100}}, seen)
}
