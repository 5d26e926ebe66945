package bank

import (
	"slices"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
)

// Subject is on whose behalf a request is made, with what belongs to it. The edge makes it from what a call
// proves; commands decide by it what the request may do.
type Subject struct {
	// Kind and Name are those of the principal. The name of a principal.Merchant is the merchant's id.
	Kind principal.Kind
	Name string
	// Customers are the customers that belong to a principal.User. New accounts are those of the first.
	Customers []ID
	// Loads says that a principal.Service loads a history, and so asks for what customers asked for then.
	Loads bool
}

// Is reports whether the customer belongs to the subject.
func (s *Subject) Is(customer ID) bool {
	return s.Kind == principal.User && !customer.IsZero() && slices.Contains(s.Customers, customer)
}

// IsMerchant reports whether the subject is the merchant.
func (s *Subject) IsMerchant(id string) bool {
	return s.Kind == principal.Merchant && id != "" && s.Name == id
}

// Owns reports whether the subject may see and move the account: a user only an account of his own, a
// merchant and nobody none, a service or an operator any. Which of them may call a method at all is decided
// before, by the table of permissions.
func (s *Subject) Owns(account *Account) bool { return s.MaySee(account.CustomerID) }

// MaySee is Owns for the customer of an account.
func (s *Subject) MaySee(customer ID) bool {
	switch s.Kind {
	case principal.User:
		return s.Is(customer)
	case principal.Service, principal.Operator:
		return true
	}
	return false
}

var errCash = fault.New(fault.PermissionDenied, "CASH_NOT_ALLOWED", "Only an operator of the bank pays cash in or out.")

// CheckCash says who may pay cash in and out: an operator, who loads a history, or everybody in a bank that
// simulates cash. Error: fault.PermissionDenied CASH_NOT_ALLOWED.
func (s *Subject) CheckCash(simulated bool) error {
	if simulated || s.Kind == principal.Operator || s.Loads {
		return nil
	}
	return errCash
}

// Same reports whether both are the same, so that one may get the answer to the other's request.
func (s *Subject) Same(other *Subject) bool {
	return s.Kind == other.Kind && s.Name == other.Name && s.Loads == other.Loads && slices.Equal(s.Customers, other.Customers)
}
