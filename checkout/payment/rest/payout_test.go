package rest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/client"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/platform/id"
)

func TestAPayoutIsRefusedByTheFieldThatIsWrong(t *testing.T) {
	g := start(t, newStore(), nil)
	for body, field := range map[string]string{
		`{}`:                                     "currency",
		`{"currency":"brl"}`:                     "currency",
		`{"currency":7}`:                         "currency",
		`{"currency":"BRL","amount_minor":0}`:    "amount_minor",
		`{"currency":"BRL","amount_minor":-1}`:   "amount_minor",
		`{"currency":"BRL","amount_minor":1.5}`:  "amount_minor",
		`{"currency":"BRL","amount_minor":"1"}`:  "amount_minor",
		`{"currency":"BRL","account":"another"}`: "account",
	} {
		got := g.send(t, g.paper, "POST", "/v1/payouts", body, "Idempotency-Key", "key")
		require.Equal(t, field, problem(t, got, http.StatusBadRequest).Field, body)
	}
	require.Equal(t, "IDEMPOTENCY_KEY_REQUIRED", problem(t, g.send(t, g.paper, "POST", "/v1/payouts", `{"currency":"BRL"}`), http.StatusBadRequest).Reason)
	got := g.send(t, g.paper, "POST", "/v1/payouts", `{"currency":"BRL"}`, "Idempotency-Key", "key")
	require.Equal(t, "PAYOUT_AMOUNT", problem(t, got, http.StatusUnprocessableEntity).Reason)
	got = g.send(t, g.live, "POST", "/v1/payouts", `{"currency":"BRL"}`, "Idempotency-Key", "key")
	require.Equal(t, "PAYOUT_ACCOUNT_MISSING", problem(t, got, http.StatusUnprocessableEntity).Reason)
	problem(t, g.send(t, g.paper, "GET", "/v1/payouts/none", ""), http.StatusNotFound)
}

// A merchant's program is paid out what it has sold, lists its payouts by pages, and nobody else sees them.
func TestTheClientPaysOut(t *testing.T) {
	g := start(t, newStore(), nil)
	for _, key := range []string{"one", "two"} {
		g.decide(t, paymenttest.Approval(g.created(t, g.paper, key, charge), id.ID{}))
	}
	shop, ctx := g.merchant(t, g.paper), t.Context()
	ask := client.NewPayout{Key: "payout-1", AmountMinor: 1500, Currency: "BRL"}
	made, err := shop.CreatePayout(ctx, ask)
	require.NoError(t, err)
	again, err := shop.CreatePayout(ctx, ask)
	require.NoError(t, err)
	require.Equal(t, made, again)
	require.Equal(t, []any{client.Pending, int64(1500), "test"}, []any{made.Status, made.AmountMinor, made.Mode})
	rest, err := shop.CreatePayout(ctx, client.NewPayout{Currency: "BRL"})
	require.NoError(t, err)
	require.Equal(t, int64(1000), rest.AmountMinor)
	var refusal *client.Error
	_, err = shop.CreatePayout(ctx, client.NewPayout{Currency: "BRL"})
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, client.ReasonPayoutAmount, refusal.Reason)

	paid, err := id.Parse(made.ID)
	require.NoError(t, err)
	failed, err := id.Parse(rest.ID)
	require.NoError(t, err)
	g.decide(t, paymenttest.Paid(paid))
	g.decide(t, paymenttest.Unpaid(failed))
	found, err := shop.Payout(ctx, made.ID)
	require.NoError(t, err)
	require.Equal(t, client.Paid, found.Status)
	require.NotNil(t, found.EndedAt)
	found, err = shop.Payout(ctx, rest.ID)
	require.NoError(t, err)
	require.Equal(t, []string{client.Failed, "ACCOUNT_CLOSED"}, []string{found.Status, found.Error.Reason})
	again, err = shop.CreatePayout(ctx, ask)
	require.NoError(t, err)
	require.Equal(t, made, again, "word for word")

	listed := 0
	for one, err := range shop.Payouts(ctx) {
		require.NoError(t, err)
		require.Contains(t, []string{made.ID, rest.ID}, one.ID)
		listed++
	}
	require.Equal(t, 2, listed)
	page := g.send(t, g.paper, "GET", "/v1/payouts?page_size=1", "")
	token := member[string](t, page.body, "next_page_token")
	require.NotEmpty(t, token)
	next := g.send(t, g.paper, "GET", "/v1/payouts?page_size=1&page_token="+token, "")
	require.Empty(t, member[string](t, next.body, "next_page_token"))
	require.NotEqual(t, page.body, next.body)
	problem(t, g.send(t, g.paper, "GET", "/v1/charges?page_size=1&page_token="+token, ""), http.StatusBadRequest)
	for _, secret := range []string{g.beans, g.live} {
		problem(t, g.send(t, secret, "GET", "/v1/payouts/"+made.ID, ""), http.StatusNotFound)
		require.Empty(t, member[[]any](t, g.send(t, secret, "GET", "/v1/payouts", "").body, "payouts"))
	}
	member := g.send(t, g.kit.Customer(t, maria), "GET", "/v1/payouts/"+made.ID+"?merchant=paper&mode=test", "")
	require.Equal(t, http.StatusOK, member.status, member.body)
	problem(t, g.send(t, g.kit.Customer(t, joao), "GET", "/v1/payouts/"+made.ID+"?merchant=paper&mode=test", ""), http.StatusNotFound)
}
