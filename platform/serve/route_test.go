package serve_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

const (
	readRoute, actRoute, openRoute = "GET /things/{id}", "POST /things", "POST /open"
	customer                       = "0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f"
)

// routed is a program of routes alone, with walls.
type routed struct {
	*serve.Server
	kit  *wallstest.Kit
	log  *logBuffer
	seen chan metadata.MD // of Onward
}

func listenRoutes(t *testing.T, change func(*serve.Config)) (*routed, error) {
	t.Helper()
	r := &routed{kit: wallstest.New(t), log: &logBuffer{}, seen: make(chan metadata.MD, 10)}
	r.kit.StartIdentity(t)
	own := permission.Rule{Role: permission.RoleCustomer, Whose: permission.Own}
	acts := own
	acts.Acts = true
	config := serve.Config{
		Name: "front", HTTPAddress: "127.0.0.1:0", Walls: r.kit.Walls(t, "front", nil),
		Logger:      slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Permissions: permission.Table{readRoute: own, actRoute: acts, openRoute: {Anybody: true}},
	}
	if change != nil {
		change(&config)
	}
	var err error
	if r.Server, err = serve.Listen(config); err != nil {
		return nil, err
	}
	r.Route(readRoute, func(w http.ResponseWriter, request *http.Request) error {
		switch request.PathValue("id") {
		case "missing":
			return fault.New(fault.NotFound, "NO_THING", "There is no such thing.")
		case "foreign":
			return errors.New("dial tcp 10.0.0.1:5432: password rejected")
		case "deadline":
			deadline, _ := request.Context().Deadline()
			return serve.WriteJSON(w, http.StatusOK, time.Until(deadline).Round(time.Second).String())
		}
		who := serve.Principal(request.Context())
		return serve.WriteJSON(w, http.StatusOK, who.Kind.String()+" "+who.Name+" "+serve.Caller(request.Context()))
	})
	r.Route(actRoute, func(w http.ResponseWriter, request *http.Request) error {
		object, err := serve.ReadObject(request, "name")
		if err != nil {
			return err
		}
		onward, _ := metadata.FromOutgoingContext(r.Onward(request.Context()))
		r.seen <- onward
		return serve.WriteJSON(w, http.StatusCreated, object)
	})
	r.Route(openRoute, func(w http.ResponseWriter, request *http.Request) error {
		who := serve.Principal(request.Context())
		w.Header().Set("Who", who.Kind.String()+" "+who.Name)
		return serve.WriteJSON(w, http.StatusOK, r.AddressOf(request).String())
	})
	return r, nil
}

func startRoutes(t *testing.T, change func(*serve.Config)) *routed {
	t.Helper()
	r, err := listenRoutes(t, change)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return r
}

// send sends a request with a token, or with none, and headers by names and values in turn.
func (r *routed) send(t *testing.T, token, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "https://"+r.HTTPAddress()+path, strings.NewReader(body))
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := r.kit.HTTP(t, "").Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(text)
}

// TestARouteHasTheWallsOfACall: who calls is proved as for a method of gRPC, and by nothing else.
func TestARouteHasTheWallsOfACall(t *testing.T) {
	r := startRoutes(t, nil)
	right := r.kit.Customer(t, customer)
	response, body := r.send(t, right, "GET", "/things/1", "")
	require.Equal(t, 200, response.StatusCode, body)
	require.JSONEq(t, `"USER `+customer+` user:`+customer+`"`, body)
	for rule, test := range map[string]struct {
		token, path string
		headers     []string
		status      int
		reason      string
	}{
		"nobody":               {"", "/things/1", nil, 401, "UNAUTHENTICATED"},
		"a cookie is no token": {"", "/things/1", []string{"Cookie", "token=" + right}, 401, "UNAUTHENTICATED"},
		"expired":              {r.kit.Sign(t, wallstest.Token{Subject: customer, Roles: []string{"customer"}, Age: time.Hour}), "/things/1", nil, 401, ""},
		"another role":         {r.kit.Sign(t, wallstest.Token{Subject: customer, Roles: []string{"nothing"}}), "/things/1", nil, 403, "NOT_ALLOWED"},
		"an error":             {right, "/things/missing", nil, 404, "NO_THING"},
		"a foreign error":      {right, "/things/foreign", nil, 500, "INTERNAL"},
		"nothing there":        {right, "/thing", nil, 404, "NO_SUCH_PATH"},
		"another scheme":       {"", "/things/1", []string{"Authorization", "Basic " + right}, 401, ""},
	} {
		response, body := r.send(t, test.token, "GET", test.path, "", test.headers...)
		require.Equal(t, test.status, response.StatusCode, "%s: %s", rule, body)
		if test.status >= 400 {
			read := problem(t, response, body, test.status)
			require.NotEmpty(t, read.Reason)
			if test.reason != "" {
				require.Equal(t, test.reason, read.Reason, rule)
			}
		}
	}
	require.Contains(t, r.log.String(), "password rejected", "what is not the caller's doing is logged")
	response, body = r.send(t, right, "GET", "/things/deadline", "")
	require.Equal(t, 200, response.StatusCode)
	require.JSONEq(t, `"30s"`, body)
}

