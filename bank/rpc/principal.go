package rpc

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/bank/customer"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	"google.golang.org/grpc"
)

// Principals says on whose behalf a call is made, and which customers belong to its user.
type Principals struct {
	history   bool
	customers *customer.Service
}

// PrincipalsConfig is the configuration of Principals.
type PrincipalsConfig struct {
	// History says that the bank takes a history from the Loader.
	History bool
	// Customers says which customers belong to a user; nil: the one with the same id.
	Customers *customer.Service
}

// NewPrincipals returns the rule for a bank.
func NewPrincipals(config PrincipalsConfig) *Principals {
	return &Principals{history: config.History, customers: config.Customers}
}

// customersKey is the key of the customers of a call's user.
type customersKey struct{}

// Unary is the interceptor that reads which customers belong to the user of a call. A call of a user that
// does not pass it is made for somebody who owns nothing. No stream is for users.
func (p *Principals) Unary(ctx context.Context, in any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	ctx, err := p.withCustomers(ctx, (*customer.Service).Of)
	if err != nil {
		return nil, err
	}
	return handle(ctx, in)
}

// withCustomers returns ctx with the customers of its user, if it has one. of reads them.
func (p *Principals) withCustomers(ctx context.Context, of func(*customer.Service, context.Context, bank.ID) ([]bank.ID, error)) (context.Context, error) {
	proved := serve.Principal(ctx)
	user := proved.UserID()
	if user.IsZero() {
		return ctx, nil
	}
	owned := []bank.ID{user}
	if p.customers != nil {
		var err error
		if owned, err = of(p.customers, ctx, user); err != nil {
			return ctx, err
		}
	}
	return context.WithValue(ctx, customersKey{}, owned), nil
}

// of returns the subject of a call. A nil *Principals takes no history.
func (p *Principals) of(ctx context.Context) bank.Subject {
	proved := serve.Principal(ctx)
	subject := bank.Subject{Kind: proved.Kind, Name: proved.Name}
	subject.Customers, _ = ctx.Value(customersKey{}).([]bank.ID)
	subject.Loads = p != nil && p.history && proved.Kind == principal.Service && proved.Name == Loader
	return subject
}
