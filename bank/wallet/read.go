package wallet

import (
	"context"
	"errors"
	"slices"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/principal"
)

// Balance returns an account with its figures as of its last entry. fault.NotFound when there is no such
// account for the principal.
func (s *Service) Balance(ctx context.Context, subject bank.Subject, name string) (bank.Account, error) {
	id, err := field.ID("name", "accounts/", name)
	if err != nil {
		return bank.Account{}, err
	}
	account, err := s.Reader.Account(ctx, id)
	switch {
	case errors.Is(err, bank.ErrNotFound), err == nil && !subject.Owns(&account):
		return bank.Account{}, bank.ErrNoAccount.In("name")
	}
	return account, err
}

// List returns up to limit accounts of a customer, wallets and those of cards, open and closed, oldest
// first. They follow the account after, or begin with the first one when after is zero. A user who names no
// customer gets the accounts of all that are his, one customer after the other.
//
// Errors: fault.InvalidArgument customer_id, page_token; fault.NotFound when a user asks for another
// customer's, or a merchant for anybody's.
func (s *Service) List(ctx context.Context, subject bank.Subject, customer string, after bank.ID, limit int) ([]bank.Account, error) {
	if customer == "" && subject.Kind == principal.User {
		return s.listAll(ctx, &subject, after, limit)
	}
	owner, err := namedCustomer(customer)
	switch {
	case customer == "":
		return nil, field.Required("customer_id")
	case err != nil:
		return nil, err
	case !subject.MaySee(owner):
		return nil, errOther
	}
	return s.Accounts.AccountsOf(ctx, owner, after, limit)
}

// listAll is List for all customers of a user.
func (s *Service) listAll(ctx context.Context, subject *bank.Subject, after bank.ID, limit int) ([]bank.Account, error) {
	owners := subject.Customers
	if !after.IsZero() {
		last, err := s.Reader.Account(ctx, after)
		if err != nil && !errors.Is(err, bank.ErrNotFound) {
			return nil, err
		}
		at := slices.Index(owners, last.CustomerID)
		if at < 0 { // The customer is not his any more.
			return nil, fault.Invalid("page_token", "The page token was not issued for this query; ask for the first page again.")
		}
		owners = owners[at:]
	}
	var accounts []bank.Account
	for _, owner := range owners {
		found, err := s.Accounts.AccountsOf(ctx, owner, after, limit-len(accounts))
		if err != nil {
			return nil, err
		}
		if accounts, after = append(accounts, found...), (bank.ID{}); len(accounts) == limit {
			break
		}
	}
	return accounts, nil
}

// namedCustomer returns the customer with an id as a request names it.
func namedCustomer(text string) (bank.ID, error) {
	customer, err := id.Parse(text)
	if err != nil || customer.IsZero() {
		return bank.ID{}, fault.Invalid("customer_id", "A customer id is a lower-case UUID.")
	}
	return customer, nil
}

// Get returns a transaction and what became of it. An operator may read any, a user those on accounts of
// his own, a merchant those that paid him, and a service those that it asked for. fault.NotFound when there
// is none, or none that the principal may read.
func (s *Service) Get(ctx context.Context, call Call, name string) (bank.TransactionDetails, error) {
	id, err := field.ID("name", "transactions/", name)
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	details, err := s.Accounts.Details(ctx, id)
	switch {
	case errors.Is(err, bank.ErrNotFound), err == nil && !mayRead(&call, &details):
		return bank.TransactionDetails{}, errNoTransaction
	}
	return details, err
}

// mayRead says who may read a transaction.
func mayRead(call *Call, details *bank.TransactionDetails) bool {
	entry, subject := &details.Entry, &call.Subject
	switch subject.Kind {
	case principal.Operator:
		return true
	case principal.User:
		return subject.Is(entry.CustomerID) || details.Second != nil && subject.Is(details.Second.CustomerID)
	case principal.Merchant:
		return subject.IsMerchant(entry.Merchant.ID)
	case principal.Service:
		return entry.Request.Caller == call.Caller
	}
	return false
}
