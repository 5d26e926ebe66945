// Package rest serves the paths of the two wallets that Code Bank grew out of, in their own words, over the gRPC
// of bank, statement and identity. Every call goes on with the access token of its user, and is decided there:
// nothing here knows whose an account is. A map of the package:
//
//	rest.go         the server, and its routes
//	permissions.go  who may call what
//	user.go         the user and the Idempotency-Key of a request
//	auth.go         signing up, in and out
//	accounts.go     a user's accounts
//	wallet.go       the wallet in the bank's currency; amount.go its amounts
//	statement.go    statements, at once or as a file; file.go files
//	forward.go      the REST of the programs behind: whose request ids
//	transfers.go    transfers that are accepted now and end later
package rest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"codebank.dev/gateway"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/money"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/grpc"
)

// The routes, by their names in Permissions.
const (
	Authorize     = "POST /authorize"
	Accounts      = "GET /q/accounts"
	SignUp        = "POST /auth/sign-up"
	ConfirmSignUp = "POST /auth/sign-up/confirm"
	SignIn        = "POST /auth/sign-in"
	SignOut       = "POST /auth/sign-out"
	Refresh       = "POST /auth/refresh"
	Me            = "GET /auth/me"
	Transact      = "POST /wallet/transaction"
	Balance       = "GET /wallet/balance"
	Generate      = "POST /statement/generate"
	File          = "GET /statement/files/{account}/{file}"
	Content       = "GET /statement/files/{account}/{file}/content"
)

// Config is what a Server needs; all of it but the clock is required.
type Config struct {
	// Bank, Statement and Identity are connections to the programs of these names.
	Bank, Statement, Identity grpc.ClientConnInterface
	// Currency is the bank's own, that of wallets which are opened here.
	Currency money.Currency
	// Onward returns the context of calls to other programs for the user of a request, as serve.Server.Onward.
	Onward func(context.Context) context.Context
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Server answers the routes. It is safe for concurrent use.
type Server struct {
	wallets    bankv1.WalletServiceClient
	statements statementv1.StatementServiceClient
	files      statementv1.FileServiceClient
	identity   identityv1.IdentityServiceClient
	currency   money.Currency
	onward     func(context.Context) context.Context
	now        func() time.Time
}

// NewServer returns a Server.
func NewServer(config Config) *Server {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Server{
		wallets: bankv1.NewWalletServiceClient(config.Bank), identity: identityv1.NewIdentityServiceClient(config.Identity),
		statements: statementv1.NewStatementServiceClient(config.Statement), files: statementv1.NewFileServiceClient(config.Statement),
		currency: config.Currency, onward: config.Onward, now: config.Now,
	}
}

// Router is what takes the routes; *serve.Server is one.
type Router interface {
	Route(pattern string, handle serve.RouteHandler)
	RouteStream(pattern string, handle serve.RouteHandler)
}

// Mount adds the routes.
func (s *Server) Mount(router Router) {
	for pattern, handle := range map[string]serve.RouteHandler{
		Authorize: s.authorize, Accounts: s.accounts,
		SignUp: s.signUp, ConfirmSignUp: s.confirmSignUp, SignIn: s.signIn, SignOut: s.signOut, Refresh: s.refresh, Me: s.me,
		Transact: s.transact, Balance: s.balance,
		Generate: s.generate, File: s.file,
	} {
		router.Route(pattern, s.route(handle))
	}
	router.RouteStream(Content, s.route(s.content))
}

// route lets a handler make its calls for the user of the request, and answers a key that was used before as
// the draft of the header says: 422. The answer says that it was given before if the last call has said so.
func (s *Server) route(handle serve.RouteHandler) serve.RouteHandler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := serve.ContextWithReplay(s.onward(r.Context()), func(replayed bool) { serve.SetReplayed(w, replayed) })
		err := handle(w, r.WithContext(ctx))
		if err != nil && fault.CodeOf(err) == fault.Aborted && slices.Contains(reused, fault.Of(err).Reason) {
			return errKeyReused.Wrap(err)
		}
		return err
	}
}

// reused are the reasons of the bank and of the gateway for a name that named another command before.
var reused = []string{"REQUEST_ID_REUSED", gateway.ErrKeyReused.Reason}

var errKeyReused = fault.New(fault.FailedPrecondition, gateway.ErrKeyReused.Reason, gateway.ErrKeyReused.Message).In(gateway.KeyHeader)