// oneSecret knows one secret, of a café.
type oneSecret struct{}

const goodSecret = "sk_test_of_the_cafe"

func (oneSecret) Verify(_ context.Context, text string) (principal.Principal, error) {
	if text != goodSecret {
		return principal.Principal{}, fault.New(fault.Unauthenticated, "SECRET_REFUSED", "There is no such API secret.")
	}
	return principal.Principal{Kind: principal.Merchant, Name: "cafe", Mode: "test"}, nil
}

// A secret opens a route as it opens a call, and guessing is slowed by the address of the client.
func TestARouteTakesTheSecretOfAMerchant(t *testing.T) {
	r := startRoutes(t, func(c *serve.Config) {
		c.Secrets = oneSecret{}
		c.Permissions[readRoute] = permission.Rule{Merchants: true, Whose: permission.Own}
	})
	response, body := r.send(t, goodSecret, "GET", "/things/1", "")
	require.Equal(t, 200, response.StatusCode, body)
	require.JSONEq(t, `"MERCHANT cafe merchant:cafe:test"`, body)
	response, body = r.send(t, r.kit.Customer(t, customer), "GET", "/things/1", "")
	require.Equal(t, 403, response.StatusCode, body)
	for tries := 1; ; tries++ {
		response, body = r.send(t, "sk_test_of_nobody", "GET", "/things/1", "")
		if response.StatusCode == 429 {
			require.Equal(t, "TOO_MANY_ATTEMPTS", problem(t, response, body, 429).Reason)
			require.NotEmpty(t, response.Header.Get("Retry-After"))
			break
		}
		require.Equal(t, 401, response.StatusCode, body)
		require.Less(t, tries, 20, "guessing goes on")
	}
}

// A route that is open to anybody is so whatever token is sent: a client whose token has expired can refresh it.
// Whoever sends one that is not taken is nobody there, and above all not his program.
func TestAnOpenRouteIsOpenWhateverTokenIsSent(t *testing.T) {
	r := startRoutes(t, nil)
	for rule, header := range map[string]string{
		"right":          "Bearer " + r.kit.Customer(t, customer),
		"expired":        "Bearer " + r.kit.Sign(t, wallstest.Token{Subject: customer, Age: time.Hour}),
		"no token":       "Bearer x",
		"another scheme": "Basic eDp5",
		"nothing":        "",
	} {
		for _, program := range []string{"", "checkout"} {
			request, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+r.HTTPAddress()+"/open", nil)
			require.NoError(t, err)
			request.Header.Set("Authorization", header)
			response, err := r.kit.HTTP(t, program).Do(request)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, 200, response.StatusCode, "%s: %s", rule, body)
			require.Equal(t, rule == "right", strings.Contains(response.Header.Get("Who"), customer))
			require.NotContains(t, response.Header.Get("Who"), "SERVICE", rule)
		}
		response, body := r.send(t, "", "GET", "/problems/account-not-found", "", "Authorization", header)
		require.Equal(t, 200, response.StatusCode, body)
	}
}

