package banktest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
)

// Numbers returns card numbers that schemes and processors publish for tests. No real card has one
// of them.
func Numbers() []string {
	return []string{
		"4111111111111111", "4012888888881881", "4222222222222", // Visa
		"5555555555554444", "5105105105105100", "2223003122003222", // Mastercard
		"378282246310005", "371449635398431", // American Express
		"6011111111111117", "6011000990139424", // Discover
		"30569309025904", "38520000023237", // Diners Club
		"3530111333300000", "3566002020360505", // JCB
	}
}

// Number returns the i-th of Numbers, and begins again after the last.
func Number(i int) pan.Number {
	numbers := Numbers()
	number, err := pan.Parse(numbers[i%len(numbers)])
	if err != nil {
		panic("banktest: a published test number does not parse")
	}
	return number
}

// NewID returns a random id.
func NewID() bank.ID {
	random, err := id.New(rand.Reader)
	if err != nil {
		panic("banktest: no randomness")
	}
	return random
}

// BRL is the currency of the fixtures.
var BRL = money.MustCurrency("BRL")

// Customer is an open card account with its card.
type Customer struct {
	Account bank.ID
	Card    bank.ID
	Lookup  [32]byte
}

// NewAccount returns an account to be opened, with zero figures.
func NewAccount() bank.Account {
	return bank.Account{ID: NewID(), CustomerID: NewID(), Kind: bank.AccountCard, Currency: BRL}
}

// NewCard returns a card to be issued on an account, with a random id, the snapshot of a published
// number, an expiry at the end of 2031 and no rules.
func NewCard(account bank.ID) bank.NewCard {
	id := NewID()
	number := Number(int(binary.BigEndian.Uint16(id[:])))
	return bank.NewCard{
		Card: bank.Card{
			CardSnapshot: bank.CardSnapshot{ID: id, Brand: number.Brand(), BIN: number.BIN(), Last4: number.Last4()},
			AccountID:    account,
			HolderName:   "MARIA DA SILVA",
			Expiry:       pan.Expiry{Month: 12, Year: 2031},
			IssuedAt:     Start,
		},
		Lookup: sha256.Sum256(id[:]),
		Sealed: bank.Sealed{KeyID: "k1", Ciphertext: id[:]},
	}
}

// OpenCustomer opens an account with a credit limit and issues a card on it, in one commit.
func OpenCustomer(t testing.TB, store bank.Store, limit int64) Customer {
	t.Helper()
	customers := OpenCustomers(t, store, 1, limit)
	return customers[0]
}

// OpenCustomers does the same n times in one commit. The opening entries emit no events.
func OpenCustomers(t testing.TB, store bank.Store, n int, limit int64) []Customer {
	t.Helper()
	customers := make([]Customer, n)
	Commit(t, store, bank.Keys{}, func(book *bank.Book) error {
		for i := range customers {
			account := NewAccount()
			issued := NewCard(account.ID)
			book.Open(account)
			book.Issue(issued)
			if _, err := book.Post(Opening(account.ID), bank.Effect{CreditLimit: limit}, Start); err != nil {
				return err
			}
			customers[i] = Customer{Account: account.ID, Card: issued.Card.ID, Lookup: issued.Lookup}
		}
		return nil
	})
	return customers
}

// Opening returns the first entry of an account.
func Opening(account bank.ID) bank.Entry {
	return bank.Entry{TransactionID: NewID(), AccountID: account, Kind: bank.KindOpening, Direction: bank.NoDirection, Status: bank.Applied}
}

// Merchant is the merchant of the fixtures.
var Merchant = bank.Merchant{ID: "m-1", Name: "Padaria do Bairro", CategoryCode: "5462", City: "São Paulo", Country: "BR"}

// Settlement is the internal account that collects the merchant's sales.
var Settlement = bank.Code("001").SettlementAccount(Merchant.ID, "BRL")

// Purchase returns an approved purchase by a customer. Post it with an effect of −amount on the
// balance.
func Purchase(customer Customer, transaction bank.ID, amount int64) bank.Entry {
	return bank.Entry{
		TransactionID: transaction, AccountID: customer.Account,
		Request: bank.Request{Caller: "tests", ID: transaction.String(), Fingerprint: sha256.Sum256(transaction[:])},
		Kind:    bank.KindPurchase, Direction: bank.Debit, Status: bank.Approved,
		Amount: amount, DebitAccount: customer.Account, CreditAccount: Settlement,
		Card: bank.CardSnapshot{ID: customer.Card}, Merchant: Merchant, Channel: bank.ChannelECommerce, Attempt: 1,
	}
}

// GiveBack returns an approved reversal of a part of a purchase. Post it with an effect of +amount
// on the balance.
func GiveBack(customer Customer, purchase bank.ID, amount int64) bank.Entry {
	entry := Purchase(customer, NewID(), amount)
	entry.Kind, entry.Direction, entry.OriginalID = bank.KindReversal, bank.Credit, purchase
	entry.DebitAccount, entry.CreditAccount = Settlement, customer.Account
	return entry
}

