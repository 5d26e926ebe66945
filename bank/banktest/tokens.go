package banktest

import (
	"testing"

	"codebank.dev/bank"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// NewTokenUse returns the use of a new token by a transaction.
func NewTokenUse(transaction bank.ID) bank.TokenUse {
	return bank.TokenUse{Nonce: NewID(), TransactionID: transaction, ExpiresAt: Start.Add(bank.TokenLife)}
}

// tokenUser returns the transaction that used a token, or zero.
func tokenUser(t testing.TB, ledger Ledger, nonce bank.ID) bank.ID {
	t.Helper()
	var user bank.ID
	Commit(t, ledger, bank.Keys{Tokens: []bank.ID{nonce}}, func(book *bank.Book) error {
		user = book.TokenUser(nonce)
		return nil
	})
	return user
}

// pay returns the keys and the decision of a purchase by a token. won is set to whether the token
// was unused.
func pay(customer Customer, use bank.TokenUse, won *bool) (bank.Keys, func(*bank.Book) error) {
	keys := KeysOf(customer, use.TransactionID)
	keys.Tokens = []bank.ID{use.Nonce}
	return keys, func(book *bank.Book) error {
		if *won = book.TokenUser(use.Nonce).IsZero(); !*won {
			return nil
		}
		_, err := book.Post(Purchase(customer, use.TransactionID, 1), bank.Effect{Balance: -1}, Start)
		book.UseToken(use)
		return err
	}
}

func usesTokensOnce(t *testing.T, ledger Ledger) { testTokenRace(t, ledger) }

// testTokenRace pays with one token from many goroutines through several handles of one ledger.
func testTokenRace(t *testing.T, ledgers ...Ledger) {
	customers := OpenCustomers(t, ledgers[0], racers, 1000)
	token := NewTokenUse(bank.ID{})
	won := make([]bool, racers)
	uses := make([]bank.TokenUse, racers)
	race(t, ledgers, func(i int, ledger Ledger) error {
		uses[i] = token
		uses[i].TransactionID = NewID()
		keys, decide := pay(customers[i], uses[i], &won[i])
		return Try(t.Context(), ledger, keys, decide)
	})
	winner := requireOne(t, won)
	for _, ledger := range ledgers {
		require.Equal(t, uses[winner].TransactionID, tokenUser(t, ledger, token.Nonce))
	}
}

// usesTokensOnceInABatch decides two purchases by one token in one batch.
func usesTokensOnceInABatch(t *testing.T, ledger Ledger) {
	pair := OpenCustomers(t, ledger, 2, 1000)
	first := NewTokenUse(NewID())
	second := first
	second.TransactionID = NewID()
	var won [2]bool
	keys, decideFirst := pay(pair[0], first, &won[0])
	more, decideSecond := pay(pair[1], second, &won[1])
	keys.Add(more)
	Commit(t, ledger, keys, func(book *bank.Book) error {
		require.NoError(t, decideFirst(book))
		return decideSecond(book)
	})
	require.Equal(t, [2]bool{true, false}, won)
	require.Equal(t, first.TransactionID, tokenUser(t, ledger, first.Nonce))
	_, _, err := ledger.Transaction(t.Context(), second.TransactionID)
	require.ErrorIs(t, err, bank.ErrNotFound)
}

// seesTokenUses uses a token a second time in a later batch, beside another purchase: only the
// command with the token is refused.
func seesTokenUses(t *testing.T, ledger Ledger) {
	pair := OpenCustomers(t, ledger, 2, 1000)
	use, other := NewTokenUse(NewID()), NewID()
	var won bool
	keys, decide := pay(pair[0], use, &won)
	Commit(t, ledger, keys, decide)
	require.True(t, won)

	again := use
	again.TransactionID = NewID()
	keys, decide = pay(pair[0], again, &won)
	keys.Add(KeysOf(pair[1], other))
	Commit(t, ledger, keys, func(book *bank.Book) error {
		require.NoError(t, decide(book))
		_, err := book.Post(Purchase(pair[1], other, 1), bank.Effect{Balance: -1}, Start)
		return err
	})
	require.False(t, won)
	require.Equal(t, use.TransactionID, tokenUser(t, ledger, use.Nonce))
	_, _, err := ledger.Transaction(t.Context(), other)
	require.NoError(t, err)
	_, _, err = ledger.Transaction(t.Context(), again.TransactionID)
	require.ErrorIs(t, err, bank.ErrNotFound)
}

// refusesBlindTokenUses uses a token a second time without asking whether it is used.
func refusesBlindTokenUses(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	use := NewTokenUse(NewID())
	var won bool
	keys, decide := pay(customer, use, &won)
	Commit(t, ledger, keys, decide)
	use.TransactionID = NewID()
	err := ledger.Execute(t.Context(), KeysOf(customer, use.TransactionID), func(book *bank.Book) error {
		book.UseToken(use)
		_, err := book.Post(Purchase(customer, use.TransactionID, 1), bank.Effect{Balance: -1}, Start)
		return err
	})
	require.ErrorIs(t, err, bank.ErrRetry)
	_, _, err = ledger.Transaction(t.Context(), use.TransactionID)
	require.ErrorIs(t, err, bank.ErrNotFound)
}

// keepsTokenUses uses tokens with any nonce and expiry by entries of an account and by refusals.
func keepsTokenUses(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1_000_000)
	rapid.Check(t, func(t *rapid.T) {
		uses := make([]bank.TokenUse, rapid.IntRange(1, 4).Draw(t, "uses"))
		var keys bank.Keys
		for i := range uses {
			uses[i] = NewTokenUse(NewID())
			start := anyID().Draw(t, "nonce")
			copy(uses[i].Nonce[:8], start[:])
			uses[i].ExpiresAt = timestamp().Draw(t, "expiry")
			keys.Tokens = append(keys.Tokens, uses[i].Nonce)
			keys.Add(KeysOf(customer, uses[i].TransactionID))
		}
		keys.Sort()
		refused := rapid.Bool().Draw(t, "refused")
		require.NoError(t, ledger.Execute(t.Context(), keys, func(book *bank.Book) error {
			for _, use := range uses {
				book.UseToken(use)
				if refused {
					book.Refuse(Refusal(use.TransactionID), Start)
				} else if _, err := book.Post(Purchase(customer, use.TransactionID, 1), bank.Effect{Balance: -1}, Start); err != nil {
					return err
				}
			}
			return nil
		}))
		users := make(map[bank.ID]bank.ID)
		require.NoError(t, ledger.Execute(t.Context(), bank.Keys{Tokens: keys.Tokens}, func(book *bank.Book) error {
			for _, nonce := range keys.Tokens {
				users[nonce] = book.TokenUser(nonce)
			}
			return nil
		}))
		for _, use := range uses {
			require.Equal(t, use.TransactionID, users[use.Nonce])
		}
	})
}
