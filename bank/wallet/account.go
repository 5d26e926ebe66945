package wallet

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/principal"
)

// OpenRequest asks for a new wallet account.
type OpenRequest struct {
	Call
	CustomerID string // a UUID; empty means the customer who asks, or makes a new customer
	Currency   string
	// DepositMinor is the opening deposit in minor units; 0 for none.
	DepositMinor int64
}

// Opened is an account as it was opened.
type Opened struct {
	Account bank.Account
	// Deposit is the opening deposit; nil when there was none.
	Deposit *bank.Entry
}

// Open opens a wallet account. Account and customer are derived from the request. An opening deposit is a
// transaction of its own in the same commit, and needs the same right as Deposit. It is idempotent by
// caller and request id: a repeat gets the account as it was opened.
//
// Errors: fault.InvalidArgument with the name of the field; fault.PermissionDenied; fault.Aborted
// REQUEST_ID_REUSED, also for a request id that was cancelled; those of ledger.Executor.Submit.
func (s *Service) Open(ctx context.Context, request OpenRequest) (Opened, error) {
	command, err := s.newOpen(&request)
	if err != nil {
		return Opened{}, err
	}
	outcome, err := s.Ledger.Submit(ctx, command)
	if err != nil {
		return Opened{}, err
	}
	opened := Opened{Account: accountAfter(command.account, outcome.Entry), Deposit: outcome.Second}
	if opened.Deposit != nil {
		opened.Account = accountAfter(command.account, opened.Deposit)
	}
	return opened, nil
}

// newOpen checks a request and returns its command.
func (s *Service) newOpen(request *OpenRequest) (*open, error) {
	currency, err := field.Currency("currency", request.Currency)
	err = field.First(field.Word("request_id", request.RequestID), err, field.Limit("opening_deposit_minor", request.DepositMinor))
	if err == nil && request.DepositMinor > 0 {
		err = request.Subject.CheckCash(s.SimulatedCash)
	}
	err = field.First(err, s.History.Check(request.At))
	if err != nil {
		return nil, err
	}
	transaction := s.transaction(&request.Call)
	customer, err := customerOf(request, transaction)
	if err != nil {
		return nil, err
	}
	form := bank.NewCanonical("open-account").Text(customer.String()).Text(request.Currency).Number(request.DepositMinor).
		Moment(request.At)
	command := &open{
		at:      request.At,
		account: bank.Account{ID: id.Derive(transaction, "account"), CustomerID: customer, Kind: bank.AccountWallet, Currency: currency},
	}
	command.opening = bank.Entry{
		TransactionID: transaction, Request: s.request(&request.Call, form), AccountID: command.account.ID,
		Kind: bank.KindOpening, Direction: bank.NoDirection, Status: bank.Applied,
	}
	command.deposit = bank.Entry{
		TransactionID: id.Derive(transaction, "opening deposit"), Request: command.opening.Request, AccountID: command.account.ID,
		Kind: bank.KindDeposit, Direction: bank.Credit, Status: bank.Approved, Amount: request.DepositMinor,
		DebitAccount: s.Code.CashAccount(request.Currency), CreditAccount: command.account.ID,
	}
	return command, nil
}

// customerOf returns the customer of a new account. A user opens accounts for himself only.
func customerOf(request *OpenRequest, transaction bank.ID) (bank.ID, error) {
	subject := &request.Subject
	var customer bank.ID
	if request.CustomerID != "" {
		var err error
		if customer, err = namedCustomer(request.CustomerID); err != nil {
			return bank.ID{}, err
		}
	}
	switch {
	case subject.Kind == principal.User && len(subject.Customers) == 0:
		return bank.ID{}, errNotCustomer
	case subject.Kind == principal.User && customer.IsZero():
		return subject.Customers[0], nil
	case subject.Kind == principal.User && !subject.Is(customer):
		return bank.ID{}, errOther
	case subject.Kind == principal.Merchant:
		return bank.ID{}, errNotCustomer
	case customer.IsZero():
		return id.Derive(transaction, "customer"), nil
	}
	return customer, nil
}

// accountAfter returns an account as an entry of it left it.
func accountAfter(account bank.Account, entry *bank.Entry) bank.Account {
	account.Balance, account.Held, account.CreditLimit = entry.BalanceAfter, entry.HeldAfter, entry.CreditLimitAfter
	account.Sequence, account.LastAt = entry.Sequence, entry.OccurredAt
	return account
}

// open is the command that opens a wallet account.
type open struct {
	account          bank.Account
	opening, deposit bank.Entry
	at               time.Time // of a loaded history; zero means now
}

// Key implements bank.Command.
func (o *open) Key() bank.ID { return o.opening.TransactionID }

// SameAs implements ledger.Joinable.
func (o *open) SameAs(other bank.Command) bool {
	p, ok := other.(*open)
	return ok && o.Key() == p.Key() && o.opening.Request.Fingerprint == p.opening.Request.Fingerprint
}

