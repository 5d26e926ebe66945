package rest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/platform/id"
)

// operation is what is read of an operation.
type operation struct {
	ID          string
	ChargeID    string `json:"charge_id"`
	Kind        string
	Status      string
	AmountMinor int64 `json:"amount_minor"`
	Currency    string
	Error       *struct{ Reason string }
	EndedAt     *string `json:"ended_at"`
}

// id returns the id of an operation.
func (o *operation) id(t *testing.T) id.ID {
	t.Helper()
	read, err := id.Parse(o.ID)
	require.NoError(t, err)
	return read
}

// operate sends a request for an operation under a key.
func (g *gateway) operate(t *testing.T, charge id.ID, kind, key, body string) answer {
	t.Helper()
	return g.send(t, g.paper, "POST", "/v1/charges/"+charge.String()+"/"+kind, body, "Idempotency-Key", key)
}

// operated is operate for an operation that is accepted.
func (g *gateway) operated(t *testing.T, charge id.ID, kind, key, body string) (read operation) {
	t.Helper()
	got := g.operate(t, charge, kind, key, body)
	require.Equal(t, http.StatusAccepted, got.status, got.body)
	require.Equal(t, "/v1/charges/"+charge.String()+"/operations", got.header.Get("Location"))
	require.NoError(t, json.Unmarshal([]byte(got.body), &read))
	require.Equal(t, charge.String(), read.ChargeID)
	require.Equal(t, kind, read.Kind)
	require.Equal(t, "pending", read.Status)
	require.Equal(t, "BRL", read.Currency)
	require.Nil(t, read.EndedAt)
	return read
}

// read returns a charge as JSON.
func (g *gateway) read(t *testing.T, charge id.ID) string {
	t.Helper()
	got := g.send(t, g.paper, "GET", "/v1/charges/"+charge.String(), "")
	require.Equal(t, http.StatusOK, got.status, got.body)
	return got.body
}

var authorizedOnly = `{"capture":false,` + charge[1:]

func TestAnAuthorizationIsCapturedOrVoided(t *testing.T) {
	g := start(t, newStore(), nil)
	one, two := g.created(t, g.paper, "k1", authorizedOnly), g.created(t, g.paper, "k2", authorizedOnly)
	require.Equal(t, "CHARGE_PENDING", problem(t, g.operate(t, one, "capture", "early", ""), http.StatusUnprocessableEntity).Reason)
	g.decide(t, paymenttest.Approval(one, id.ID{}), paymenttest.Approval(two, id.ID{}))
	require.Contains(t, g.read(t, one), `"status":"authorized"`)
	refused := problem(t, g.operate(t, one, "refund", "r", ""), http.StatusUnprocessableEntity)
	require.Equal(t, "CHARGE_STATE", refused.Reason)
	require.Contains(t, refused.Detail, "that is authorized")
	refused = problem(t, g.operate(t, one, "capture", "much", `{"amount_minor":1251}`), http.StatusUnprocessableEntity)
	require.Equal(t, "CHARGE_AMOUNT", refused.Reason)
	require.Equal(t, "amount_minor", refused.Field)

	captured := g.operated(t, one, "capture", "c", `{"amount_minor":1000}`)
	require.EqualValues(t, 1000, captured.AmountMinor)
	require.Equal(t, "OPERATION_UNDER_WAY", problem(t, g.operate(t, one, "void", "v", ""), http.StatusUnprocessableEntity).Reason)
	first := g.operate(t, one, "capture", "c", `{"amount_minor":1000}`)
	g.decide(t, paymenttest.Approval(one, captured.id(t)))
	again := g.operate(t, one, "capture", "c", `{"amount_minor":1000}`)
	require.Equal(t, first.body, again.body, "word for word, although the operation has ended")
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Equal(t, "IDEMPOTENCY_KEY_REUSED", problem(t, g.operate(t, one, "capture", "c", ""), http.StatusUnprocessableEntity).Reason)
	require.Equal(t, "IDEMPOTENCY_KEY_REUSED", problem(t, g.operate(t, two, "capture", "c", `{"amount_minor":1000}`), http.StatusUnprocessableEntity).Reason)
	require.Contains(t, g.read(t, one), `"status":"approved"`)
	require.Contains(t, g.read(t, one), `"captured_minor":1000`)

	voided := g.operated(t, two, "void", "v2", `{}`)
	require.EqualValues(t, 1250, voided.AmountMinor)
	g.decide(t, paymenttest.Approval(two, voided.id(t)))
	require.Contains(t, g.read(t, two), `"status":"voided"`)
}

