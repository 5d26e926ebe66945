package rpc

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
)

// Principals says on whose behalf a call is made. Behind walls that is the principal that the call proves.
// Without walls it is derived from what the call claims: a call that names a customer (serve.CustomerKey) is
// made for that user; otherwise a caller among the operators is one, and every other caller is a service.
type Principals struct{ operators map[string]bool }

// NewPrincipals returns the rule for a bank whose operators have these callers' names, as far as it has no
// walls.
func NewPrincipals(operators []string) *Principals {
	p := &Principals{operators: make(map[string]bool, len(operators))}
	for _, name := range operators {
		p.operators[name] = true
	}
	return p
}

// of returns the subject of a call. A nil *Principals knows no operators. A customer comes first, so that
// an operator's program that acts for one may do no more than the customer.
func (p *Principals) of(ctx context.Context) bank.Subject {
	if proved := serve.Principal(ctx); proved.Kind != 0 {
		subject := bank.Subject{Kind: proved.Kind, Name: proved.Name}
		if user := proved.UserID(); !user.IsZero() {
			subject.Customers = []bank.ID{user}
		}
		return subject
	}
	if customer := serve.Customer(ctx); !customer.IsZero() {
		return bank.Subject{Kind: principal.User, Customers: []bank.ID{customer}}
	}
	if p != nil && p.operators[serve.Caller(ctx)] {
		return bank.Subject{Kind: principal.Operator}
	}
	return bank.Subject{Kind: principal.Service}
}
