package banktest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestEquivalence runs the same random batches, good and bad ones, on two ledgers and compares
// every result: outcomes, accounts, cards, entries, uses of tokens and events. Both ledgers must be empty.
func TestEquivalence(t *testing.T, first, second Ledger) {
	rapid.Check(t, func(t *rapid.T) {
		world := newWorld()
		for range rapid.IntRange(1, 12).Draw(t, "batches") {
			step := world.draw(t)
			outcomes := [2]string{}
			for i, ledger := range []Ledger{first, second} {
				outcomes[i] = resultClass(ledger.Execute(t.Context(), step.keys, step.decide))
			}
			require.Equal(t, outcomes[0], outcomes[1], "%v", step.what)
		}
		world.compare(t, first, second)
	})
	require.Equal(t, eventsOf(t, first), eventsOf(t, second))
}

// resultClass names what an executor would do with an error.
func resultClass(err error) string {
	switch {
	case err == nil:
		return "committed"
	case errors.Is(err, bank.ErrRetry):
		return "retry"
	case errors.Is(err, bank.ErrRejected):
		return "rejected"
	}
	return fault.CodeOf(err).String() + ": " + err.Error()
}

func eventsOf(t testing.TB, ledger Ledger) []bank.Event {
	var events []bank.Event
	for _, row := range fetchAll(t, ledger, nil) {
		events = append(events, row.Event)
	}
	return events
}

// world is a few ids that all batches of one run share.
type world struct {
	accounts     []bank.Account
	cards        []bank.NewCard
	transactions []bank.ID
	tokens       []bank.ID
	now          time.Time
}

// step is one batch.
type step struct {
	what   []string
	keys   bank.Keys
	decide func(*bank.Book) error
}

func newWorld() *world {
	w := &world{now: Start}
	for i := range 3 {
		account := NewAccount()
		if i == 2 {
			account.Kind = bank.AccountWallet
		}
		w.accounts = append(w.accounts, account)
		w.cards = append(w.cards, NewCard(account.ID))
	}
	for range 6 {
		w.transactions = append(w.transactions, NewID())
	}
	for range 4 {
		w.tokens = append(w.tokens, NewID())
	}
	return w
}

// draw makes a batch of a few changes. The accounts, cards and transactions that it names may not
// exist yet, or exist already.
func (w *world) draw(t *rapid.T) step {
	var s step
	var changes []func(*bank.Book) error
	for range rapid.IntRange(1, 4).Draw(t, "changes") {
		i := rapid.IntRange(0, len(w.accounts)-1).Draw(t, "account")
		transaction := rapid.SampledFrom(w.transactions).Draw(t, "transaction")
		account, issued := w.accounts[i], w.cards[i]
		s.keys.Add(KeysOf(Customer{Account: account.ID, Card: issued.Card.ID}))
		if rapid.Bool().Draw(t, "looks up") {
			s.keys.Transactions = append(s.keys.Transactions, transaction)
		}
		kind := rapid.SampledFrom([]string{"open", "issue", "post", "post", "post", "hold", "end", "end", "refuse", "block", "use", "close"}).Draw(t, "kind")
		s.what = append(s.what, fmt.Sprintf("%s %d", kind, i))
		entry := Entry(issued.Card.CardSnapshot, account.ID).Draw(t, "entry")
		entry.TransactionID = transaction
		if !entry.OriginalID.IsZero() && rapid.Bool().Draw(t, "refers") {
			entry.OriginalID = rapid.SampledFrom(w.transactions).Draw(t, "original")
		}
		breakRule(t, &entry)
		use := bank.TokenUse{Nonce: rapid.SampledFrom(w.tokens).Draw(t, "token"), TransactionID: transaction, ExpiresAt: w.now}
		if kind == "use" {
			kind = "post"
			changes = append(changes, useToken(use, rapid.Bool().Draw(t, "blindly")))
			s.keys.Tokens = append(s.keys.Tokens, use.Nonce)
		}
		effect := bank.Effect{Balance: rapid.Int64Range(-1000, 1000).Draw(t, "effect"), Held: rapid.Int64Range(-3, 5).Draw(t, "held")}
		switch kind {
		case "hold":
			entry = drawHold(t, account.ID, transaction)
			effect = bank.Effect{Held: entry.Amount}
		case "end":
			changes = append(changes, w.end(drawEnd(t, account.ID, rapid.SampledFrom(w.transactions).Draw(t, "hold"), transaction)))
			continue
		}
		changes = append(changes, w.change(kind, i, entry, effect))
	}
	s.keys.Sort()
	s.decide = func(book *bank.Book) error {
		for _, change := range changes {
			if err := change(book); err != nil {
				return err
			}
		}
		return nil
	}
	return s
}

