package bank_test

import (
	"bytes"
	"testing"
	"time"

	"codebank.dev/bank"
	"github.com/stretchr/testify/require"
)

var (
	account1 = bank.Account{ID: bank.ID{1}, CreditLimit: 1000, Sequence: 5}
	account2 = bank.Account{ID: bank.ID{2}, CreditLimit: 1000, Sequence: 5}
	closed   = bank.Account{ID: bank.ID{4}, Sequence: 5, ClosedAt: noon}
	old      = bank.Entry{TransactionID: bank.ID{22}, AccountID: closed.ID, Kind: bank.KindPurchase, Amount: 100}
	card1    = bank.Card{CardSnapshot: bank.CardSnapshot{ID: bank.ID{11}}, AccountID: account1.ID}
	// bought is an earlier purchase of account 1, and spent the token that it used.
	bought = bank.Entry{TransactionID: bank.ID{21}, AccountID: account1.ID, Amount: 100, Status: bank.Approved}
	spent  = bank.TokenUse{Nonce: bank.ID{31}, TransactionID: bought.TransactionID}
)

func post(book *bank.Book, transaction, account bank.ID) {
	_, err := book.Post(bank.Entry{TransactionID: transaction, AccountID: account}, bank.Effect{}, noon)
	if err != nil {
		panic(err)
	}
}

// What a decision rests on is proved by the write, or the decision needs locks.
func TestAWriteProvesWhatItsDecisionsRestOn(t *testing.T) {
	fresh, nonce := bank.ID{41}, bank.ID{42}
	for _, tt := range []struct {
		rule   string
		decide func(*bank.Book)
		proven bool
	}{
		{"nothing read, nothing written", func(*bank.Book) {}, true},
		{"an account is read", func(b *bank.Book) { b.Account(account1.ID) }, false},
		{"an account is read and another one written", func(b *bank.Book) { b.Account(account1.ID); post(b, fresh, account2.ID) }, false},
		{"an account is read and written", func(b *bank.Book) { b.Account(account1.ID); post(b, fresh, account1.ID) }, true},
		{"an account is written and not read", func(b *bank.Book) { post(b, fresh, account1.ID) }, true},
		{"a closed account is read", func(b *bank.Book) { b.Account(closed.ID) }, true},
		{"nothing was given back to a closed account", func(b *bank.Book) { b.Sum(old.TransactionID, bank.GivenBack) }, false},
		{"nothing was given back to a closed account, and it is written", func(b *bank.Book) {
			b.Sum(old.TransactionID, bank.GivenBack)
			post(b, fresh, closed.ID)
		}, true},
		{"an account is absent", func(b *bank.Book) { b.Account(bank.ID{99}); post(b, fresh, account1.ID) }, false},
		{"a card is read", func(b *bank.Book) { b.Card(card1.ID) }, false},
		{"a card is read and its account written", func(b *bank.Book) { b.Card(card1.ID); post(b, fresh, account1.ID) }, true},
		{"a card is read and written", func(b *bank.Book) {
			card, _ := b.Card(card1.ID)
			card.Blocks = bank.BlockedByBank
			b.SetCard(card)
		}, true},
		{"a card of a closed account is read", func(b *bank.Book) { b.Card(bank.ID{14}) }, false},
		{"a card is absent", func(b *bank.Book) { b.Card(bank.ID{99}); post(b, fresh, account1.ID) }, false},
		{"a new account and a new card are read", func(b *bank.Book) {
			b.Open(bank.Account{ID: bank.ID{3}})
			b.Issue(bank.NewCard{Card: bank.Card{CardSnapshot: bank.CardSnapshot{ID: bank.ID{13}}, AccountID: bank.ID{3}}})
			post(b, fresh, bank.ID{3})
			b.Account(bank.ID{3})
			b.Card(bank.ID{13})
		}, true},
		{"a transaction was decided", func(b *bank.Book) { b.Entry(bought.TransactionID) }, true},
		{"a transaction is taken for new", func(b *bank.Book) { b.Entry(fresh) }, false},
		{"a transaction is taken for new and written", func(b *bank.Book) { b.Entry(fresh); post(b, fresh, account1.ID) }, true},
		{"a transaction is taken for new and another one written", func(b *bank.Book) { b.Entry(fresh); post(b, bank.ID{43}, account1.ID) }, false},
		{"a transaction is taken for new and refused", func(b *bank.Book) { b.Entry(fresh); b.Refuse(bank.Entry{TransactionID: fresh}, noon) }, true},
		{"only leg 1 of a transaction that is taken for new is written", func(b *bank.Book) {
			b.Entry(fresh)
			b.Refuse(bank.Entry{TransactionID: fresh, Leg: 1}, noon)
		}, false},
		{"nothing was given back", func(b *bank.Book) { b.Sum(bought.TransactionID, bank.GivenBack) }, false},
		{"nothing was given back, and the account is written", func(b *bank.Book) { b.Sum(bought.TransactionID, bank.GivenBack); post(b, fresh, account1.ID) }, true},
		{"nothing was given back, and another account is written", func(b *bank.Book) { b.Sum(bought.TransactionID, bank.GivenBack); post(b, fresh, account2.ID) }, false},
		{"nothing was given back of an unknown transaction", func(b *bank.Book) { b.Sum(fresh, bank.GivenBack); post(b, fresh, account1.ID) }, false},
		{"everything was given back in this batch", func(b *bank.Book) {
			_, err := b.Post(bank.Entry{TransactionID: fresh, AccountID: account1.ID, OriginalID: bought.TransactionID, Kind: bank.KindReversal, DebitAccount: bank.ID{9}, CreditAccount: account1.ID, Status: bank.Approved, Amount: 100}, bank.Effect{}, noon)
			require.NoError(t, err)
			require.EqualValues(t, 100, b.Sum(bought.TransactionID, bank.GivenBack))
		}, true},
		{"a token was used before", func(b *bank.Book) { b.TokenUser(spent.Nonce) }, true},
		{"a token is taken for unused", func(b *bank.Book) { b.TokenUser(nonce); post(b, fresh, account1.ID) }, false},
		{"a token is taken for unused and used", func(b *bank.Book) { b.TokenUser(nonce); b.UseToken(bank.TokenUse{Nonce: nonce, TransactionID: fresh}) }, true},
	} {
		book := bank.NewBook(bank.ReadSet{
			Accounts: []bank.Account{account1, account2, closed}, Cards: []bank.Card{card1, {CardSnapshot: bank.CardSnapshot{ID: bank.ID{14}}, AccountID: closed.ID}}, Entries: []bank.Entry{bought, old}, TokenUses: []bank.TokenUse{spent},
		})
		tt.decide(book)
		require.Equal(t, tt.proven, book.ProvenByWrite(), tt.rule)
	}
}

