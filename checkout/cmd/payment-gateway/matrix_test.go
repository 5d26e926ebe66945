package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/merchant"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/rest"
	hooks "codebank.dev/checkout/webhook/rest"
	"codebank.dev/native/await"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/wallstest"
)

// maria is a member of the café, and joao of the bookshop.
const (
	maria = "5d1f4a1e-0c1a-4f0a-9a55-3f8f7b0f2a10"
	joao  = "7c2e5b2f-1d2b-4e1b-8b66-4f9f8c1f3b21"
)

// matrixRow is a route with what everybody is answered who asks for what is the café's.
type matrixRow struct {
	pattern string
	// path is that of the request; body is empty for none.
	path, body string
	// people are the cells of wallstest.Matrix, where the owner is a member of the café and the other one of the
	// bookshop. secrets are the answers to the café's secret for tests, to that of the bookshop, and to the live one of the
	// café.
	people, secrets string
}

// The columns of people: member, other member, service, service not listed, operator, nobody; then the member with a
// token that is expired, for another audience, without a signature, signed with the public key, of a retired key, of
// an ended session, without the role.
const (
	reads = "200 404 403 403 200 401 401 401 401 401 401 401 403"
	acts  = "403 403 403 403 403 401 401 401 401 401 401 401 403"
	// changes is for a merchant's members and programs; none is what they are told of what is not there.
	changes = "200 404 403 403 403 401 401 401 401 401 401 401 403"
	none    = "404 404 403 403 403 401 401 401 401 401 401 401 403"
	// own is what each merchant's secret is answered about what is the café's, each what it is answered about its own.
	own, each = "200 404 404", "200 200 200"
)

// planted is what the café has.
type planted struct{ charge, payout, endpoint, delivery string }

// plant makes the café an endpoint, a charge that is approved, a payout, and so something to deliver.
func (p *process) plant(t *testing.T, c *counter, e *ear) (made planted) {
	t.Helper()
	secret := c.secrets[cafe]
	made.endpoint = p.endpoint(t, secret, "planted", e.URL)
	made.charge = p.charge(t, secret, "planted-charge", chargeOf(goodCard, true)).ID
	p.await(t, secret, made.charge, isDecided)
	answer, text := p.send(t, secret, "POST", "/v1/payouts", "planted-payout", `{"amount_minor": 1, "currency": "BRL"}`)
	require.NotNil(t, answer, text)
	var payout struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(text), &payout))
	made.payout = payout.ID
	await.Until(t, func() bool {
		answer, text := p.send(t, secret, "GET", "/v1/webhook-endpoints/"+made.endpoint+"/deliveries", "", "")
		require.NotNil(t, answer, text)
		var list struct{ Deliveries []struct{ ID string } }
		require.NoError(t, json.Unmarshal([]byte(text), &list), text)
		if len(list.Deliveries) > 0 {
			made.delivery = list.Deliveries[0].ID
		}
		return made.delivery != ""
	}, time.Minute, 10*time.Millisecond)
	return made
}

// endpoint returns a new endpoint of a merchant.
func (p *process) endpoint(t *testing.T, secret, key, url string) string {
	t.Helper()
	answer, text := p.send(t, secret, "POST", "/v1/webhook-endpoints", key, `{"url": "`+url+`/hooks"}`)
	require.NotNil(t, answer, text)
	require.Equal(t, 201, answer.StatusCode, text)
	var endpoint struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(text), &endpoint))
	return endpoint.ID
}

// allPermissions are those of a program that sends webhooks.
func allPermissions() permission.Table {
	table := rest.Permissions()
	maps.Copy(table, hooks.Permissions())
	return table
}

