package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// statements counts its calls and answers what it was asked for.
type statements struct {
	statementv1.UnimplementedStatementServiceServer
	calls atomic.Int64
}

func (s *statements) ListLines(_ context.Context, in *statementv1.ListLinesRequest) (*statementv1.ListLinesResponse, error) {
	s.calls.Add(1)
	return &statementv1.ListLinesResponse{NextPageToken: in.GetParent()}, nil
}

// counted is a service of purchases that counts its calls.
type counted struct {
	*purchases
	calls atomic.Int64
}

func (c *counted) AuthorizePurchase(ctx context.Context, in *bankv1.AuthorizePurchaseRequest) (*bankv1.AuthorizePurchaseResponse, error) {
	c.calls.Add(1)
	return c.purchases.AuthorizePurchase(ctx, in)
}

func (c *counted) GetPurchase(_ context.Context, in *bankv1.GetPurchaseRequest) (*bankv1.GetPurchaseResponse, error) {
	c.calls.Add(1)
	purchase := &bankv1.Purchase{Name: in.GetName()}
	if in.GetName() == "purchases/unshowable" {
		purchase.AuthorizeTime = &timestamppb.Timestamp{Seconds: 253402300800}
	}
	if in.GetName() == "purchases/large" {
		purchase.Description = strings.Repeat("a", 10_000)
	}
	return &bankv1.GetPurchaseResponse{Purchase: purchase}, nil
}

// startREST runs both services behind a gateway.
func startREST(t *testing.T) (*running, *counted, *statements) {
	t.Helper()
	service, lines := &counted{purchases: newPurchases()}, &statements{}
	r := start(t, service, func(c *serve.Config) { c.Permissions = everybody(statementv1.StatementService_ServiceDesc) }, func(server *serve.Server) {
		statementv1.RegisterStatementServiceServer(server, lines)
		require.NoError(t, server.Gateway(t.Context(), statementv1.RegisterStatementServiceHandler))
	})
	return r, service, lines
}

// problem reads an answer as problem details with this status.
func problem(t *testing.T, response *http.Response, body string, httpStatus int) serve.Problem {
	t.Helper()
	require.Equal(t, httpStatus, response.StatusCode, body)
	require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
	var read serve.Problem
	require.NoError(t, json.Unmarshal([]byte(body), &read), body)
	require.Equal(t, response.Header.Get("X-Trace-Id"), read.TraceID)
	return read
}

func TestABodyIsExactlyOneJSONValue(t *testing.T) {
	r, service, _ := startREST(t)
	valid := `{"requestId":"r1","amountMinor":"5"}`
	for _, behind := range []string{`{"amountMinor":"1"}garbage`, `{}`, ` {}`, "\n[]", "x", ",", "}", "\x00", `"`, "1", "\ufeff", "//"} {
		response, body := r.request(t, "POST", authorize, valid+behind)
		require.Equal(t, "MALFORMED_REQUEST", problem(t, response, body, 400).Reason, behind)
	}
	for _, other := range []string{`[` + valid + `]`, `"text"`, `1`, `null x`, "\ufeff" + valid, `{"requestId":"a","requestId":"b"}`, `{"requestId":"a","request_id":"b"}`} {
		response, body := r.request(t, "POST", authorize, other)
		require.Equal(t, "MALFORMED_REQUEST", problem(t, response, body, 400).Reason, other)
	}
	require.Zero(t, service.calls.Load(), "nothing was executed")
	for _, fine := range []string{valid, " \r\n\t" + valid + "\n ", `{}`, ""} {
		response, body := r.request(t, "POST", authorize, fine, "Content-Type", "application/json")
		require.Equal(t, 200, response.StatusCode, body)
	}
	require.EqualValues(t, 4, service.calls.Load())
}

func TestAReadTakesNoBody(t *testing.T) {
	r, service, _ := startREST(t)
	response, body := r.request(t, "GET", "/v1/purchases/a", `{"name":"purchases/b"}`)
	require.Equal(t, "MALFORMED_REQUEST", problem(t, response, body, 400).Reason)
	require.Zero(t, service.calls.Load())
}