// directed returns an entry with the direction of its kind and leg, and with a movement, if it has one, in
// that direction. A kind that may be both is a credit, because a credit never asks the limit.
func directed(entry bank.Entry) bank.Entry {
	entry.Direction = directionOf(entry.Kind, entry.Leg)
	if !entry.Moves() {
		return entry
	}
	entry.DebitAccount, entry.CreditAccount = Settlement, entry.AccountID
	if entry.Direction == bank.Debit {
		entry.DebitAccount, entry.CreditAccount = entry.AccountID, Settlement
	}
	return entry
}

func directionOf(kind bank.Kind, leg uint8) bank.Direction {
	switch kind {
	case bank.KindPurchase, bank.KindWithdrawal, bank.KindHold:
		return bank.Debit
	case bank.KindTransfer:
		return bank.Debit + bank.Direction(leg)
	case bank.KindReversal:
		return bank.Credit - bank.Direction(leg)
	}
	return bank.Credit
}

// Hold returns an approved hold. Post it with an effect of +amount on what is held.
func Hold(customer Customer, transaction bank.ID, amount int64) bank.Entry {
	entry := Purchase(customer, transaction, amount)
	entry.Kind, entry.DebitAccount, entry.CreditAccount = bank.KindHold, bank.ID{}, bank.ID{}
	entry.HoldID = transaction
	return entry
}

// Release returns the void of a hold, or of a part of it. Post it with an effect of −amount on what is
// held.
func Release(customer Customer, hold bank.ID, amount int64) bank.Entry {
	entry := Hold(customer, NewID(), amount)
	entry.Kind, entry.Direction, entry.OriginalID, entry.HoldID = bank.KindVoid, bank.NoDirection, hold, hold
	return entry
}

// Capture returns the two legs of a capture of a hold: what it captures, and the release of the rest.
// Post the first one with an effect of −captured on the balance and on what is held.
func Capture(customer Customer, hold bank.ID, captured, rest int64) []bank.Entry {
	entry, released := Purchase(customer, NewID(), captured), Release(customer, hold, rest)
	entry.Kind, entry.OriginalID, entry.HoldID = bank.KindCapture, hold, hold
	released.TransactionID, released.Request, released.Leg = entry.TransactionID, entry.Request, 1
	return []bank.Entry{entry, released}
}

// Transfer returns the two legs of an approved transfer. Post both with effects of −amount and +amount on
// the balances.
func Transfer(from, to Customer, transaction bank.ID, amount int64) (out, in bank.Entry) {
	out = Purchase(from, transaction, amount)
	out.Kind, out.CreditAccount, out.Card, out.Merchant = bank.KindTransfer, to.Account, bank.CardSnapshot{}, bank.Merchant{}
	in = out
	in.Leg, in.AccountID, in.Direction = 1, to.Account, bank.Credit
	return out, in
}

// Refusal returns a declined purchase with an unknown card.
func Refusal(transaction bank.ID) bank.Entry {
	entry := Purchase(Customer{}, transaction, 100)
	entry.Status, entry.Decline, entry.Currency = bank.Declined, bank.UnknownCard, BRL
	entry.DebitAccount, entry.CreditAccount = bank.ID{}, bank.ID{}
	entry.Card = bank.CardSnapshot{Brand: pan.Visa, BIN: "411111", Last4: "1111"}
	return entry
}

// EventOf returns an event for an entry, with the event's id as its body.
func EventOf(entry *bank.Entry) bank.Event {
	return bank.Event{
		TransactionID: entry.TransactionID, AccountID: entry.AccountID, Sequence: entry.Sequence,
		Key: entry.EventKey(), SchemaVersion: 1, Body: []byte(entry.EventID()),
	}
}

// KeysOf returns the keys of a customer and of transactions, sorted.
func KeysOf(customer Customer, transactions ...bank.ID) bank.Keys {
	keys := bank.Keys{Accounts: []bank.ID{customer.Account}, Cards: []bank.ID{customer.Card}, Transactions: transactions}
	keys.Sort()
	return keys
}

// keysWithSums returns KeysOf, and also asks for the sums of the transactions.
func keysWithSums(customer Customer, transactions ...bank.ID) bank.Keys {
	keys := KeysOf(customer, transactions...)
	keys.Originals = slices.Clone(keys.Transactions)
	return keys
}

// Commit executes decide and retries after conflicts, as the executor does. It fails the test on
// any other error.
func Commit(t testing.TB, store bank.Store, keys bank.Keys, decide func(*bank.Book) error) {
	t.Helper()
	require.NoError(t, Try(t.Context(), store, keys, decide))
}

// Try executes decide and retries after conflicts.
func Try(ctx context.Context, store bank.Store, keys bank.Keys, decide func(*bank.Book) error) error {
	keys.Sort()
	for {
		err := store.Execute(ctx, keys, decide)
		if !errors.Is(err, bank.ErrRetry) {
			return err
		}
	}
}

// Buy posts an approved purchase with its event, in a commit of its own, and returns its entry.
func Buy(t testing.TB, store bank.Store, customer Customer, amount int64) bank.Entry {
	t.Helper()
	var posted bank.Entry
	transaction := NewID()
	Commit(t, store, KeysOf(customer, transaction), func(book *bank.Book) error {
		entry, err := book.Post(Purchase(customer, transaction, amount), bank.Effect{Balance: -amount}, Start)
		if err != nil {
			return err
		}
		book.Emit(EventOf(entry))
		posted = *entry
		return nil
	})
	return posted
}
