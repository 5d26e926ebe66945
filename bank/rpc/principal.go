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
type Principals struct {
	operators map[string]bool
	history   bool
}

// NewPrincipals returns the rule for a bank. Without walls its operators have these callers' names. history
// says that it takes a history from the Loader.
func NewPrincipals(operators []string, history bool) *Principals {
	p := &Principals{operators: make(map[string]bool, len(operators)), history: history}
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
		subject.Loads = p != nil && p.history && proved.Kind == principal.Service && proved.Name == Loader
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
