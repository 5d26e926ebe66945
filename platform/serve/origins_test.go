package serve_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"codebank.dev/platform/serve"
	"github.com/stretchr/testify/require"
)

// asHost sends a GET to a path of the server under a name of a host.
func (r *running) asHost(t *testing.T, path, host string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(r.HTTPAddress())
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+net.JoinHostPort("127.0.0.1", port)+path, nil)
	require.NoError(t, err)
	request.Host = host
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}

func TestAProgramOnTheLoopbackAddressAnswersToNoForeignName(t *testing.T) {
	document := []byte(`{"openapi":"3.1.0"}`)
	r := start(t, newPurchases(), func(c *serve.Config) { c.OpenAPI, c.Hosts = document, []string{"bank", "bank.example"} })
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/v1/purchases", "/docs", "/openapi.json", "/nothing"} {
		for _, own := range []string{"127.0.0.1", "127.0.0.1:80", "[::1]:80", "[::1]", "localhost", "LocalHost:1", "bank", "bank:17001", "Bank.Example"} {
			require.NotEqual(t, http.StatusMisdirectedRequest, r.asHost(t, path, own), "%s at %s", path, own)
		}
		for _, foreign := range []string{
			"attacker.test", "attacker.test:80", "127.0.0.1.attacker.test", "localhost.attacker.test", "bank.attacker.test", "xlocalhost",
			"192.0.2.1", "[2001:db8::1]:80", "0.0.0.0", "localhost.", "127.1", "2130706433",
		} {
			require.Equal(t, http.StatusMisdirectedRequest, r.asHost(t, path, foreign), "%s at %s", path, foreign)
		}
	}
}

func TestAProgramThatOtherMachinesReachAnswersToEveryNameOrToItsList(t *testing.T) {
	everywhere := func(hosts ...string) *running {
		server, err := serve.Listen(serve.Config{Name: "pages", HTTPAddress: "0.0.0.0:0", Logger: slog.New(slog.DiscardHandler), Hosts: hosts})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		t.Cleanup(func() {
			stop()
			require.NoError(t, <-ended)
		})
		return &running{Server: server}
	}
	open := everywhere()
	require.Equal(t, http.StatusOK, open.asHost(t, "/livez", "bank.codebank.svc"))
	listed := everywhere("bank.codebank.svc", "192.0.2.1")
	for host, want := range map[string]int{
		"bank.codebank.svc": 200, "192.0.2.1:17001": 200, "127.0.0.1": 200, "attacker.test": 421, "192.0.2.2": 421,
	} {
		require.Equal(t, want, listed.asHost(t, "/livez", host), host)
	}
}

func TestHostsAndOriginsThatCannotBeAreRefusedAtTheStart(t *testing.T) {
	for _, name := range []string{"Bank", "bank:80", "https://bank", "*", "*.bank", "", "a b", "bank.", "-a", "[::1]"} {
		_, err := serve.Listen(serve.Config{HTTPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler), Hosts: []string{name}})
		require.ErrorContains(t, err, "name of a host", name)
	}
	for _, origin := range []string{
		"*", "null", "", "https://", "shop.example", "http://shop.example", "https://Shop.example", "https://shop.example/", "https://shop.example:443",
		"https://*.example", "https://a@shop.example", "https://shop.example?", "https://shop.example:", "http://localhost:80", "http://192.0.2.1", "file://",
	} {
		_, err := serve.Listen(serve.Config{HTTPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler), AllowedOrigins: []string{origin}})
		require.ErrorContains(t, err, "origin", origin)
	}
}