func TestAnUnknownQueryParameterIsRefusedByName(t *testing.T) {
	r, service, lines := startREST(t)
	const list = "/v1/accounts/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01/lines"
	for _, test := range []struct{ method, path, query, field string }{
		{"GET", list, "start_tme=2026-01-01T00:00:00Z", "start_tme"},
		{"GET", list, "foo=bar", "foo"},
		{"GET", list, "page_size=5&foo=bar", "foo"},
		{"GET", list, "parent=accounts/other", "parent"},
		{"GET", list, "PAGE_SIZE=5", "PAGE_SIZE"},
		{"GET", list, "pageSize=5&page_size=6", "page_size"},
		{"GET", list, "start_time.x=5", "start_time.x"},
		{"GET", list, "foo[x]=5", "foo[x]"},
		{"GET", list, "=5", "query"},
		{"GET", list, "foo", "foo"},
		{"GET", "/v1/purchases/a", "name=purchases/b", "name"},
		{"GET", "/v1/purchases/a", "x=1", "x"},
		{"HEAD", list, "foo=bar", ""},
		{"POST", authorize, "requestId=r2", "requestId"},
	} {
		sent := ""
		if test.method == "POST" {
			sent = "{}"
		}
		response, body := r.request(t, test.method, test.path+"?"+test.query, sent)
		if test.method == "HEAD" {
			require.Equal(t, 400, response.StatusCode)
			continue
		}
		refusal := problem(t, response, body, 400)
		require.Equal(t, "INVALID_FIELD", refusal.Reason, test.query)
		require.Equal(t, test.field, refusal.Field)
	}
	for _, malformed := range []string{"page_size=5;foo=bar", "page_size=%zz", "page_size=5&page_size=6", "page_size=five", "page_size.x=5", "page_size[x]=5"} {
		response, body := r.request(t, "GET", list+"?"+malformed, "")
		require.Equal(t, "MALFORMED_REQUEST", problem(t, response, body, 400).Reason, malformed)
	}
	require.Zero(t, service.calls.Load()+lines.calls.Load(), "nothing was executed")
	for _, fine := range []string{"", "page_size=5", "pageSize=5&pageToken=x", "start_time=2026-01-01T00:00:00Z&endTime=2026-01-02T00:00:00Z"} {
		response, body := r.request(t, "GET", list+"?"+fine, "")
		require.Equal(t, 200, response.StatusCode, body)
	}
}

func TestHeadersThatAreTooLargeAreRefusedAndLogged(t *testing.T) {
	for name, headers := range map[string][]string{
		"authorization":        {"Authorization", "Bearer " + strings.Repeat("s", 33_000)},
		"a trace state":        {"Tracestate", strings.Repeat("s", 33_000)},
		"any":                  {"X-Any", strings.Repeat("s", 33_000)},
		"far too large":        {"X-Any", strings.Repeat("s", 500_000)},
		"many that are small":  many(1000),
		"a caller's full head": {"Authorization", strings.Repeat("s", 16_000), "X-Any", strings.Repeat("s", 17_000)},
	} {
		t.Run(name, func(t *testing.T) {
			r, service, _ := startREST(t)
			response, body := r.request(t, "POST", authorize, `{}`, headers...)
			refusal := problem(t, response, body, 431)
			require.Equal(t, "HEADERS_TOO_LARGE", refusal.Reason)
			require.Equal(t, "INVALID_ARGUMENT", refusal.Code)
			require.Contains(t, r.log.String(), refusal.TraceID)
			require.Contains(t, r.log.String(), "level=WARN")
			require.NotContains(t, r.log.String(), "ssss", "a header may be a secret")
			require.Zero(t, service.calls.Load())
		})
	}
	r, service, _ := startREST(t)
	for _, headers := range [][]string{
		{"Authorization", "Bearer " + strings.Repeat("s", 31_000)}, {"Tracestate", strings.Repeat("s", 31_000)}, many(500),
	} {
		response, body := r.request(t, "POST", authorize, `{}`, headers...)
		require.Equal(t, 200, response.StatusCode, "what the edge lets pass the server inside takes: %s", body)
	}
	require.EqualValues(t, 3, service.calls.Load())
	response, body := r.request(t, "GET", "/v1/purchases/"+strings.Repeat("s", 33_000), "")
	require.Equal(t, "URI_TOO_LONG", problem(t, response, body, 414).Reason)
}

// many returns n small headers with one name.
func many(n int) []string {
	headers := make([]string, 0, 2*n)
	for range n {
		headers = append(headers, "Tracestate", "a")
	}
	return headers
}

