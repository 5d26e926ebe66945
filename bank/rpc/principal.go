package rpc

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/platform/serve"
)

// Principals derives on whose behalf a call is made from what the call claims, because nobody proves an
// identity yet: a call that names a customer (serve.CustomerKey) is made for that user; otherwise a caller
// among the operators is one, and every other caller is a service.
type Principals struct{ operators map[string]bool }

// NewPrincipals returns the rule for a bank whose operators have these callers' names.
func NewPrincipals(operators []string) *Principals {
	p := &Principals{operators: make(map[string]bool, len(operators))}
	for _, name := range operators {
		p.operators[name] = true
	}
	return p
}

// of returns the principal of a call. A nil *Principals knows no operators. A customer comes first, so that
// an operator's program that acts for one may do no more than the customer.
func (p *Principals) of(ctx context.Context) bank.Principal {
	if customer := serve.Customer(ctx); !customer.IsZero() {
		return bank.Principal{Kind: bank.PrincipalUser, CustomerID: customer}
	}
	if p != nil && p.operators[serve.Caller(ctx)] {
		return bank.Principal{Kind: bank.PrincipalOperator}
	}
	return bank.Principal{Kind: bank.PrincipalService}
}
