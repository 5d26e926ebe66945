// Package rest serves the paths of the two wallets that Code Bank grew out of, in their own words, over the gRPC
// of bank, statement and identity. Every call goes on with the access token of its user, and is decided there:
// nothing here knows whose an account is. A map of the package:
//
//	rest.go         the server, and its routes
//	permissions.go  who may call what
//	user.go         the user and the Idempotency-Key of a request
//	auth.go         signing up, in and out
//	accounts.go     a user's accounts
//	wallet.go       the wallet in the bank's currency
//	statement.go    statements, at once or as a file
//	forward.go      the REST of the programs behind: whose request ids
//	transfers.go    transfers that are accepted now and end later
package rest

import (
	"context"
	"net/http"

	"codebank.dev/platform/money"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"google.golang.org/grpc"
)

// The routes, by their names in Permissions.
const (
	Authorize = "POST /authorize"
	Accounts  = "GET /q/accounts"
)

// Config is what a Server needs; all of it is required.
type Config struct {
	// Bank, Statement and Identity are connections to the programs of these names.
	Bank, Statement, Identity grpc.ClientConnInterface
	// Currency is the bank's own, that of wallets which are opened here.
	Currency money.Currency
	// Onward returns the context of calls to other programs for the user of a request, as serve.Server.Onward.
	Onward func(context.Context) context.Context
}

// Server answers the routes. It is safe for concurrent use.
type Server struct {
	wallets  bankv1.WalletServiceClient
	identity identityv1.IdentityServiceClient
	currency money.Currency
	onward   func(context.Context) context.Context
}

// NewServer returns a Server.
func NewServer(config Config) *Server {
	return &Server{
		wallets: bankv1.NewWalletServiceClient(config.Bank), identity: identityv1.NewIdentityServiceClient(config.Identity),
		currency: config.Currency, onward: config.Onward,
	}
}

// Router is what takes the routes; *serve.Server is one.
type Router interface {
	Route(pattern string, handle serve.RouteHandler)
}

// Mount adds the routes.
func (s *Server) Mount(router Router) {
	for pattern, handle := range map[string]serve.RouteHandler{
		Authorize: s.authorize,
		Accounts:  s.accounts,
	} {
		router.Route(pattern, func(w http.ResponseWriter, r *http.Request) error {
			return handle(w, r.WithContext(s.onward(r.Context())))
		})
	}
}
