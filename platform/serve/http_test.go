package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const authorize = "/v1/purchases:authorize"

func TestRESTAnswersProblemDetails(t *testing.T) {
	r := start(t, newPurchases(), func(c *serve.Config) { c.MaxRequestBytes = 4096 })
	large := `{"description":"` + strings.Repeat("a", 5000) + `"}`
	for _, test := range []struct {
		rule, method, path, body string
		status                   int
		code, reason, field      string
	}{
		{"a path that no service has", "GET", "/v1/nothing", "", 404, "NOT_FOUND", "NO_SUCH_PATH", ""},
		{"a path outside of the gateway", "GET", "/nothing", "", 404, "NOT_FOUND", "NO_SUCH_PATH", ""},
		{"a method that the path does not take", "DELETE", authorize, "", 405, "INVALID_ARGUMENT", "METHOD_NOT_ALLOWED", ""},
		{"a body that is no JSON", "POST", authorize, "not json", 400, "INVALID_ARGUMENT", "MALFORMED_REQUEST", ""},
		{"a body cut short", "POST", authorize, `{"requestId":`, 400, "INVALID_ARGUMENT", "MALFORMED_REQUEST", ""},
		{"a field that is not there", "POST", authorize, `{"amontMinor":"5"}`, 400, "INVALID_ARGUMENT", "MALFORMED_REQUEST", "amontMinor"},
		{"a number that does not fit", "POST", authorize, `{"amountMinor":"9223372036854775808"}`, 400, "INVALID_ARGUMENT", "MALFORMED_REQUEST", "amount_minor"},
		{"an amount with a fraction", "POST", authorize, `{"amountMinor":1.5}`, 400, "INVALID_ARGUMENT", "MALFORMED_REQUEST", "amount_minor"},
		{"a string that is not UTF-8", "POST", authorize, "{\"requestId\":\"\xff\"}", 400, "INVALID_ARGUMENT", "MALFORMED_REQUEST", "request_id"},
		{"a path that is not UTF-8", "GET", "/v1/purchases/%ff", "", 400, "INVALID_ARGUMENT", "INVALID_FIELD", "path"},
		{"a query that is not UTF-8", "GET", "/v1/purchases/a?name=%ff", "", 400, "INVALID_ARGUMENT", "INVALID_FIELD", "name"},
		{"a body too large", "POST", authorize, large, 413, "INVALID_ARGUMENT", "BODY_TOO_LARGE", ""},
		{"a fault with a field", "POST", authorize, `{"description":"invalid"}`, 400, "INVALID_ARGUMENT", "INVALID_FIELD", "card_data.number"},
		{"a foreign error", "POST", authorize, `{"description":"foreign"}`, 500, "INTERNAL", "INTERNAL", ""},
		{"a panic", "POST", authorize, `{"description":"panic"}`, 500, "INTERNAL", "INTERNAL", ""},
		{"no database", "POST", authorize, `{"description":"away"}`, 503, "UNAVAILABLE", "DATABASE_AWAY", ""},
		{"a full queue", "POST", authorize, `{"description":"busy"}`, 429, "RESOURCE_EXHAUSTED", "QUEUE_FULL", ""},
	} {
		t.Run(test.rule, func(t *testing.T) {
			response, body := r.request(t, test.method, test.path, test.body)
			require.Equal(t, test.status, response.StatusCode, body)
			require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
			var problem serve.Problem
			require.NoError(t, json.Unmarshal([]byte(body), &problem))
			require.Equal(t, test.status, problem.Status)
			require.Equal(t, test.code, problem.Code)
			require.Equal(t, test.reason, problem.Reason)
			require.Equal(t, test.field, problem.Field)
			require.NotEmpty(t, problem.Title)
			require.NotEmpty(t, problem.Detail)
			require.NotContains(t, body, "10.0.0.1")
			require.Equal(t, response.Header.Get("X-Trace-Id"), problem.TraceID)
			require.Equal(t, test.status == 429 || test.status == 503, response.Header.Get("Retry-After") != "")
			if test.status == 405 {
				require.Equal(t, "POST", response.Header.Get("Allow"))
			}
		})
	}
}