func TestHEADAnswersLikeGETWithoutABody(t *testing.T) {
	r, _, _ := startREST(t)
	for _, path := range []string{"/v1/purchases/a", "/v1/purchases/large", "/v1/nothing", "/v1/purchases/a?x=1", "/readyz", "/livez", "/metrics"} {
		get, body := r.request(t, "GET", path, "")
		head, nothing := r.request(t, "HEAD", path, "")
		require.Equal(t, get.StatusCode, head.StatusCode, path)
		require.Equal(t, get.Header.Get("Content-Type"), head.Header.Get("Content-Type"), path)
		require.NotEmpty(t, body)
		require.Empty(t, nothing)
		if strings.HasPrefix(path, "/v1/purchases/") && get.StatusCode == 200 {
			require.Equal(t, int64(len(body)), head.ContentLength, path)
		}
	}
	response, _ := r.request(t, "HEAD", authorize, "")
	require.Equal(t, 405, response.StatusCode, "a path that takes no GET takes no HEAD")
	response, _ = r.request(t, "DELETE", "/v1/purchases/a", "")
	require.Equal(t, "GET, HEAD", response.Header.Get("Allow"))
}

func TestACommandIsJSON(t *testing.T) {
	r, service, _ := startREST(t)
	for _, contentType := range []string{
		"text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
		"application/jsonp", "application/json; charset=iso-8859-1", "application/", "garbage;;", "", "application/json, text/plain",
	} {
		for _, body := range []string{`{"requestId":"r1"}`, ""} {
			response, text := r.request(t, "POST", authorize, body, "Content-Type", contentType)
			require.Equal(t, "UNSUPPORTED_MEDIA_TYPE", problem(t, response, text, 415).Reason, contentType)
		}
	}
	response, text := r.request(t, "POST", authorize, `{"requestId":"r1"}`, "Content-Type", "application/json", "Content-Encoding", "gzip")
	require.Equal(t, "UNSUPPORTED_MEDIA_TYPE", problem(t, response, text, 415).Reason, "a body is not compressed")
	require.Zero(t, service.calls.Load())
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", `Application/JSON;charset="UTF-8"`} {
		response, text := r.request(t, "POST", authorize, `{"requestId":"r1"}`, "Content-Type", contentType)
		require.Equal(t, 200, response.StatusCode, text)
	}
	require.NotContains(t, r.log.String(), "garbage")
}

func TestAForeignPageExecutesNothing(t *testing.T) {
	r, service, _ := startREST(t)
	for _, foreign := range [][]string{
		{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Origin", "http://127.0.0.1:1"}, {"Origin", "::"},
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"},
		{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain"},
	} {
		response, body := r.request(t, "POST", authorize, `{"requestId":"r1"}`, foreign...)
		require.Equal(t, "FOREIGN_ORIGIN", problem(t, response, body, 403).Reason, foreign)
	}
	require.Zero(t, service.calls.Load())
	for _, own := range [][]string{nil, {"Origin", "http://" + r.HTTPAddress()}, {"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}} {
		response, body := r.request(t, "POST", authorize, `{"requestId":"r1"}`, own...)
		require.Equal(t, 200, response.StatusCode, body)
	}
	response, body := r.request(t, "GET", "/v1/purchases/a", "", "Origin", "https://evil.example")
	require.Equal(t, 200, response.StatusCode, body)
	require.Empty(t, response.Header.Get("Access-Control-Allow-Origin"), "no foreign page reads an answer")
}

func TestWhatTheGatewayCannotShowIsLoggedUnderItsTrace(t *testing.T) {
	r, _, _ := startREST(t)
	response, body := r.request(t, "GET", "/v1/purchases/unshowable", "")
	failure := problem(t, response, body, 500)
	require.Equal(t, "INTERNAL", failure.Reason)
	var logged string
	for line := range strings.Lines(r.log.String()) {
		if strings.Contains(line, "level=ERROR") {
			logged += line
		}
	}
	require.Contains(t, logged, failure.TraceID)
	require.Contains(t, logged, "out of range")
}

// rawRequest sends bytes as they are and returns the answer's first line.
func rawRequest(t *testing.T, r *running, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", r.HTTPAddress())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	answer, err := io.ReadAll(io.LimitReader(conn, 1<<20))
	require.NoError(t, err)
	first, _, _ := bytes.Cut(answer, []byte("\r\n"))
	return string(first)
}

func TestHeadersBeyondEveryBoundAreRefusedByTheLibrary(t *testing.T) {
	r, _, _ := startREST(t)
	require.Equal(t, "HTTP/1.1 431 Request Header Fields Too Large",
		rawRequest(t, r, "GET /livez HTTP/1.1\r\nHost: a\r\nX-Any: "+strings.Repeat("a", 1<<20+8192)))
}
