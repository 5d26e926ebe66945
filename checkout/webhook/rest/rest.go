// Package rest is how merchants say where their events go, over HTTP: endpoints, their secrets, and the log of what was
// sent to them. The contract is schemas/openapi/payment-gateway.v1.yaml.
//
//	rest.go        Server, and its routes with who may call them
//	endpoints.go   endpoints, read and changed
//	form.go        the bodies of requests
//	deliveries.go  the log, and sending again
package rest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"codebank.dev/checkout/audited"
	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/ratelimit"
	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/postgres"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/serve"
)

// The routes, by their names in Permissions.
const (
	ListEndpoints  = "GET /v1/webhook-endpoints"
	CreateEndpoint = "POST /v1/webhook-endpoints"
	GetEndpoint    = "GET /v1/webhook-endpoints/{id}"
	UpdateEndpoint = "PATCH /v1/webhook-endpoints/{id}"
	DeleteEndpoint = "DELETE /v1/webhook-endpoints/{id}"
	RotateSecret   = "POST /v1/webhook-endpoints/{id}/rotate-secret"
	ListDeliveries = "GET /v1/webhook-endpoints/{id}/deliveries"
	GetDelivery    = "GET /v1/webhook-endpoints/{id}/deliveries/{delivery}"
	Resend         = "POST /v1/webhook-endpoints/{id}/deliveries/{delivery}/resend"
)

// Config is what a Server works with. Store and Owner are required.
type Config struct {
	Store *postgres.Store
	// Owner returns whose endpoints a request is about, as rest.Server.Reader of package payment/rest does.
	Owner func(r *http.Request, query url.Values) (payment.Owner, error)
	// Origin says where requests come from, for the audit log.
	Origin audited.Origin
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Server answers the routes. It is safe for concurrent use.
type Server struct {
	config Config
	pages  *serve.PageTokens
}

// New returns a Server. Mount it, and call Begin before the first request comes.
func New(config Config) *Server {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Server{config: config}
}

// Begin gives the server the page tokens that all replicas read. Call it once, from a step of serve.Server.Prepare.
func (s *Server) Begin(pages *serve.PageTokens) { s.pages = pages }

// The kinds of route. Operators read: what is sent where is the merchant's own choice.
var (
	reads   = permission.Rule{Role: permission.RoleCustomer, Operators: true, Merchants: true, Whose: permission.Own}
	changes = permission.Rule{Role: permission.RoleCustomer, Merchants: true, Whose: permission.Own, Acts: true}
)

// route is a route with who may call it.
type route struct {
	pattern string
	rule    permission.Rule
	handle  serve.RouteHandler
}

func (s *Server) routes() []route {
	return []route{
		{ListEndpoints, reads, s.listEndpoints},
		{CreateEndpoint, changes, s.createEndpoint},
		{GetEndpoint, reads, s.getEndpoint},
		{UpdateEndpoint, changes, s.updateEndpoint},
		{DeleteEndpoint, changes, s.deleteEndpoint},
		{RotateSecret, changes, s.rotateSecret},
		{ListDeliveries, reads, s.listDeliveries},
		{GetDelivery, reads, s.getDelivery},
		{Resend, changes, s.resend},
	}
}

// Mount adds the routes.
func (s *Server) Mount(router ratelimit.Router) {
	for _, r := range s.routes() {
		router.Route(r.pattern, r.handle)
	}
}

// Permissions says who may call which route.
func Permissions() permission.Table {
	table := make(permission.Table)
	for _, r := range (&Server{}).routes() {
		table[r.pattern] = r.rule
	}
	return table
}

// The parameters that all routes take, and those of a page.
const (
	merchantParameter = "merchant"
	modeParameter     = "mode"
	sizeParameter     = "page_size"
	tokenParameter    = "page_token"
)

// owner returns whose endpoints a request is about, and its query, which may have more parameters.
func (s *Server) owner(r *http.Request, more ...string) (payment.Owner, url.Values, error) {
	query, err := serve.ReadQuery(r, append(more, merchantParameter, modeParameter)...)
	if err != nil {
		return payment.Owner{}, nil, err
	}
	owner, err := s.config.Owner(r, query)
	return owner, query, err
}

// named returns the endpoint that a request names, in the version that it names.
func (s *Server) named(r *http.Request, more ...string) (postgres.Name, url.Values, error) {
	owner, query, err := s.owner(r, more...)
	if err != nil {
		return postgres.Name{}, nil, err
	}
	endpoint, err := id.Parse(r.PathValue("id"))
	if err != nil {
		return postgres.Name{}, nil, webhook.ErrNoEndpoint
	}
	version, err := readMatch(r)
	return postgres.Name{Owner: owner, ID: endpoint, Version: version}, query, err
}

const matchHeader = "If-Match"

var errMatch = fault.Invalid(matchHeader, "The header If-Match has the ETag of the endpoint, or *.")

// readMatch returns the version that the header If-Match asks for; 0 for any. An empty header is none that anybody means.
func readMatch(r *http.Request) (int64, error) {
	tag, err := serve.OnlyHeader(r, matchHeader)
	if err != nil || tag == "*" || len(r.Header.Values(matchHeader)) == 0 {
		return 0, err
	}
	inner, found := strings.CutPrefix(tag, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	version, err := strconv.ParseInt(inner, 10, 64)
	if !found || !closed || err != nil || version < 1 || strconv.FormatInt(version, 10) != inner {
		return 0, errMatch
	}
	return version, nil
}
