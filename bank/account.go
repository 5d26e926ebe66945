package bank

import (
	"time"

	"codebank.dev/platform/money"
)

// AccountKind says what a customer account is for.
type AccountKind uint8

// The kinds of customer account.
const (
	AccountCard AccountKind = iota + 1
	AccountWallet
)

// Account is a customer account as of its last sequence. All figures are minor
// units of Currency.
type Account struct {
	ID         ID
	CustomerID ID
	Kind       AccountKind
	Currency   money.Currency
	// Balance is the customer's view: what is owed is negative. A refund may make it positive.
	Balance int64
	// Held is set aside by holds, never negative.
	Held        int64
	CreditLimit int64
	// Sequence is that of the account's last entry: 1, 2, 3 … without a gap.
	Sequence int64
	// LastAt is when the last entry occurred, whole milliseconds, UTC.
	LastAt time.Time
}

// Available returns what a new debit or hold may take: balance − held + credit limit.
func (a *Account) Available() int64 { return a.Balance - a.Held + a.CreditLimit }

// Covers reports whether a new debit or hold of amount is within what is
// available. Credits, captures, voids, reversals and limit changes never ask.
func (a *Account) Covers(amount int64) bool { return amount <= a.Available() }

// Effect is what an entry does to its account, in minor units; each may be negative.
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
