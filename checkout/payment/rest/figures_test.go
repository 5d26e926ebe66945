package rest_test

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/platform/id"
)

// happened lets charges of paper be approved, rejected, and partly refunded.
func happened(t *testing.T, g *gateway) {
	t.Helper()
	g.now = func() time.Time { return paymenttest.Start }
	for i := range 4 {
		g.decide(t, paymenttest.Approval(g.created(t, g.paper, "yes"+strconv.Itoa(i), charge), id.ID{}))
	}
	g.decide(t, paymenttest.Refusal(g.created(t, g.paper, "no", charge), id.ID{}))
	dollars := g.created(t, g.paper, "dollars", replace(t, replace(t, charge, "BRL", "USD"), "2 × Café coado", "=1+1;-2 \\\"x\\\""))
	g.decide(t, paymenttest.Approval(dollars, id.ID{}))
	held := g.created(t, g.paper, "held", replace(t, charge, `"BRL",`, `"BRL","capture":false,`))
	g.decide(t, paymenttest.Approval(held, id.ID{}))
	operate := func(charge id.ID, what, body string) id.ID {
		got := g.send(t, g.paper, "POST", "/v1/charges/"+charge.String()+"/"+what, body, "Idempotency-Key", what+body+charge.String())
		require.Equal(t, http.StatusAccepted, got.status, got.body)
		operation, err := id.Parse(member[string](t, got.body, "id"))
		require.NoError(t, err)
		return operation
	}
	g.decide(t, paymenttest.Approval(held, operate(held, "capture", `{"amount_minor":1000}`)))
	g.decide(t, paymenttest.Approval(dollars, operate(dollars, "refund", `{"amount_minor":250}`)))
	operate(dollars, "refund", `{"amount_minor":300}`)
	payouts := func(amount string) id.ID {
		got := g.send(t, g.paper, "POST", "/v1/payouts", `{"currency":"USD"`+amount+`}`, "Idempotency-Key", "payout"+amount)
		require.Equal(t, http.StatusAccepted, got.status, got.body)
		payout, err := id.Parse(member[string](t, got.body, "id"))
		require.NoError(t, err)
		return payout
	}
	g.decide(t, paymenttest.Paid(payouts(`,"amount_minor":100`)))
	g.decide(t, paymenttest.Unpaid(payouts(``)))
	payouts(`,"amount_minor":50`)
	g.decide(t, paymenttest.Refusal(dollars, operate(dollars, "refund", `{"amount_minor":10}`)))
	g.decide(t, paymenttest.Approval(g.created(t, g.beans, "yes", charge), id.ID{}))
}

func TestStatisticsSayWhatHappened(t *testing.T) {
	g := start(t, newStore(), nil)
	happened(t, g)
	got := g.send(t, g.paper, "GET", "/v1/statistics?interval=day&from=2030-01-02T03:00:00Z&to=2030-01-02T04:00:00Z", "")
	require.Equal(t, http.StatusOK, got.status, got.body)
	const none = `{"count":0,"amount_minor":0}`
	reais := `"approved":{"count":4,"amount_minor":5000},"authorized":{"count":1,"amount_minor":1250},"rejected":{"count":1,"amount_minor":1250},
		"captured":{"count":1,"amount_minor":1000},"voided":` + none + `,"expired":` + none + `,"refunded":` + none + `,"approval_rate_basis_points":8333`
	dollars := `"approved":{"count":1,"amount_minor":1250},"authorized":` + none + `,"rejected":` + none + `,"captured":` + none + `,"voided":` + none +
		`,"expired":` + none + `,"refunded":{"count":1,"amount_minor":250},"approval_rate_basis_points":10000`
	const start = `{"start":"2030-01-02T00:00:00.000Z",`
	require.JSONEq(t, `{"interval":"day","from":"2030-01-02T00:00:00.000Z","to":"2030-01-03T00:00:00.000Z","currencies":[
		{"currency":"BRL","total":{`+reais+`},"rejections":[{"reason":"INSUFFICIENT_FUNDS","count":1,"amount_minor":1250}],"buckets":[`+start+reais+`}]},
		{"currency":"USD","total":{`+dollars+`},"rejections":[],"buckets":[`+start+dollars+`}]}]}`, got.body)
	same := g.send(t, g.paper, "GET", "/v1/statistics?interval=day&from=2030-01-02T03:00:00Z&to=2030-01-02T04:00:00Z", "", "If-None-Match", got.header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, same.status)
	hours := g.send(t, g.paper, "GET", "/v1/statistics?interval=hour&from=2030-01-02T03:59:00Z&to=2030-01-02T03:59:01Z", "").body
	require.Contains(t, hours, `"start":"2030-01-02T03:00:00.000Z"`)
	require.Contains(t, hours, `"to":"2030-01-02T04:00:00.000Z"`)
	before := g.send(t, g.live, "GET", "/v1/statistics?interval=day&from=2030-01-01T00:00:00Z&to=2030-01-03T00:00:00Z", "")
	require.Empty(t, member[[]any](t, before.body, "currencies"), "the other mode counts for itself")
	member := g.send(t, g.kit.Customer(t, maria), "GET", "/v1/statistics?merchant=paper&mode=test&interval=day&from=2030-01-02T03:00:00Z&to=2030-01-02T04:00:00Z", "")
	require.Equal(t, got.body, member.body)
}

