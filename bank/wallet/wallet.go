// Package wallet is the use case of accounts that hold money: open and close them, pay cash in and out,
// pay a merchant from the balance, transfer to another account, cancel, give back, and read.
//
// The files, in reading order:
//
//	wallet.go    Service, who asks, and what every request checks
//	account.go   open and close an account
//	payment.go   deposit, withdrawal and purchase: money moves on one customer account
//	payout.go    what a merchant's sales have brought in goes to a wallet
//	transfer.go  money moves between two customer accounts
//	cancel.go    end a request id whose transaction is pending or was never seen
//	reverse.go   give back; the rule is that of package reversal
//	read.go      balances, accounts and transactions
//
// A new debit, credit or hold on a closed account is declined with ACCOUNT_CLOSED. What was paid before is
// still given back to it, so that a closing loses no refund: the account stays closed, and the bank owes its
// customer the balance. Nothing is taken from a closed account: that is refused with the same reason. An
// account with pending holds cannot be closed, so a capture never meets a closed one.
package wallet

import (
	"context"
	"errors"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/hold"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
)

// Service serves the owners of accounts and the bank's operators. All fields but SimulatedCash and
// History are required; it is safe for concurrent use.
type Service struct {
	Code      bank.Code
	Ledger    bank.Submitter
	Directory bank.Directory
	Reader    bank.Reader
	Accounts  bank.AccountReader
	Vault     bank.Vault
	// Holds releases a pending hold that is cancelled.
	Holds *hold.Service
	// SimulatedCash lets everybody pay cash in and out. Otherwise only an operator may.
	SimulatedCash bool
	// History lets requests name an earlier time; nil means that every request is of the present.
	History *bank.History
}

// Call says who asks, under which request id, and when. A read has no request id.
type Call struct {
	Caller, RequestID, TraceID string
	Subject                    bank.Subject
	// At is when the request was made, in whole milliseconds; zero means now. Close and Cancel are always of
	// the present. See bank.History.
	At time.Time
}

// The refusals of this package.
var (
	// errNoTransaction answers for a transaction that does not exist and for one of somebody else, with
	// no difference between the two.
	errNoTransaction = fault.New(fault.NotFound, "TRANSACTION_NOT_FOUND", "There is no such transaction.")
	// errOther answers a user who names a customer that is not his, whether or not there is one.
	errOther       = fault.New(fault.NotFound, "CUSTOMER_NOT_FOUND", "There is no such customer.").In("customer_id")
	errNotCustomer = fault.New(fault.PermissionDenied, "NOT_ALLOWED", "Only a customer, a service or an operator of the bank may ask for this.")
)

// account returns the facts of an account that a request names in a field, whoever asks.
func (s *Service) account(ctx context.Context, name string, id bank.ID) (bank.AccountFacts, error) {
	facts, err := s.Directory.AccountByID(ctx, id)
	if errors.Is(err, bank.ErrNotFound) {
		return bank.AccountFacts{}, bank.ErrNoAccount.In(name)
	}
	return facts, err
}

// ownAccount returns the facts of an account that a request names in a field, if the principal may see
// and move it.
func (s *Service) ownAccount(ctx context.Context, subject *bank.Subject, name string, id bank.ID) (bank.AccountFacts, error) {
	facts, err := s.account(ctx, name, id)
	if err == nil && !subject.MaySee(facts.CustomerID) {
		err = bank.ErrNoAccount.In(name)
	}
	return facts, err
}

// requireWallet refuses the account of a card where only a wallet may pay.
func requireWallet(name string, facts *bank.AccountFacts) error {
	if facts.Kind == bank.AccountWallet {
		return nil
	}
	return bank.ErrNotWallet.In(name)
}

func requireCurrency(facts *bank.AccountFacts, currency money.Currency) error {
	if facts.Currency != currency {
		return fault.Invalid("currency", "The currency must be that of the account.")
	}
	return nil
}

func requireDestinationCurrency(facts *bank.AccountFacts, currency money.Currency) error {
	if facts.Currency != currency {
		return fault.Invalid("destination", "The destination must be an account in the same currency.")
	}
	return nil
}

// checkAmount returns the amount that a request names, unless a field of it or another one is refused.
func checkAmount(minor int64, code string, others ...error) (money.Amount, error) {
	currency, err := field.KnownCurrency("currency", code)
	refusals := append([]error{field.Amount("amount_minor", minor), err}, others...)
	return money.Amount{Minor: minor, Currency: currency}, field.First(refusals...)
}

// transaction returns the id of the transaction that a call asks for.
func (s *Service) transaction(call *Call) bank.ID {
	return s.Code.TransactionID(call.Caller, call.RequestID)
}

// request returns the identity of what a call asks for.
func (s *Service) request(call *Call, form bank.Canonical) bank.Request {
	return bank.Request{
		Caller: call.Caller, ID: call.RequestID, TraceID: call.TraceID, PrincipalKind: call.Subject.Kind,
		Fingerprint: s.Vault.Fingerprint(form),
	}
}

// amountForm appends an amount to the canonical form of a request.
func amountForm(form bank.Canonical, amount money.Amount) bank.Canonical {
	return form.Number(amount.Minor).Text(amount.Currency.String())
}

// submit has a command decided and returns the entries of its decision.
func (s *Service) submit(ctx context.Context, command bank.Command) (bank.TransactionDetails, error) {
	outcome, err := s.Ledger.Submit(ctx, command)
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	return bank.TransactionDetails{Entry: *outcome.Entry, Second: outcome.Second, Repeat: outcome.Repeat}, nil
}