func TestABodyOfUnknownLengthIsBoundedToo(t *testing.T) {
	r := start(t, newPurchases(), func(c *serve.Config) { c.MaxRequestBytes = 4096 })
	body := io.MultiReader(strings.NewReader(`{"description":"`), strings.NewReader(strings.Repeat("a", 5000)))
	response, err := http.Post("http://"+r.HTTPAddress()+authorize, "application/json", body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
}

func TestRESTCarriesTheCallerAndTheTrace(t *testing.T) {
	r := start(t, newPurchases(), nil)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	response, body := r.request(t, "POST", authorize, `{"description":"caller"}`,
		"X-Codebank-Caller", "another", "Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	require.Equal(t, 200, response.StatusCode)
	require.Contains(t, body, `"shop `+trace+`"`)
	require.Equal(t, trace, response.Header.Get("X-Trace-Id"))

	response, body = r.request(t, "POST", authorize, `{"description":"caller"}`)
	require.Contains(t, body, "shop "+response.Header.Get("X-Trace-Id"), "a fresh trace is the same on both sides")
}

func TestReadinessNamesTheCheckThatFails(t *testing.T) {
	var broken atomic.Bool
	r := start(t, newPurchases(), func(c *serve.Config) {
		c.Checks = []serve.Check{
			{Name: "database", Run: func(context.Context) error {
				if broken.Load() {
					return fault.New(fault.Unavailable, "AWAY", "waiting for the database").Wrap(errors.New("dial tcp 10.0.0.1: refused"))
				}
				return nil
			}},
			{Name: "slow", Timeout: 10 * time.Millisecond, Run: func(ctx context.Context) error {
				if broken.Load() {
					<-ctx.Done()
				}
				return ctx.Err()
			}},
		}
	})
	response, body := r.request(t, "GET", "/readyz", "")
	require.Equal(t, 200, response.StatusCode)
	require.JSONEq(t, `{"ready":true,"checks":[{"name":"database","status":"ok"},{"name":"slow","status":"ok"}]}`, body)
	broken.Store(true)
	await.Until(t, func() bool {
		response, body = r.request(t, "GET", "/readyz", "")
		return response.StatusCode == 503
	}, time.Minute, 10*time.Millisecond)
	require.JSONEq(t, `{"ready":false,"checks":[{"name":"database","status":"failed","message":"waiting for the database"},{"name":"slow","status":"failed"}]}`, body)
	require.Contains(t, r.log.String(), "10.0.0.1", "the cause is in the log only")
	response, _ = r.request(t, "GET", "/livez", "")
	require.Equal(t, 200, response.StatusCode, "an unready program lives")
	health := grpc_health_v1.NewHealthClient(r.conn(t))
	await.Until(t, func() bool {
		answer, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		return err == nil && answer.GetStatus() == grpc_health_v1.HealthCheckResponse_NOT_SERVING
	}, time.Minute, 10*time.Millisecond)
}

func TestTheEndWaitsForRunningCalls(t *testing.T) {
	service := newPurchases()
	r := start(t, service, nil)
	client := r.dial(t)
	answers := make(chan error, 2)
	go func() {
		_, err := client.AuthorizePurchase(context.Background(), &bankv1.AuthorizePurchaseRequest{Description: "wait"})
		answers <- err
	}()
	go func() {
		response, err := http.Post("http://"+r.HTTPAddress()+authorize, "application/json", strings.NewReader(`{"description":"wait"}`))
		if err == nil && response.StatusCode != 200 {
			err = errors.New(response.Status)
		}
		answers <- err
	}()
	<-service.entered
	<-service.entered
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	<-r.Draining()
	close(service.release)
	require.NoError(t, <-answers)
	require.NoError(t, <-answers)
	require.NoError(t, <-stopped)
	_, err := client.AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
}

func TestTheEndDoesNotWaitForEver(t *testing.T) {
	service := newPurchases()
	r := start(t, service, func(c *serve.Config) { c.DrainTimeout = 50 * time.Millisecond })
	answers := make(chan error, 1)
	go func() {
		_, err := r.dial(t).AuthorizePurchase(context.Background(), &bankv1.AuthorizePurchaseRequest{Description: "wait"})
		answers <- err
	}()
	<-service.entered
	require.NoError(t, r.stop())
	require.Contains(t, []fault.Code{fault.Unavailable, fault.DeadlineExceeded}, fault.CodeOf(<-answers), "the outcome is unknown")
}

func TestALongAnswerFlowsAndEndsWithTheServer(t *testing.T) {
	r := start(t, newPurchases(), nil)
	response, err := http.Get("http://" + r.HTTPAddress() + "/events")
	require.NoError(t, err)
	defer response.Body.Close()
	line, err := bufio.NewReader(response.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "data: one\n", line)
	require.NoError(t, r.stop())
}

func TestHTTPIsCountedByPatternAndNotByPath(t *testing.T) {
	r := start(t, newPurchases(), nil)
	r.request(t, "GET", "/v1/purchases/one", "")
	r.request(t, "BREW", "/v1/purchases/two", "")
	_, metrics := r.request(t, "GET", "/metrics", "")
	require.Contains(t, metrics, `codebank_http_server_requests_total{method="GET",pattern="/v1/"`)
	require.Contains(t, metrics, `codebank_http_server_requests_total{method="other",pattern="/v1/"`)
	require.NotContains(t, metrics, "purchases/one")
	require.Contains(t, metrics, "go_goroutines")
}

func TestAPortThatIsTakenIsAnErrorAndLeavesNothingOpen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	_, err = serve.Listen(serve.Config{GRPCAddress: address, HTTPAddress: taken.Addr().String(), Walls: plain(t, "shop")})
	require.ErrorContains(t, err, "HTTP listener")
	again, err := net.Listen("tcp", address)
	require.NoError(t, err, "the gRPC port was given back")
	require.NoError(t, again.Close())
}

func TestNoBodyIsEverLogged(t *testing.T) {
	r := start(t, newPurchases(), nil)
	const number = "4111111111111111"
	r.request(t, "POST", authorize, `{"cardData":{"number":"`+number+`"},"description":"invalid"}`)
	r.request(t, "POST", authorize, `{"cardData":{"number":"`+number+`"}}`)
	require.Contains(t, r.log.String(), "AuthorizePurchase")
	require.NotContains(t, r.log.String(), number)
}