func TestStatisticsAreBounded(t *testing.T) {
	g := start(t, newStore(), nil)
	for query, field := range map[string]string{
		"":                                       "interval",
		"interval=week":                          "interval",
		"interval=day":                           "from",
		"interval=day&from=2030-01-01T00:00:00Z": "to",
		"interval=day&from=2030-01-01&to=2030-01-02T00:00:00Z":                  "from",
		"interval=day&from=2030-01-02T00:00:00Z&to=2030-01-02T00:00:00Z":        "to",
		"interval=day&from=2030-01-02T00:00:00Z&to=2031-01-04T00:00:00Z":        "to",
		"interval=hour&from=2030-01-02T00:00:00Z&to=2030-02-03T00:00:00Z":       "to",
		"interval=hour&from=0001-01-02T00:00:00Z&to=9999-02-03T00:00:00Z":       "from",
		"interval=day&from=9999-12-31T00:00:00Z&to=9999-12-31T23:00:00Z":        "from",
		"interval=day&from=0000-01-01T00:00:00%2B23:59&to=0000-01-01T00:00:00Z": "from",
	} {
		require.Equal(t, field, problem(t, g.send(t, g.paper, "GET", "/v1/statistics?"+query, ""), http.StatusBadRequest).Field, query)
	}
}

// What a file of movements adds up to is the balance.
func TestMovementsAddUpToTheBalance(t *testing.T) {
	g := start(t, newStore(), nil)
	happened(t, g)
	for i := range 600 { // more than one page
		g.decide(t, paymenttest.Approval(accepted(t, g.store, "k"+strconv.Itoa(i)), id.ID{}))
	}
	balance := g.send(t, g.paper, "GET", "/v1/balance", "")
	require.JSONEq(t, `{"mode":"test","balances":[
		{"currency":"BRL","captured_minor":306000,"refunded_minor":0,"paid_out_minor":0,"balance_minor":306000,"pending_refunds_minor":0,
			"pending_payouts_minor":0,"available_minor":306000},
		{"currency":"USD","captured_minor":1250,"refunded_minor":250,"paid_out_minor":100,"balance_minor":900,"pending_refunds_minor":300,
			"pending_payouts_minor":50,"available_minor":550}]}`, balance.body)
	file := g.send(t, g.paper, "GET", "/v1/balance/movements.csv", "")
	require.Equal(t, http.StatusOK, file.status)
	require.Equal(t, "text/csv; charset=utf-8", file.header.Get("Content-Type"))
	rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"sequence", "occurred_at", "type", "charge_id", "operation_id", "amount_minor", "amount", "currency", "description", "payout_id"}, rows[0])
	require.Len(t, rows, 1+600+4+1+1+1+1)
	sums, sequences := map[string]int64{}, map[string]bool{}
	for _, row := range rows[1:] {
		amount, err := strconv.ParseInt(row[5], 10, 64)
		require.NoError(t, err)
		sums[row[7]] += amount
		sequences[row[0]] = true
		require.Equal(t, row[2] == "refund" || row[2] == "payout", amount < 0)
		require.Equal(t, row[2] == "payout", row[9] != "" && row[0]+row[3]+row[4] == "", row)
		require.Equal(t, row[7] == "USD" && row[2] != "payout", row[8] == `'=1+1;'-2 "x"`, row[8])
	}
	require.Equal(t, map[string]int64{"BRL": 306000, "USD": 900}, sums)
	require.Len(t, sequences, len(rows)-1)
	require.Equal(t, "\r\n", file.body[len(file.body)-2:])

	none := g.send(t, g.paper, "GET", "/v1/balance/movements.csv?to=2030-01-02T03:04:06Z", "")
	require.Equal(t, 1, strings.Count(none.body, "\r\n"), "the end is exclusive")
	all := g.send(t, g.paper, "GET", "/v1/balance/movements.csv?from=2030-01-02T03:04:06Z", "")
	require.Equal(t, file.body, all.body, "the beginning is inclusive")
	require.Equal(t, "to", problem(t, g.send(t, g.paper, "GET", "/v1/balance/movements.csv?from=2030-01-02T03:04:06Z&to=2029-01-02T03:04:06Z", ""), 400).Field)
	require.Equal(t, `{"mode":"live","balances":[]}`, strings.TrimSpace(g.send(t, g.live, "GET", "/v1/balance", "").body))
	problem(t, g.send(t, g.kit.Customer(t, joao), "GET", "/v1/balance?merchant=paper&mode=test", ""), http.StatusNotFound)
	problem(t, g.send(t, g.kit.Customer(t, joao), "GET", "/v1/balance/movements.csv?merchant=paper&mode=test", ""), http.StatusNotFound)
}

// accepted accepts a charge of paper beside the gateway.
func accepted(t *testing.T, store payment.Store, key string) id.ID {
	t.Helper()
	stored, _, err := store.AcceptCharge(t.Context(), paymenttest.Acceptance(t, paperOf, key, true))
	require.NoError(t, err)
	return stored.ID
}