// ask sends what a browser asks before a page may send a command or read with a token.
func (r *running) ask(t *testing.T, path, origin string) *http.Response {
	t.Helper()
	response, _ := r.request(t, "OPTIONS", path, "", "Origin", origin,
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
	return response
}

// allowing returns the names of the headers that allow something to a page.
func allowing(header http.Header) (names []string) {
	for name := range header {
		if strings.HasPrefix(name, "Access-Control-") {
			names = append(names, name)
		}
	}
	return names
}

func TestNoOtherOriginIsAllowedAnythingByDefault(t *testing.T) {
	r, service, _ := startREST(t)
	for _, origin := range []string{"https://shop.example", "null", "http://" + r.HTTPAddress()} {
		for _, path := range []string{authorize, "/v1/purchases/a", "/livez", "/nothing"} {
			response := r.ask(t, path, origin)
			require.Contains(t, []int{404, 405}, response.StatusCode, path)
			require.Empty(t, allowing(response.Header), path)
			require.NotContains(t, response.Header.Values("Vary"), "Origin")
		}
	}
	require.Zero(t, service.calls.Load())
}

func TestThePagesOfAListedOriginUseTheRESTAPIAndOthersDoNot(t *testing.T) {
	const shop, local = "https://shop.example", "http://localhost:3000"
	service := &counted{purchases: newPurchases()}
	r := start(t, service, func(c *serve.Config) { c.AllowedOrigins = []string{shop, local} })
	for _, origin := range []string{shop, local} {
		asked := r.ask(t, authorize, origin)
		require.Equal(t, 204, asked.StatusCode)
		require.Equal(t, origin, asked.Header.Get("Access-Control-Allow-Origin"))
		require.Contains(t, asked.Header.Get("Access-Control-Allow-Methods"), "POST")
		require.Contains(t, asked.Header.Get("Access-Control-Allow-Headers"), "Authorization")
		require.Contains(t, asked.Header.Get("Access-Control-Allow-Headers"), "Content-Type")
		require.Zero(t, service.calls.Load(), "a question executes nothing")

		response, body := r.request(t, "POST", authorize, `{"requestId":"r1"}`, "Origin", origin, "Sec-Fetch-Site", "cross-site")
		require.Equal(t, 200, response.StatusCode, body)
		require.Equal(t, origin, response.Header.Get("Access-Control-Allow-Origin"))
		require.EqualValues(t, 1, service.calls.Swap(0))

		response, body = r.request(t, "POST", authorize, `{"requestId":`, "Origin", origin, "Sec-Fetch-Site", "cross-site")
		problem(t, response, body, 400)
		require.Equal(t, origin, response.Header.Get("Access-Control-Allow-Origin"), "the page may read why it was refused")
		require.Contains(t, response.Header.Get("Access-Control-Expose-Headers"), "X-Trace-Id")
		require.Empty(t, response.Header.Get("Access-Control-Allow-Credentials"), "nothing that a browser adds by itself counts")
	}
	foreigners := []string{
		"https://evil.example", "null", "http://shop.example", "https://shop.example:8443", "https://shop.example.evil.example", "https://a.shop.example",
		"HTTPS://SHOP.EXAMPLE", "http://localhost:3001", shop + ", " + local, "*", "",
	}
	for _, foreign := range foreigners {
		asked := r.ask(t, authorize, foreign)
		require.Equal(t, 405, asked.StatusCode, foreign)
		response, _ := r.request(t, "POST", authorize, `{}`, "Origin", foreign, "Sec-Fetch-Site", "cross-site")
		require.Equal(t, 403, response.StatusCode, foreign)
		read, _ := r.request(t, "GET", "/v1/purchases/a", "", "Origin", foreign)
		for _, answer := range []*http.Response{asked, response, read} {
			require.Empty(t, allowing(answer.Header), foreign)
			require.True(t, slices.Contains(answer.Header.Values("Vary"), "Origin"), "a cache must not give one origin's answer to another")
		}
	}
	require.EqualValues(t, len(foreigners), service.calls.Load(), "only the reads were executed")
	for _, path := range []string{"/livez", "/metrics", "/nothing"} {
		response, _ := r.request(t, "GET", path, "", "Origin", shop)
		require.Empty(t, allowing(response.Header), "only the REST API is for other pages: %s", path)
	}
	twice, _ := r.request(t, "GET", "/v1/purchases/a", "", "Origin", shop, "Origin", local)
	require.Empty(t, allowing(twice.Header))
}

func TestAFormOfAForeignPageChangesNothing(t *testing.T) {
	r, service, _ := startREST(t)
	// These are the three kinds of forms. An old browser says nothing about the page.
	for _, kind := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"} {
		for _, said := range [][]string{nil, {"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}} {
			form := url.Values{"requestId": {"r1"}, "amountMinor": {"5"}, "_method": {"GET"}}.Encode()
			response, _ := r.request(t, "POST", authorize, form, append([]string{"Content-Type", kind}, said...)...)
			require.Contains(t, []int{403, 415}, response.StatusCode, kind)
		}
		response, _ := r.request(t, "POST", "/v1/purchases/a", "", "Content-Type", kind, "X-HTTP-Method-Override", "GET")
		require.Contains(t, []int{405, 415}, response.StatusCode, "a form does not stand for a read either")
	}
	require.Zero(t, service.calls.Load())
}

func TestEveryAnswerHasTheHeadersOfABrowsersWalls(t *testing.T) {
	r := start(t, newPurchases(), func(c *serve.Config) { c.OpenAPI = []byte(`{"openapi":"3.1.0"}`) })
	for _, one := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/v1/purchases/a", 500}, {"POST", authorize, 200}, {"DELETE", authorize, 405}, {"GET", "/v1/nothing", 404}, {"GET", "/nothing", 404},
		{"GET", "/panic", 500}, {"GET", "/livez", 200}, {"GET", "/readyz", 200}, {"GET", "/metrics", 200}, {"GET", "/openapi.json", 200},
		{"HEAD", "/livez", 200}, {"OPTIONS", authorize, 405},
	} {
		response, _ := r.request(t, one.method, one.path, "{}"[:2*strings.Count(one.method, "POST")])
		require.Equal(t, one.status, response.StatusCode, one.path)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			require.Equal(t, []string{want}, response.Header.Values(name), "%s of %s", name, one.path)
		}
		require.Empty(t, response.Header.Get("Strict-Transport-Security"), "it means nothing without TLS")
	}
}

// FuzzParseOrigins: a list is one of origins as browsers write them, or an error.
func FuzzParseOrigins(f *testing.F) {
	f.Add("https://shop.example,http://localhost:3000")
	f.Add("http://[::1]:3000 https://[2001:db8::1] null *")
	f.Fuzz(func(t *testing.T, list string) {
		origins, err := serve.ParseOrigins(list)
		if err != nil {
			return
		}
		for _, origin := range origins {
			u, err := url.Parse(origin)
			require.NoError(t, err)
			require.Equal(t, origin, u.Scheme+"://"+u.Host, "nothing but an origin")
			require.Equal(t, strings.ToLower(origin), origin)
			require.NotContains(t, origin, "*")
		}
	})
}

// FuzzParseHosts: a list is one of names and addresses that a request can be to, or an error.
func FuzzParseHosts(f *testing.F) {
	f.Add("bank,bank.codebank.svc")
	f.Add("192.0.2.1 2001:db8::1 bank:80 *.bank")
	f.Fuzz(func(t *testing.T, list string) {
		names, err := serve.ParseHosts(list)
		if err != nil {
			return
		}
		for _, name := range names {
			require.NotContains(t, name, "*")
			require.NotContains(t, name, "/")
		}
	})
}
