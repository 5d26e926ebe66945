package rest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/platform/id"
)

func TestAChargeIsAcceptedAndReadUntilItIsDecided(t *testing.T) {
	g := start(t, newStore(), nil)
	g.now = func() time.Time { return paymenttest.Start }
	got := g.create(t, g.paper, "k1", charge)
	require.Equal(t, http.StatusAccepted, got.status, got.body)
	name := member[string](t, got.body, "id")
	require.Equal(t, "/v1/charges/"+name, got.header.Get("Location"))
	require.Empty(t, got.header.Get("Idempotency-Replayed"))
	require.JSONEq(t, `{"id":"`+name+`","status":"pending","mode":"test","amount_minor":1250,"currency":"BRL","capture":true,
		"captured_minor":0,"refunded_minor":0,"refundable_minor":0,"card":{"brand":"visa","bin":"411111","last4":"1111"},
		"description":"2 × Café coado","error":null,"expires_at":null,"created_at":"2030-01-02T03:04:05.000Z","decided_at":null,
		"updated_at":"2030-01-02T03:04:05.000Z","version":1}`, got.body)

	read := g.send(t, g.paper, "GET", "/v1/charges/"+name, "")
	require.Equal(t, http.StatusOK, read.status)
	require.JSONEq(t, got.body, read.body)
	tag := read.header.Get("ETag")
	require.Equal(t, `"v1"`, tag)
	same := g.send(t, g.paper, "GET", "/v1/charges/"+name, "", "If-None-Match", `"other", W/`+tag)
	require.Equal(t, http.StatusNotModified, same.status)
	require.Empty(t, same.body)
	require.Equal(t, tag, same.header.Get("ETag"))

	parsed, err := id.Parse(name)
	require.NoError(t, err)
	g.decide(t, paymenttest.Refusal(parsed, id.ID{}))
	read = g.send(t, g.paper, "GET", "/v1/charges/"+name, "", "If-None-Match", tag)
	require.Equal(t, http.StatusOK, read.status)
	require.Equal(t, `"v2"`, read.header.Get("ETag"))
	require.Equal(t, "rejected", member[string](t, read.body, "status"))
	require.Equal(t, map[string]any{"code": "51", "reason": "INSUFFICIENT_FUNDS", "message": "not enough"}, member[map[string]any](t, read.body, "error"))
	require.Equal(t, "2030-01-02T03:04:06.000Z", member[string](t, read.body, "decided_at"))

	again := g.create(t, g.paper, "k1", charge)
	require.Equal(t, http.StatusAccepted, again.status)
	require.Equal(t, got.body, again.body, "word for word, however far the charge has come")
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Equal(t, got.header.Get("Location"), again.header.Get("Location"))
}

func TestAKeyNamesARequest(t *testing.T) {
	g := start(t, newStore(), nil)
	refused := problem(t, g.send(t, g.paper, "POST", "/v1/charges", charge), http.StatusBadRequest)
	require.Equal(t, "IDEMPOTENCY_KEY_REQUIRED", refused.Reason)
	require.Equal(t, "Idempotency-Key", refused.Field)
	refused = problem(t, g.send(t, g.paper, "POST", "/v1/charges", charge, "Idempotency-Key", "a", "Idempotency-Key", "a"), http.StatusBadRequest)
	require.Equal(t, "Idempotency-Key", refused.Field)
	refused = problem(t, g.create(t, g.paper, "not a key", charge), http.StatusBadRequest)
	require.Equal(t, "Idempotency-Key", refused.Field)
	g.created(t, g.paper, "a", charge)
	refused = problem(t, g.create(t, g.paper, "a", replace(t, charge, "1250", "1251")), http.StatusUnprocessableEntity)
	require.Equal(t, "IDEMPOTENCY_KEY_REUSED", refused.Reason)
	require.Equal(t, "Idempotency-Key", refused.Field)
	got := g.create(t, g.paper, "a", replace(t, charge, `"739"`, `"740"`))
	require.Equal(t, http.StatusAccepted, got.status, "the security code is not compared")
	// Other merchants and the other mode have keys of their own.
	require.NotEqual(t, g.created(t, g.beans, "a", charge), g.created(t, g.live, "a", charge))
}