// breakRule breaks an entry now and then.
func breakRule(t *rapid.T, entry *bank.Entry) {
	switch rapid.IntRange(0, 19).Draw(t, "spoil") {
	case 0:
		entry.Description += "\x00"
	case 1:
		entry.Amount = -entry.Amount
	case 2:
		entry.Decline = bank.Blocked
	case 3:
		entry.Direction, entry.Kind = bank.Debit, bank.KindHold
	case 4:
		entry.Leg, entry.OriginalID = 1, bank.ID{} // What refers to a transaction has a leg 0.
	case 5:
		entry.DebitAccount = NewID()
	case 6:
		entry.Direction, entry.DebitAccount, entry.CreditAccount = bank.Debit, entry.CreditAccount, entry.DebitAccount
	case 7:
		entry.Kind = rapid.SampledFrom([]bank.Kind{bank.KindPurchase, bank.KindReversal, bank.KindDeposit, bank.KindTransfer}).Draw(t, "other kind")
	case 8:
		entry.DebitAccount, entry.CreditAccount = bank.ID{}, bank.ID{}
	case 9:
		entry.OriginalID = NewID()
	}
}

// drawHold returns a hold that keeps the rules of the store, or now and then breaks one.
func drawHold(t *rapid.T, account, transaction bank.ID) bank.Entry {
	entry := Hold(Customer{Account: account}, transaction, rapid.Int64Range(1, 3).Draw(t, "held"))
	entry.HoldExpiresAt = optionalTimestamp().Draw(t, "expires")
	switch rapid.IntRange(0, 15).Draw(t, "spoil hold") {
	case 0:
		entry.HoldID = account
	case 1:
		entry.Direction = bank.Credit
	case 2:
		entry.DebitAccount, entry.CreditAccount = account, Settlement
	}
	return entry
}

// drawEnd returns the postings that end a hold, which may have ended before, or never be placed. Now and
// then they break a rule of the store.
func drawEnd(t *rapid.T, account, hold, transaction bank.ID) []bank.Posting {
	customer := Customer{Account: account}
	amount, rest := rapid.Int64Range(1, 3).Draw(t, "ended"), rapid.Int64Range(0, 2).Draw(t, "rest")
	entries := Capture(customer, hold, amount, rest)
	if rest == 0 {
		entries = entries[:1]
	}
	switch rapid.IntRange(0, 3).Draw(t, "end") {
	case 0:
		entries = []bank.Entry{Release(customer, hold, amount)}
	case 1:
		entries = []bank.Entry{Release(customer, hold, amount)}
		entries[0].Kind = bank.KindExpiry
	}
	first := &entries[0]
	switch rapid.IntRange(0, 19).Draw(t, "spoil end") {
	case 0:
		first.OriginalID = bank.ID{}
	case 1:
		first.HoldID = account
	case 2:
		first.DebitAccount, first.CreditAccount = bank.ID{}, bank.ID{}
	case 3:
		first.DebitAccount, first.CreditAccount = Settlement, account
	case 4:
		first.Direction = bank.Credit
	case 5:
		first.Leg = 1
	}
	var postings []bank.Posting
	for _, entry := range entries {
		effect := bank.Effect{Held: -entry.Amount}
		if entry.Moves() {
			effect.Balance = -entry.Amount
		}
		entry.TransactionID = transaction
		postings = append(postings, bank.Posting{Entry: entry, Effect: effect})
	}
	return postings
}

// end posts what ends a hold, on an account that exists.
func (w *world) end(postings []bank.Posting) func(*bank.Book) error {
	return func(book *bank.Book) error {
		for _, posting := range postings {
			if _, opened := book.Account(posting.Entry.AccountID); !opened {
				return nil
			}
			if _, err := book.Post(posting.Entry, posting.Effect, w.now); err != nil {
				return err
			}
		}
		return nil
	}
}

