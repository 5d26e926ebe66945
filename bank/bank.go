package bank

import (
	"errors"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// Account is a customer account as of its last sequence. All figures are in minor units of
// Currency.
type Account struct {
	ID         ID
	CustomerID ID
	Kind       AccountKind
	Currency   money.Currency
	// Balance is as the customer sees it: what the customer owes is negative. A refund may make it positive.
	Balance int64
	// Held is the amount that holds have set aside; it is never negative.
	Held        int64
	CreditLimit int64
	// Sequence is the sequence of the account's last entry: 1, 2, 3 … without a gap.
	Sequence int64
	// LastAt is when the last entry occurred, in whole milliseconds, UTC.
	LastAt time.Time
	// ClosedAt is when the account was closed; zero for an open one. What is new on a closed account is
	// declined; what was paid before is still given back to it.
	ClosedAt time.Time
}

// AccountKind says what a customer account is for.
type AccountKind uint8

// The kinds of customer account.
const (
	AccountCard AccountKind = iota + 1
	AccountWallet
)

var accountKindNames = [...]string{"", "CARD", "WALLET"}

// String returns the kind as the event names it, or "" for none.
func (k AccountKind) String() string { return nameOf(accountKindNames[:], int(k)) }

// Available returns what a new debit or hold may take: balance − held + credit limit.
func (a *Account) Available() int64 { return a.Balance - a.Held + a.CreditLimit }

// IsClosed reports whether the account was closed.
func (a *Account) IsClosed() bool { return !a.ClosedAt.IsZero() }

// Covers reports whether the available amount covers a new debit or hold of amount. Credits,
// captures, voids, reversals and limit changes are never checked.
func (a *Account) Covers(amount int64) bool { return amount <= a.Available() }

// DebitDecline returns why a new debit or hold of amount is declined, or 0.
func (a *Account) DebitDecline(amount int64) DeclineReason {
	switch {
	case a.IsClosed():
		return AccountClosed
	case !a.Covers(amount):
		return InsufficientFunds
	}
	return 0
}

// CreditDecline returns why a new credit is declined, or 0.
func (a *Account) CreditDecline() DeclineReason {
	if a.IsClosed() {
		return AccountClosed
	}
	return 0
}

// Effect is the change that an entry makes to its account, in minor units. Each figure may be
// negative.
type Effect struct {
	Balance     int64
	Held        int64
	CreditLimit int64
}

// After returns the account with effect applied, or money.ErrOverflow.
func (a Account) After(effect Effect) (Account, error) {
	var err error
	if a.Balance, err = money.Add(a.Balance, effect.Balance); err != nil {
		return Account{}, err
	}
	if a.Held, err = money.Add(a.Held, effect.Held); err != nil {
		return Account{}, err
	}
	if a.CreditLimit, err = money.Add(a.CreditLimit, effect.CreditLimit); err != nil {
		return Account{}, err
	}
	free, err := money.Subtract(a.Balance, a.Held)
	if err != nil {
		return Account{}, err
	}
	if _, err = money.Add(free, a.CreditLimit); err != nil {
		return Account{}, err
	}
	return a, nil
}

// ID is the id of everything that the bank keeps. The zero ID means "none".
type ID = id.ID

// Code is a bank's own code, three digits.
type Code string

// ParseCode returns the code written as three digits.
func ParseCode(text string) (Code, error) {
	if len(text) != 3 {
		return "", errors.New("bank: a bank code is three digits")
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return "", errors.New("bank: a bank code is three digits")
		}
	}
	return Code(text), nil
}

// TransactionID returns the id of the transaction of a caller's request. The same bank, caller and
// request id always give the same transaction.
func (c Code) TransactionID(caller, requestID string) ID {
	return id.Derive(namespace, string(c), "transaction", caller, requestID)
}

// VoidID returns the id of the transaction that voids a purchase. It is derived from the purchase,
// so that a purchase can be voided only once.
func (c Code) VoidID(purchase ID) ID {
	return id.Derive(namespace, string(c), "void", purchase.String())
}

// ExpiryID returns the id of the transaction that ends a hold whose time is over. It is derived from the
// hold, so that any number of replicas let it expire once.
func (c Code) ExpiryID(hold ID) ID {
	return id.Derive(namespace, string(c), "expiry", hold.String())
}

// PixOutID returns the id of the transaction that takes what the hold of a Pix has set aside. It is derived from the
// hold, so that an answer that comes twice takes it once.
func (c Code) PixOutID(hold ID) ID {
	return id.Derive(namespace, string(c), "pix-out", hold.String())
}

// PixInID returns the id of the transaction that comes in from another bank under an end-to-end id: a credit, its
// decline, or the entry that says that it will never be credited. One unique key arbitrates between them.
func (c Code) PixInID(endToEndID string) ID {
	return id.Derive(namespace, string(c), "pix-in", endToEndID)
}

// PixTransitAccount returns the internal account at the other end of payments between banks in one currency. Over all
// banks together, it is what was credited at one and not yet taken at the other.
func (c Code) PixTransitAccount(currency string) ID {
	return id.Derive(namespace, string(c), "pix-transit", currency)
}

// CashAccount returns the internal account at the other end of deposits and withdrawals in one currency.
func (c Code) CashAccount(currency string) ID {
	return id.Derive(namespace, string(c), "cash", currency)
}

// SettlementAccount returns the internal account that collects a merchant's sales
// in one currency. Internal accounts carry no running balance and are never locked.
func (c Code) SettlementAccount(merchant, currency string) ID {
	return id.Derive(namespace, string(c), "settlement", merchant, currency)
}

// namespace is the root of every derived id of Code Bank.
var namespace = ID{0x9b, 0x1d, 0x5c, 0x2e, 0x4f, 0x6a, 0x4c, 0x1b, 0x8d, 0x37, 0x60, 0x52, 0xa4, 0xe1, 0x7f, 0x90}