func TestRefundsAreTogetherNoMoreThanWasCaptured(t *testing.T) {
	g := start(t, newStore(), nil)
	charged := g.created(t, g.paper, "k", charge)
	g.decide(t, paymenttest.Approval(charged, id.ID{}))
	one := g.operated(t, charged, "refund", "r1", `{"amount_minor":250}`)
	require.EqualValues(t, 1000, member[float64](t, g.read(t, charged), "refundable_minor")) // tidy:float JSON
	all := g.operated(t, charged, "refund", "r2", "")
	require.EqualValues(t, 1000, all.AmountMinor)
	require.Equal(t, "CHARGE_AMOUNT", problem(t, g.operate(t, charged, "refund", "r3", `{"amount_minor":1}`), http.StatusUnprocessableEntity).Reason)
	path := "/v1/charges/" + charged.String() + "/operations"
	before := g.send(t, g.paper, "GET", path, "")
	g.decide(t, paymenttest.Approval(charged, one.id(t)), paymenttest.Refusal(charged, all.id(t)))
	after := g.send(t, g.paper, "GET", path, "", "If-None-Match", before.header.Get("ETag"))
	require.Equal(t, http.StatusOK, after.status, "an operation that ends is another state")
	require.Equal(t, http.StatusNotModified, g.send(t, g.paper, "GET", path, "", "If-None-Match", after.header.Get("ETag")).status)
	var list struct{ Operations []operation }
	require.NoError(t, json.Unmarshal([]byte(after.body), &list))
	require.Len(t, list.Operations, 2)
	ends := map[string]string{}
	for i := range list.Operations {
		ends[list.Operations[i].ID] = list.Operations[i].Status
		require.NotNil(t, list.Operations[i].EndedAt)
		require.Equal(t, list.Operations[i].Status == "refused", list.Operations[i].Error != nil)
	}
	require.Equal(t, map[string]string{one.ID: "done", all.ID: "refused"}, ends)
	require.Contains(t, g.read(t, charged), `"refunded_minor":250,"refundable_minor":1000`)
}

func TestTheFormOfAnOperationIsChecked(t *testing.T) {
	g := start(t, newStore(), nil)
	charged := g.created(t, g.paper, "k", charge)
	g.decide(t, paymenttest.Approval(charged, id.ID{}))
	for _, rule := range []struct{ kind, body, field string }{
		{"refund", `{"amount_minor":0}`, "amount_minor"}, {"refund", `{"amount_minor":-1}`, "amount_minor"}, {"refund", `{"amount_minor":"1"}`, "amount_minor"},
		{"refund", `{"amount_minor":1.5}`, "amount_minor"}, {"refund", `{"amount_minor":1000000000000000}`, "amount_minor"},
		{"refund", `{"amount":1}`, "amount"}, {"refund", `[]`, ""}, {"void", `{"amount_minor":1}`, "amount_minor"}, {"capture", `{"amount_minor":1`, ""},
	} {
		require.Equal(t, rule.field, problem(t, g.operate(t, charged, rule.kind, "wrong", rule.body), http.StatusBadRequest).Field, rule.body)
	}
	problem(t, g.send(t, g.paper, "POST", "/v1/charges/"+charged.String()+"/refund", ""), http.StatusBadRequest)
	problem(t, g.operate(t, id.Derive(id.ID{1}, "none"), "refund", "k2", ""), http.StatusNotFound)
	require.Equal(t, "CHARGE_NOT_FOUND", problem(t, g.send(t, g.paper, "POST", "/v1/charges/none/refund", "", "Idempotency-Key", "k3"), http.StatusNotFound).Reason)
	// What was refused left its key free.
	g.operated(t, charged, "refund", "wrong", `{"amount_minor":1}`)
	charges, err := g.store.Charges(t.Context(), paperOf, payment.Page{Size: 10})
	require.NoError(t, err)
	require.Len(t, charges, 1)
	require.EqualValues(t, 1, charges[0].Reserved)
}