// matrixRows are the rows of all routes. The charge is approved.
func matrixRows(has planted) []matrixRow {
	const query, endpoints = "?merchant=" + cafe + "&mode=test", "/v1/webhook-endpoints"
	path, endpoint := "/v1/charges/"+has.charge, endpoints+"/"+has.endpoint
	delivery, missing := endpoint+"/deliveries/"+has.delivery, endpoints+"/"+maria
	instead := func(cells, status string) string { return strings.Replace(cells, "200", status, 1) }
	return []matrixRow{
		{rest.ListCharges, "/v1/charges" + query, "", reads, own},
		{rest.GetCharge, path + query, "", reads, own},
		{rest.ListOperations, path + "/operations" + query, "", reads, own},
		{rest.StreamEvents, "/v1/events" + query, "", reads, own},
		{rest.GetStatistics, "/v1/statistics" + query + "&interval=day&from=2030-01-01T00:00:00Z&to=2030-01-08T00:00:00Z", "", reads, own},
		{rest.GetBalance, "/v1/balance" + query, "", reads, own},
		{rest.GetMovements, "/v1/balance/movements.csv" + query, "", reads, own},
		{rest.ListPayouts, "/v1/payouts" + query, "", reads, own},
		{rest.GetPayout, "/v1/payouts/" + has.payout + query, "", reads, own},
		// The bookshop has sold nothing yet, and the café has no account at the bank.
		{rest.CreatePayout, "/v1/payouts", `{"amount_minor": 1, "currency": "BRL"}`, acts, "202 422 422"},
		{rest.CreateCharge, "/v1/charges", chargeOf(goodCard, true), acts, strings.ReplaceAll(each, "200", "202")},
		{rest.CaptureCharge, path + "/capture", `{"amount_minor": 1}`, acts, instead(own, "422")},
		{rest.VoidCharge, path + "/void", `{}`, acts, instead(own, "422")},
		{rest.RefundCharge, path + "/refund", `{"amount_minor": 1}`, acts, instead(own, "202")},

		{hooks.ListEndpoints, endpoints + query, "", reads, own},
		{hooks.CreateEndpoint, endpoints + query, `{"url": "https://shop.example/hooks"}`, instead(changes, "201"), instead(own, "201")},
		{hooks.GetEndpoint, endpoint + query, "", reads, own},
		{hooks.UpdateEndpoint, endpoint + query, `{"enabled": true}`, changes, own},
		// A deleted one is there no more for the next caller.
		{hooks.DeleteEndpoint, missing + query, "", none, instead(own, "404")},
		{hooks.RotateSecret, endpoint + "/rotate-secret" + query, "", changes, own},
		{hooks.ListDeliveries, endpoint + "/deliveries" + query, "", reads, own},
		{hooks.GetDelivery, delivery + query, "", reads, own},
		{hooks.Resend, delivery + "/resend" + query, "", instead(changes, "202"), instead(own, "202")},
	}
}

// addMember makes a user act for a merchant.
func (c *counter) addMember(slug, user string) {
	c.Helper()
	_, err := c.admin.Exec(c.Context(), "INSERT INTO merchant_members (merchant, user_id, added_at) VALUES ($1, $2, now())", slug, user)
	require.NoError(c, err)
}

func TestEveryRouteIsForThoseOnly(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.addMember(cafe, maria)
	c.addMember(bookshop, joao)
	secrets := []string{c.secrets[cafe], c.secrets[bookshop], c.newSecret(cafe, merchant.Live)}
	c.broker.Open(t, accept.Topic)
	c.processor()
	e := newEar(t)
	p := c.start(e.flags(t)...)
	rows := matrixRows(p.plant(t, c, e))
	matrix := wallstest.Matrix{
		Kit: c.kit, HTTP: p.address, Owner: maria, Other: joao, Service: "shop", Unlisted: "auditor", Operator: "operator",
	}
	for _, row := range rows {
		matrix.Routes = append(matrix.Routes, wallstest.Route{Pattern: row.pattern, Cells: row.people, Request: func(wallstest.Caller) (string, string, []string) {
			headers := []string{"Idempotency-Key", uuid.NewString()}
			if row.body != "" {
				headers = append(headers, "Content-Type", "application/json")
			}
			return row.path, row.body, headers
		}})
	}
	matrix.RunRoutes(t, slices.Collect(maps.Keys(allPermissions()))...)

	for _, row := range rows {
		method, _, _ := strings.Cut(row.pattern, " ")
		for i, cell := range strings.Fields(row.secrets) {
			key := ""
			if method == http.MethodPost {
				key = uuid.NewString()
			}
			answer, text := p.send(t, secrets[i], method, row.path, key, row.body)
			require.NotNil(t, answer, text)
			require.Equal(t, cell, strconv.Itoa(answer.StatusCode), "%s with secret %d: %s", row.pattern, i, text)
		}
	}
	require.NotContains(t, p.Log(), "sk_")
}

// A secret that is revoked is refused from the commit on, and a member who is removed sees nothing from then on.
func TestWhoActsForAMerchantNoMoreSeesNothing(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.addMember(cafe, maria)
	p := c.start()
	token, path := c.kit.Customer(t, maria), "/v1/charges?merchant="+cafe+"&mode=test"
	for _, as := range []string{token, c.secrets[cafe]} {
		answer, text := p.send(t, as, "GET", path, "", "")
		require.NotNil(t, answer, text)
		require.Equal(t, 200, answer.StatusCode, text)
	}
	_, err := c.admin.Exec(t.Context(), "DELETE FROM merchant_members")
	require.NoError(t, err)
	_, err = c.admin.Exec(t.Context(), "UPDATE merchant_secrets SET revoked_at = $1", time.Now())
	require.NoError(t, err)
	answer, text := p.send(t, token, "GET", path, "", "")
	require.NotNil(t, answer, text)
	require.Equal(t, 404, answer.StatusCode, text)
	answer, text = p.send(t, c.secrets[cafe], "GET", path, "", "")
	require.NotNil(t, answer, text)
	require.Equal(t, 401, answer.StatusCode, text)
	require.Equal(t, `Bearer, Basic realm="merchants"`, answer.Header.Get("WWW-Authenticate"))
}