// A sum that has reached the amount is final.
func TestWhatWasGivenBackInFullNeedsNoProof(t *testing.T) {
	for reversed, proven := range map[int64]bool{99: false, 100: true} {
		book := bank.NewBook(bank.ReadSet{
			Accounts: []bank.Account{account1}, Entries: []bank.Entry{bought}, Sums: map[bank.Sum]int64{{Original: bought.TransactionID, Relation: bank.GivenBack}: reversed},
		})
		require.Equal(t, reversed, book.Sum(bought.TransactionID, bank.GivenBack))
		require.Equal(t, proven, book.ProvenByWrite(), reversed)
	}
}

// What is captured of a hold and what is released of it are final when both together reach the hold.
func TestAHoldThatIsUsedUpNeedsNoProof(t *testing.T) {
	for _, tt := range []struct {
		captured, released int64
		proven             bool
	}{{0, 0, false}, {99, 0, false}, {30, 69, false}, {30, 70, true}, {100, 0, true}, {0, 100, true}} {
		for _, relation := range []bank.Relation{bank.Captured, bank.Released} {
			book := bank.NewBook(bank.ReadSet{
				Accounts: []bank.Account{account1}, Entries: []bank.Entry{bought}, Sums: map[bank.Sum]int64{
					{Original: bought.TransactionID, Relation: bank.Captured}: tt.captured,
					{Original: bought.TransactionID, Relation: bank.Released}: tt.released,
				},
			})
			book.Sum(bought.TransactionID, relation)
			require.Equal(t, tt.proven, book.ProvenByWrite(), "%+v, relation %d", tt, relation)
		}
	}
}

// A sum of one relation says nothing about another.
func TestWhatWasCapturedIsNotGivenBack(t *testing.T) {
	book := bank.NewBook(bank.ReadSet{
		Accounts: []bank.Account{account1}, Entries: []bank.Entry{bought}, Sums: map[bank.Sum]int64{
			{Original: bought.TransactionID, Relation: bank.Captured}: 100,
		},
	})
	require.Zero(t, book.Sum(bought.TransactionID, bank.GivenBack))
	require.False(t, book.ProvenByWrite())
}

func TestANonceIsAUUIDThatBeginsWithTheTimeOfIssue(t *testing.T) {
	random := bytes.NewReader(bytes.Repeat([]byte{0xff}, 1000))
	nonce, err := bank.NewNonce(noon, random)
	require.NoError(t, err)
	require.Equal(t, "019ca945-0a00-7fff-bfff-ffffffffffff", nonce.ID().String())
	require.Equal(t, "019ca945-0a00-0000-0000-000000000000", bank.FirstNonceID(noon).String())
	later, err := bank.NewNonce(noon.Add(time.Millisecond), bytes.NewReader(make([]byte, 24)))
	require.NoError(t, err)
	require.Negative(t, bytes.Compare(idBytes(nonce.ID()), idBytes(later.ID())))
	require.Negative(t, bytes.Compare(idBytes(nonce.ID()), idBytes(bank.FirstNonceID(noon.Add(time.Millisecond)))))
	require.Zero(t, bank.FirstNonceID(time.Time{}), "before 1970")
	_, err = bank.NewNonce(noon, bytes.NewReader(make([]byte, 23)))
	require.Error(t, err)
}

func idBytes(id bank.ID) []byte { return id[:] }
