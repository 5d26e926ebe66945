// Package rest is what merchants' programs call over HTTP: charges and what is done to them. A charge is accepted
// (202), and decided afterwards by another program. The contract is schemas/openapi/payment-gateway.v1.yaml.
//
//	rest.go       Server, and its routes with who may call them
//	owner.go      whose charges a request is about
//	charge.go     a charge, asked for and shown
//	list.go       pages of charges
//	operation.go  captures, voids and refunds of a charge
//	running.go    requests that are being accepted by another call
//	events.go     the live feed of a merchant
//	figures.go    statistics, balances, and movements as a file
//	payout.go     payouts of balances
package rest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/audited"
	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/feed"
	"codebank.dev/checkout/ratelimit"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/serve"
)

// The routes, by their names in Permissions.
const (
	CreateCharge   = "POST /v1/charges"
	GetCharge      = "GET /v1/charges/{id}"
	CaptureCharge  = "POST /v1/charges/{id}/capture"
	VoidCharge     = "POST /v1/charges/{id}/void"
	RefundCharge   = "POST /v1/charges/{id}/refund"
	ListOperations = "GET /v1/charges/{id}/operations"
)

// Merchants says who acts for whom; checkout's store of merchants is one. It is safe for concurrent use.
type Merchants interface {
	// Merchant returns a merchant that somebody acts for. Error: checkout.ErrNoMerchant.
	Merchant(ctx context.Context, by checkout.Actor, slug string) (checkout.Merchant, error)
}

// Config is what a Server works with. Store and Merchants are required.
type Config struct {
	Store     payment.Store
	Merchants Merchants
	// Limits is how much each merchant may send in each mode.
	Limits ratelimit.Config
	// Feed wakes the streams of events; let it run.
	Feed    *feed.Hub
	Figures payment.Figures
	Payouts payment.Payouts
	// Origin says where requests come from, for the audit log.
	Origin audited.Origin
	// Beat is the longest silence on a stream; 0 means DefaultBeat.
	Beat time.Duration
	// Wait is how long a request waits for the same request to be accepted by another call; 0 means DefaultWait.
	Wait time.Duration
}

// The defaults of Config.Wait and Config.Beat.
const (
	DefaultWait = 2 * time.Second
	DefaultBeat = 15 * time.Second
)

// Server answers the routes. It is safe for concurrent use.
type Server struct {
	config Config
	limits *ratelimit.Limits
	accept *accept.Service
	pages  *serve.PageTokens
	router Router

	running running
}

// New returns a Server. Mount it, and call Begin before the first request comes.
func New(config Config) *Server {
	if config.Wait <= 0 {
		config.Wait = DefaultWait
	}
	if config.Beat <= 0 {
		config.Beat = DefaultBeat
	}
	return &Server{config: config, limits: ratelimit.New(config.Limits)}
}

// Begin gives the server what it knows only when the database is there: the service that accepts requests, and the
// page tokens that all replicas read. Call it once, from a step of serve.Server.Prepare: requests are refused before
// these steps have ended.
func (s *Server) Begin(service *accept.Service, pages *serve.PageTokens) {
	s.accept, s.pages = service, pages
}

// The kinds of route.
var (
	// reads is for a merchant's programs, for his members, and for operators.
	reads = permission.Rule{Role: permission.RoleCustomer, Operators: true, Merchants: true, Whose: permission.Own}
	// acts is for a merchant's programs only: the secret says for which merchant, and in which mode.
	acts = permission.Rule{Merchants: true, Whose: permission.Own, Acts: true}
)

// route is a route with who may call it.
type route struct {
	pattern string
	rule    permission.Rule
	handle  serve.RouteHandler
	// stream says that the answer may take long, as serve.Server.RouteStream says.
	stream bool
}

// routes returns all routes. Mount, Permissions and the document's tests are made from it.
func (s *Server) routes() []route {
	return slices.Concat(s.charges(), s.operations(), s.events(), s.figures(), s.payouts())
}

// Router is what takes the routes; *serve.Server is one.
type Router interface {
	ratelimit.Router
	// Draining is closed when the program begins to end.
	Draining() <-chan struct{}
	// Readmit admits a request of RouteStream once more, while its answer goes on.
	Readmit(r *http.Request) (context.Context, error)
}

// Mount adds the routes.
func (s *Server) Mount(router Router) {
	s.router = router
	limited := s.Limited(router)
	for _, r := range s.routes() {
		if r.stream {
			limited.RouteStream(r.pattern, r.handle)
			continue
		}
		limited.Route(r.pattern, r.handle)
	}
}

// Limited returns a router for routes beside these, which share the limits of each caller.
func (s *Server) Limited(router ratelimit.Router) ratelimit.Router { return s.limits.Limited(router) }

// Permissions says who may call which route.
func Permissions() permission.Table {
	table := make(permission.Table)
	for _, r := range (&Server{}).routes() {
		table[r.pattern] = r.rule
	}
	return table
}

// accepted answers a request that was accepted, now or before.
func accepted(w http.ResponseWriter, location string, repeated bool, body any) error {
	serve.SetReplayed(w, repeated)
	w.Header().Set("Location", location)
	return serve.WriteJSON(w, http.StatusAccepted, body)
}