// useToken uses a token unless it is used, or without asking.
func useToken(use bank.TokenUse, blindly bool) func(*bank.Book) error {
	return func(book *bank.Book) error {
		if blindly || book.TokenUser(use.Nonce).IsZero() {
			book.UseToken(use)
		}
		return nil
	}
}

// change returns one change of a book. A change that is impossible on the book as it is does
// nothing, in the same way on every ledger.
func (w *world) change(kind string, i int, entry bank.Entry, effect bank.Effect) func(*bank.Book) error {
	account, issued := w.accounts[i], w.cards[i]
	return func(book *bank.Book) error {
		_, opened := book.Account(account.ID)
		card, exists := book.Card(issued.Card.ID)
		if !exists && !entry.Card.ID.IsZero() {
			// An entry never names a card that does not exist.
			entry.Card = bank.CardSnapshot{}
		}
		switch {
		case kind == "open" && !opened:
			book.Open(account)
			limit := int64(500)
			if account.Kind == bank.AccountWallet {
				limit = 0
			}
			_, err := book.Post(Opening(account.ID), bank.Effect{CreditLimit: limit}, w.now)
			return err
		case kind == "close" && opened:
			// An account whose balance is not zero cannot be closed.
			closing := Opening(account.ID)
			closing.TransactionID, closing.Kind = entry.TransactionID, bank.KindClosing
			_, err := book.Post(closing, bank.Effect{}, w.now)
			book.Close(account.ID, w.now)
			return err
		case kind == "hold" && opened:
			_, err := book.Post(entry, effect, w.now)
			return err
		case kind == "issue" && !exists:
			book.Issue(issued)
		case kind == "block" && exists:
			card.Blocks = (card.Blocks + 1) % (bank.BlockedByBank + bank.BlockedByHolder + 1)
			book.SetCard(card)
		case kind == "refuse":
			book.Emit(EventOf(book.Refuse(entry, w.now)))
		case kind == "post" && opened && !entry.IsRefusal():
			posted, err := book.Post(entry, effect, w.now)
			if err != nil {
				return err
			}
			book.Emit(EventOf(posted))
		}
		return nil
	}
}

// compare reads everything about the world from both ledgers and requires the same.
func (w *world) compare(t *rapid.T, first, second Ledger) {
	ctx := t.Context()
	same := func(read func(Ledger) (any, error)) {
		want, wantErr := read(first)
		got, gotErr := read(second)
		require.Equal(t, resultClass(wantErr), resultClass(gotErr))
		require.Equal(t, want, got)
	}
	for i := range w.accounts {
		same(func(l Ledger) (any, error) { return l.Account(ctx, w.accounts[i].ID) })
		same(func(l Ledger) (any, error) { return l.CardByLookup(ctx, w.cards[i].Lookup) })
		same(func(l Ledger) (any, error) { return l.SealedNumber(ctx, w.cards[i].Card.ID) })
		same(func(l Ledger) (any, error) {
			card, account, err := l.Card(ctx, w.cards[i].Card.ID)
			return []any{card, account}, err
		})
	}
	same(func(l Ledger) (any, error) { return l.Due(ctx, w.now, bank.DueHold{}, 1000) })
	for _, token := range w.tokens {
		same(func(l Ledger) (user any, err error) {
			err = l.Execute(ctx, bank.Keys{Tokens: []bank.ID{token}}, func(book *bank.Book) error {
				user = book.TokenUser(token)
				return nil
			})
			return user, err
		})
	}
	for _, transaction := range w.transactions {
		same(func(l Ledger) (any, error) { return l.Parties(ctx, transaction) })
		same(func(l Ledger) (any, error) { return l.AccountOf(ctx, transaction) })
		same(func(l Ledger) (any, error) { return l.Details(ctx, transaction) })
		same(func(l Ledger) (any, error) { return l.Hold(ctx, transaction) })
		same(func(l Ledger) (any, error) {
			entry, reversed, err := l.Transaction(ctx, transaction)
			return []any{entry, reversed}, err
		})
		same(func(l Ledger) (any, error) {
			var sums [3]int64
			keys := bank.Keys{Transactions: []bank.ID{transaction}, Originals: []bank.ID{transaction}}
			err := l.Execute(ctx, keys, func(book *bank.Book) error {
				for i := range sums {
					sums[i] = book.Sum(transaction, bank.Relation(i+1))
				}
				return nil
			})
			return sums, err
		})
	}
}