func TestTheFormOfARequestIsThatOfItsRoute(t *testing.T) {
	r := startRoutes(t, func(c *serve.Config) { c.MaxRequestBytes = 100 })
	right := r.kit.Customer(t, customer)
	response, body := r.send(t, right, "DELETE", "/things", "")
	require.Equal(t, "METHOD_NOT_ALLOWED", problem(t, response, body, 405).Reason)
	require.Equal(t, "POST", response.Header.Get("Allow"))
	response, _ = r.send(t, right, "POST", "/things/1", "{}")
	require.Equal(t, "GET, HEAD", response.Header.Get("Allow"))
	response, body = r.send(t, right, "POST", "/things", "name=a", "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, "UNSUPPORTED_MEDIA_TYPE", problem(t, response, body, 415).Reason)
	response, body = r.send(t, right, "GET", "/things/1", "{}")
	require.Equal(t, "MALFORMED_REQUEST", problem(t, response, body, 400).Reason)
	response, body = r.send(t, right, "POST", "/things", `{"name":"`+strings.Repeat("a", 200)+`"}`)
	require.Equal(t, "BODY_TOO_LARGE", problem(t, response, body, 413).Reason)
	response, body = r.send(t, right, "POST", "/things", "")
	require.Equal(t, "MALFORMED_REQUEST", problem(t, response, body, 400).Reason)
	response, body = r.send(t, right, "POST", "/things", `{"name":"a"}`)
	require.Equal(t, 201, response.StatusCode, body)
	onward := <-r.seen
	require.Equal(t, []string{"Bearer " + right}, onward.Get("authorization"))
	require.Equal(t, []string{"127.0.0.1"}, onward.Get("x-forwarded-for"))
	response, _ = r.send(t, "", "POST", "/open", "")
	require.Equal(t, 200, response.StatusCode, "a route without a body takes none")
}

// The address is that of the client, and only a trusted proxy says another one.
func TestTheAddressOfARequestIsThatOfItsClient(t *testing.T) {
	for proxies, want := range map[string]string{"": "127.0.0.1", "127.0.0.0/8": "203.0.113.9"} {
		r := startRoutes(t, func(c *serve.Config) {
			for text := range strings.FieldsSeq(proxies) {
				c.TrustedProxies = append(c.TrustedProxies, netip.MustParsePrefix(text))
			}
		})
		_, body := r.send(t, "", "POST", "/open", "", "X-Forwarded-For", "198.51.100.1, 203.0.113.9, 127.0.0.2")
		require.JSONEq(t, `"`+want+`"`, body)
	}
}

// A command of a person waits until the program knows which sessions have ended; a read does not.
func TestACommandWaitsUntilSessionsAreKnown(t *testing.T) {
	kit := wallstest.New(t)
	r := startRoutes(t, func(c *serve.Config) {
		c.Walls = kit.Walls(t, "front", func(w *serve.WallsConfig) { w.IdentityAddress = "127.0.0.1:1" })
	})
	r.kit = kit
	response, body := r.send(t, kit.Customer(t, customer), "POST", "/things", "{}")
	require.Equal(t, "SESSIONS_UNKNOWN", problem(t, response, body, 503).Reason)
	require.NotEmpty(t, response.Header.Get("Retry-After"))
	response, _ = r.send(t, kit.Customer(t, customer), "GET", "/things/1", "")
	require.Equal(t, 200, response.StatusCode)
}

func TestARouteIsAnsweredWhenTheProgramIsPrepared(t *testing.T) {
	r, err := listenRoutes(t, nil)
	require.NoError(t, err)
	prepared := make(chan struct{})
	r.Prepare(func(context.Context) error { <-prepared; return nil })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	response, body := r.send(t, "", "POST", "/open", "")
	require.Equal(t, "STARTING", problem(t, response, body, 503).Reason)
	close(prepared)
	await.Until(t, func() bool {
		response, _ := r.send(t, "", "POST", "/open", "")
		return response.StatusCode == 200
	}, 10*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
}

func TestAProgramWithARouteThatHasNoRowDoesNotStart(t *testing.T) {
	for rule, change := range map[string]func(*serve.Config){
		"nobody says who may call POST /open": func(c *serve.Config) { delete(c.Permissions, openRoute) },
		"there is no method GET /nothing":     func(c *serve.Config) { c.Permissions["GET /nothing"] = permission.Rule{} },
		"needs walls":                         func(c *serve.Config) { c.Walls, c.Permissions = nil, nil },
	} {
		r, err := listenRoutes(t, change)
		require.NoError(t, err)
		require.ErrorContains(t, r.Run(t.Context()), rule)
	}
}

// cards answers with what a call came with.
type cards struct {
	bankv1.UnimplementedCardServiceServer
}

func (cards) GetCard(ctx context.Context, in *bankv1.GetCardRequest) (*bankv1.GetCardResponse, error) {
	if in.GetName() == "cards/none" {
		return nil, fault.New(fault.NotFound, "CARD_NOT_FOUND", "There is no such card.").In("name")
	}
	who := serve.Principal(ctx)
	return &bankv1.GetCardResponse{Card: &bankv1.Card{
		Name: in.GetName(), CustomerId: who.Name, HolderName: serve.Caller(ctx),
		Bin: strings.Join(metadata.ValueFromIncomingContext(ctx, "x-forwarded-for"), " "),
	}}, nil
}

// closedTable lets customers call some methods of a service, and nobody the others.
func closedTable(service grpc.ServiceDesc, methods ...string) permission.Table {
	table := make(permission.Table)
	for _, method := range service.Methods {
		table["/"+service.ServiceName+"/"+method.MethodName] = permission.Rule{}
	}
	for _, method := range methods {
		table[method] = permission.Rule{Role: permission.RoleCustomer}
	}
	return table
}

// A forwarded call reaches the other program as the user's, from this program, and its answer or refusal comes
// back; what customers may not call does not go on.
func TestAForwardedCallIsTheUsers(t *testing.T) {
	kit := wallstest.New(t)
	serveBehind := func(config serve.Config, before func(*serve.Server)) *serve.Server {
		config.Logger = slog.New(slog.DiscardHandler)
		server, err := serve.Listen(config)
		require.NoError(t, err)
		before(server)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			require.NoError(t, <-ended)
		})
		return server
	}
	table := closedTable(bankv1.CardService_ServiceDesc, bankv1.CardService_GetCard_FullMethodName, bankv1.CardService_BlockCard_FullMethodName)
	bank := serveBehind(serve.Config{
		Name: "bank", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Walls: kit.Walls(t, "bank", nil), Permissions: table,
	}, func(server *serve.Server) { bankv1.RegisterCardServiceServer(server, cards{}) })
	walls := kit.Walls(t, "front", nil)
	conn, err := walls.Dial(bank.GRPCAddress(), "bank")
	require.NoError(t, err)
	defer conn.Close()
	front := serveBehind(serve.Config{Name: "front", HTTPAddress: "127.0.0.1:0", Walls: walls, Permissions: table}, func(server *serve.Server) {
		require.NoError(t, server.Forward(&bankv1.CardService_ServiceDesc, conn))
		require.NoError(t, server.Gateway(t.Context(), bankv1.RegisterCardServiceHandler))
	})
	r := &routed{Server: front, kit: kit}
	right := kit.Customer(t, customer)
	response, body := r.send(t, right, "GET", "/v1/cards/1", "")
	require.Equal(t, 200, response.StatusCode, body)
	require.Contains(t, body, `"customerId":"`+customer+`"`)
	require.Contains(t, body, `"holderName":"front"`, "request ids belong to this program")
	require.Contains(t, body, `"bin":"127.0.0.1"`)
	response, body = r.send(t, right, "GET", "/v1/cards/none", "")
	require.Equal(t, "CARD_NOT_FOUND", problem(t, response, body, 404).Reason)
	response, body = r.send(t, right, "POST", "/v1/cards:issue", "{}")
	require.Equal(t, "NOT_ALLOWED", problem(t, response, body, 403).Reason)
	response, _ = r.send(t, "", "GET", "/v1/cards/1", "")
	require.Equal(t, 401, response.StatusCode)
}
