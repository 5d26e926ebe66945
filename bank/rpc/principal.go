package rpc

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/bank/customer"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	"google.golang.org/grpc"
)

// Principals says on whose behalf a call is made. Behind walls that is the principal that the call proves.
// Without walls it is derived from what the call claims: a call that names a customer (serve.CustomerKey) is
// made for that user; otherwise a caller among the operators is one, and every other caller is a service.
type Principals struct {
	operators map[string]bool
	history   bool
	customers *customer.Service
}

// PrincipalsConfig is the configuration of Principals.
type PrincipalsConfig struct {
	// Operators are the callers that count as operators of a bank without walls.
	Operators []string
	// History says that the bank takes a history from the Loader.
	History bool
	// Customers says which customers belong to a user; nil: the one with the same id.
	Customers *customer.Service
}

// NewPrincipals returns the rule for a bank.
func NewPrincipals(config PrincipalsConfig) *Principals {
	p := &Principals{operators: make(map[string]bool, len(config.Operators)), history: config.History, customers: config.Customers}
	for _, name := range config.Operators {
		p.operators[name] = true
	}
	return p
}

// customersKey is the key of the customers of a call's user.
type customersKey struct{}

// Unary is the interceptor that reads which customers belong to the user of a call. A call of a user that
// does not pass it is made for somebody who owns nothing. No stream is for users.
func (p *Principals) Unary(ctx context.Context, in any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	proved := serve.Principal(ctx)
	user := proved.UserID()
	if user.IsZero() {
		return handle(ctx, in)
	}
	owned := []bank.ID{user}
	if p.customers != nil {
		var err error
		if owned, err = p.customers.Of(ctx, user); err != nil {
			return nil, err
		}
	}
	return handle(context.WithValue(ctx, customersKey{}, owned), in)
}

// of returns the subject of a call. A nil *Principals knows no operators. A customer comes first, so that
// an operator's program that acts for one may do no more than the customer.
func (p *Principals) of(ctx context.Context) bank.Subject {
	if proved := serve.Principal(ctx); proved.Kind != 0 {
		subject := bank.Subject{Kind: proved.Kind, Name: proved.Name}
		subject.Customers, _ = ctx.Value(customersKey{}).([]bank.ID)
		subject.Loads = p != nil && p.history && proved.Kind == principal.Service && proved.Name == Loader
		return subject
	}
	if claimed := serve.Customer(ctx); !claimed.IsZero() {
		return bank.Subject{Kind: principal.User, Customers: []bank.ID{claimed}}
	}
	if p != nil && p.operators[serve.Caller(ctx)] {
		return bank.Subject{Kind: principal.Operator}
	}
	return bank.Subject{Kind: principal.Service}
}