// Keys implements bank.Command.
func (o *open) Keys() bank.Keys {
	keys := bank.Keys{Transactions: []bank.ID{o.Key()}}
	if o.deposit.Amount > 0 {
		keys.Transactions = append(keys.Transactions, o.deposit.TransactionID)
	}
	return keys
}

// Decide implements bank.Command.
func (o *open) Decide(book *bank.Book, now time.Time) bank.Outcome {
	now = bank.RequestTime(o.at, now)
	first, err := book.Repeat(o.Key(), &o.opening.Request)
	if err != nil {
		return bank.Outcome{Err: err}
	}
	if first != nil {
		outcome := bank.Outcome{Entry: first}
		if o.deposit.Amount > 0 {
			outcome.Second = book.Entry(o.deposit.TransactionID)
		}
		return outcome
	}
	book.Open(o.account)
	outcome := bank.Outcome{}
	outcome.Entry, outcome.Err = book.Post(o.opening, bank.Effect{}, now)
	if outcome.Err == nil && o.deposit.Amount > 0 {
		outcome.Second, outcome.Err = book.Post(o.deposit, bank.Effect{Balance: o.deposit.Amount}, now)
	}
	return outcome
}

// CloseRequest asks for an account to be closed for good.
type CloseRequest struct {
	Call
	Name string // accounts/{uuid}
}

// The refusals of a closing.
var (
	errHoldsPending   = fault.New(fault.FailedPrecondition, "HOLDS_PENDING", "An account with pending holds cannot be closed.")
	errBalanceNotZero = fault.New(fault.FailedPrecondition, "BALANCE_NOT_ZERO", "Only an account with a balance of zero can be closed.")
)

// Close closes an account for good and makes one event. It is idempotent by caller and request id: a repeat
// gets the account as it was closed.
//
// Errors: fault.InvalidArgument with the name of the field; fault.NotFound when there is no such account
// for the principal; fault.FailedPrecondition HOLDS_PENDING, BALANCE_NOT_ZERO, or ACCOUNT_CLOSED when
// another request has closed it; fault.Aborted REQUEST_ID_REUSED, also for a request id that was
// cancelled; those of ledger.Executor.Submit.
func (s *Service) Close(ctx context.Context, request CloseRequest) (bank.Account, error) {
	account, err := field.ID("name", "accounts/", request.Name)
	if err := field.First(field.Word("request_id", request.RequestID), err); err != nil {
		return bank.Account{}, err
	}
	facts, err := s.ownAccount(ctx, &request.Subject, "name", account)
	if err != nil {
		return bank.Account{}, err
	}
	outcome, err := s.Ledger.Submit(ctx, &closing{entry: bank.Entry{
		TransactionID: s.transaction(&request.Call),
		Request:       s.request(&request.Call, bank.NewCanonical("close-account").Text(account.String())),
		AccountID:     account, Kind: bank.KindClosing, Direction: bank.NoDirection, Status: bank.Applied,
	}})
	if err != nil {
		return bank.Account{}, err
	}
	closed := accountAfter(bank.Account{ID: facts.ID, CustomerID: facts.CustomerID, Kind: facts.Kind, Currency: facts.Currency}, outcome.Entry)
	closed.ClosedAt = outcome.Entry.OccurredAt
	return closed, nil
}

// closing is the command that closes an account.
type closing struct{ entry bank.Entry }

// Key implements bank.Command.
func (c *closing) Key() bank.ID { return c.entry.TransactionID }

// SameAs implements ledger.Joinable.
func (c *closing) SameAs(other bank.Command) bool {
	d, ok := other.(*closing)
	return ok && c.Key() == d.Key() && c.entry.Request.Fingerprint == d.entry.Request.Fingerprint
}

// Keys implements bank.Command.
func (c *closing) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{c.entry.AccountID}, Transactions: []bank.ID{c.Key()}}
}

// Decide implements bank.Command.
func (c *closing) Decide(book *bank.Book, now time.Time) bank.Outcome {
	first, err := book.Repeat(c.Key(), &c.entry.Request)
	if first != nil || err != nil {
		return bank.Outcome{Entry: first, Err: err}
	}
	switch account, ok := book.Account(c.entry.AccountID); {
	case !ok:
		return bank.Outcome{Err: bank.ErrStale}
	case account.IsClosed():
		return bank.Outcome{Err: bank.ErrAccountClosed}
	case account.Held != 0:
		return bank.Outcome{Err: errHoldsPending}
	case account.Balance != 0:
		return bank.Outcome{Err: errBalanceNotZero}
	}
	posted, err := book.Post(c.entry, bank.Effect{}, now)
	if err != nil {
		return bank.Outcome{Err: err}
	}
	book.Close(c.entry.AccountID, posted.OccurredAt)
	return bank.Outcome{Entry: posted}
}
