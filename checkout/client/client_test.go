package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/client"
)

const secret = "sk_test_of_a_test"

// request is what a fake gateway was sent.
type request struct{ method, target, key, secret, body string }

// gateway is a gateway that answers as a test says, and remembers what it was sent.
type gateway struct {
	*httptest.Server
	mutex sync.Mutex
	sent  []request
}

// serve answers the n-th request, from 1, by handle.
func serve(t *testing.T, handle func(n int, w http.ResponseWriter, r *http.Request)) *gateway {
	t.Helper()
	g := &gateway{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g.mutex.Lock()
		g.sent = append(g.sent, request{r.Method, r.URL.RequestURI(), r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization"), string(body)})
		n := len(g.sent)
		g.mutex.Unlock()
		handle(n, w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) client(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Address: g.URL, Secret: client.NewSecret(secret), Backoff: time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func (g *gateway) requests() []request {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return append([]request(nil), g.sent...)
}

func problem(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "reason": reason, "detail": "Why.", "title": "T", "field": "f", "traceId": "t1"})
}

// lose ends the connection without an answer.
func lose() { panic(http.ErrAbortHandler) }

func TestACommandWhoseAnswerIsLostIsSentAgainUnderItsKey(t *testing.T) {
	g := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		switch n {
		case 1, 3:
			lose()
		case 2:
			problem(w, http.StatusConflict, "REQUEST_RUNNING")
		case 4:
			problem(w, http.StatusServiceUnavailable, "DATABASE_UNAVAILABLE")
		default:
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{"id":"c1","status":"pending","amount_minor":1250}`)
		}
	})
	made, err := g.client(t).CreateCharge(t.Context(), client.NewCharge{AmountMinor: 1250, Currency: "BRL", Card: client.Card{Number: "4111111111111111"}})
	require.NoError(t, err)
	require.Equal(t, "c1", made.ID)
	require.Equal(t, client.Pending, made.Status)
	sent := g.requests()
	require.Len(t, sent, 5)
	require.Len(t, sent[0].key, 26, "a key that nobody else has")
	for _, one := range sent {
		require.Equal(t, sent[0], one, "each try is the same request")
	}
	require.Equal(t, "Bearer "+secret, sent[0].secret)
	require.JSONEq(t, `{"amount_minor":1250,"currency":"BRL","capture":true,"description":"",
		"card":{"number":"4111111111111111","holder_name":"","expiry_month":0,"expiry_year":0,"cvv":""}}`, sent[0].body)
	again, err := g.client(t).CreateCharge(t.Context(), client.NewCharge{Currency: "BRL"})
	require.NoError(t, err)
	require.Equal(t, "c1", again.ID)
	require.NotEqual(t, sent[0].key, g.requests()[5].key, "another call has another key")
}

func TestWhatIsRefusedForGoodIsNotSentAgain(t *testing.T) {
	for status, reason := range map[int]string{400: "INVALID_FIELD", 401: "SECRET_REFUSED", 404: "CHARGE_NOT_FOUND", 409: "SOMETHING_ELSE", 422: "CHARGE_STATE", 500: "INTERNAL"} {
		g := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { problem(w, status, reason) })
		_, err := g.client(t).Refund(t.Context(), "c1", client.Ask{Key: "mine", AmountMinor: 5})
		var refusal *client.Error
		require.ErrorAs(t, err, &refusal)
		require.Equal(t, client.Error{Status: status, Reason: reason, Title: "T", Detail: "Why.", Field: "f", TraceID: "t1"}, *refusal)
		require.Equal(t, []request{{"POST", "/v1/charges/c1/refund", "mine", "Bearer " + secret, `{"amount_minor":5}`}}, g.requests())
	}
}

func TestTriesEndAndSayUnderWhichKey(t *testing.T) {
	g := serve(t, func(int, http.ResponseWriter, *http.Request) { lose() })
	_, err := g.client(t).Capture(t.Context(), "c1", client.Ask{Key: "mine"})
	var unanswered *client.UnansweredError
	require.ErrorAs(t, err, &unanswered)
	require.Equal(t, "mine", unanswered.Key)
	require.Len(t, g.requests(), client.DefaultTries)

	g = serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusTooManyRequests, "TOO_MANY_REQUESTS")
	})
	_, err = g.client(t).Charge(t.Context(), "c1")
	var refusal *client.Error
	require.ErrorAs(t, err, &refusal)
	require.Len(t, g.requests(), client.DefaultTries)
}

// The gateway says how long to wait, and the caller how long he waits.
// A refusal of a later try says nothing about an earlier one that may have taken effect: the key is still needed.
func TestARefusalAfterALostAnswerLeavesTheOutcomeUnknown(t *testing.T) {
	for status, reason := range map[int]string{503: "DATABASE_UNAVAILABLE", 429: "TOO_MANY_REQUESTS", 401: "SECRET_REFUSED", 500: "INTERNAL"} {
		g := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				lose()
			}
			problem(w, status, reason)
		})
		_, err := g.client(t).Refund(t.Context(), "c1", client.Ask{AmountMinor: 5})
		var unanswered *client.UnansweredError
		require.ErrorAs(t, err, &unanswered, reason)
		require.NotEmpty(t, unanswered.Key)
		require.Equal(t, g.requests()[0].key, unanswered.Key)
		var refusal *client.Error
		require.ErrorAs(t, err, &refusal, "the last answer can still be read")
		require.Equal(t, status, refusal.Status)
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	g := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "60")
		problem(w, http.StatusServiceUnavailable, "STARTING")
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := g.client(t).Charge(ctx, "c1")
	require.Less(t, time.Since(began), 10*time.Second)
	var refusal *client.Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, time.Minute, refusal.RetryAfter)
	require.Len(t, g.requests(), 1)
}

func TestASecretGoesOverTLSAndNowhereElse(t *testing.T) {
	for address, right := range map[string]bool{
		"https://payments.example": true, "http://127.0.0.1:1": true, "http://[::1]:1": true, "http://localhost:1": true,
		"http://payments.example": false, "http://10.0.0.1": false, "ftp://127.0.0.1": false, "payments.example": false, "": false,
		"https://user@payments.example": false, "https://payments.example?x=1": false, "http://127.0.0.1.example": false,
	} {
		_, err := client.New(client.Config{Address: address, Secret: client.NewSecret(secret)})
		require.Equal(t, right, err == nil, "%s: %v", address, err)
	}
	_, err := client.New(client.Config{Address: "https://payments.example"})
	require.Error(t, err)

	elsewhere := serve(t, func(int, http.ResponseWriter, *http.Request) {})
	g := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	_, err = g.client(t).Charge(t.Context(), "c1")
	var refusal *client.Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, http.StatusTemporaryRedirect, refusal.Status)
	require.Empty(t, elsewhere.requests())
}

// However a secret, a card or an error is printed, it says nothing.
func TestSecretsAreNotPrinted(t *testing.T) {
	const number = "4111111111111111"
	config := client.Config{Address: "http://127.0.0.1:1", Secret: client.NewSecret(secret), Tries: 1}
	c, err := client.New(config)
	require.NoError(t, err)
	charge := client.NewCharge{Card: client.Card{Number: number, CVV: "code-of-a-card"}}
	_, err = c.CreateCharge(t.Context(), charge)
	require.Error(t, err)
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("all", "config", config.Secret, "charge", charge, "card", charge.Card, "error", err)
	text, marshalErr := json.Marshal(config.Secret)
	require.NoError(t, marshalErr)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		log.WriteString(fmt.Sprintf(verb+verb+verb+verb+verb, config, c, charge, charge.Card, err))
	}
	log.Write(text)
	for _, hidden := range []string{secret, number, "code-of-a-card", fmt.Sprintf("%x", secret), fmt.Sprintf("%x", number)} {
		require.NotContains(t, log.String(), hidden)
	}
	require.Contains(t, log.String(), "[secret]")
}

func TestPagesAreOneList(t *testing.T) {
	g := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("page_token") {
		case "":
			_, _ = io.WriteString(w, `{"charges":[{"id":"c3"},{"id":"c2"}],"next_page_token":"t"}`)
		case "t":
			_, _ = io.WriteString(w, `{"charges":[{"id":"c1"}],"next_page_token":""}`)
		}
	})
	var ids []string
	filter := client.Filter{Status: client.Approved, From: time.Unix(0, 0), PageSize: 2}
	for charge, err := range g.client(t).Charges(t.Context(), filter) {
		require.NoError(t, err)
		ids = append(ids, charge.ID)
	}
	require.Equal(t, []string{"c3", "c2", "c1"}, ids)
	require.Equal(t, "/v1/charges?created_from=1970-01-01T00%3A00%3A00Z&page_size=2&status=approved", g.requests()[0].target)
	for range g.client(t).Charges(t.Context(), client.Filter{}) {
		break
	}
	require.Len(t, g.requests(), 3, "no page is read that nobody wants")

	g = serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { problem(w, http.StatusForbidden, "NOT_ALLOWED") })
	failed := 0
	for _, err := range g.client(t).Charges(t.Context(), client.Filter{}) {
		var refusal *client.Error
		require.True(t, errors.As(err, &refusal))
		failed++
	}
	require.Equal(t, 1, failed)
}
