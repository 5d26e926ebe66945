package rest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/payment/rest"
	"codebank.dev/checkout/ratelimit"
	"codebank.dev/platform/id"
)

// A charge is there for its merchant, in its mode, and for nobody else.
func TestWhatIsNotYoursIsNotThere(t *testing.T) {
	g := start(t, newStore(), nil)
	charged := g.created(t, g.paper, "k", charge)
	g.decide(t, paymenttest.Approval(charged, id.ID{}))
	path := "/v1/charges/" + charged.String()
	missing := problem(t, g.send(t, g.paper, "GET", "/v1/charges/"+maria, ""), http.StatusNotFound)
	for _, as := range []string{g.beans, g.live} {
		foreign := problem(t, g.send(t, as, "GET", path, ""), http.StatusNotFound)
		foreign.TraceID, missing.TraceID = "", ""
		require.Equal(t, missing, foreign)
		problem(t, g.send(t, as, "GET", path+"/operations", ""), http.StatusNotFound)
		for _, kind := range []string{"/capture", "/void", "/refund"} {
			problem(t, g.send(t, as, "POST", path+kind, "", "Idempotency-Key", "k"+kind), http.StatusNotFound)
		}
		require.Empty(t, g.list(t, as, ""))
	}
	// A secret says whose: it does not read another's by asking for it.
	problem(t, g.send(t, g.beans, "GET", path+"?merchant=paper&mode=test", ""), http.StatusNotFound)
	problem(t, g.send(t, g.paper, "GET", path+"?mode=live", ""), http.StatusNotFound)
	require.Equal(t, http.StatusOK, g.send(t, g.paper, "GET", path+"?merchant=paper&mode=test", "").status)
}

func TestMembersAndOperatorsReadAndDoNothingElse(t *testing.T) {
	g := start(t, newStore(), nil)
	charged := g.created(t, g.paper, "k", charge)
	path := "/v1/charges/" + charged.String()
	member, stranger := g.kit.Customer(t, maria), g.kit.Customer(t, joao)
	reads := []string{path, path + "/operations", "/v1/charges"}
	for _, read := range reads {
		require.Equal(t, http.StatusOK, g.send(t, member, "GET", read+"?merchant=paper&mode=test", "").status)
		require.Equal(t, "merchant", problem(t, g.send(t, member, "GET", read, ""), http.StatusBadRequest).Field)
		require.Equal(t, "mode", problem(t, g.send(t, member, "GET", read+"?merchant=paper", ""), http.StatusBadRequest).Field)
		for _, other := range []string{"beans", "none", "no%00slug", "%25"} {
			require.Equal(t, "MERCHANT_NOT_FOUND", problem(t, g.send(t, member, "GET", read+"?mode=test&merchant="+other, ""), http.StatusNotFound).Reason)
		}
		require.Equal(t, "MERCHANT_NOT_FOUND", problem(t, g.send(t, stranger, "GET", read+"?merchant=paper&mode=test", ""), http.StatusNotFound).Reason)
		problem(t, g.send(t, "", "GET", read+"?merchant=paper&mode=test", ""), http.StatusUnauthorized)
		problem(t, g.send(t, "sk_test_wrong", "GET", read, ""), http.StatusUnauthorized)
	}
	problem(t, g.send(t, member, "GET", path+"?merchant=paper&mode=live", ""), http.StatusNotFound)
	require.Equal(t, []string{charged.String()}, g.list(t, member, "merchant=paper&mode=test"))
	for _, act := range []string{"/v1/charges", path + "/capture", path + "/void", path + "/refund"} {
		problem(t, g.send(t, member, "POST", act, `{}`, "Idempotency-Key", "k"), http.StatusForbidden)
	}

	client := g.client
	g.client = g.kit.HTTP(t, "operator")
	for _, read := range reads {
		require.Equal(t, http.StatusOK, g.send(t, "", "GET", read+"?merchant=paper&mode=test", "").status)
		problem(t, g.send(t, "", "GET", read+"?merchant=none&mode=test", ""), http.StatusNotFound)
	}
	problem(t, g.send(t, "", "POST", path+"/void", "", "Idempotency-Key", "k"), http.StatusForbidden)
	g.client = g.kit.HTTP(t, "shop")
	problem(t, g.send(t, "", "GET", path+"?merchant=paper&mode=test", ""), http.StatusForbidden)
	g.client = client
	require.Equal(t, "GET, HEAD, POST", g.send(t, g.paper, "DELETE", "/v1/charges", "").header.Get("Allow"))
	require.Equal(t, http.StatusMethodNotAllowed, g.send(t, g.paper, "PATCH", path, `{"status":"approved"}`).status)
}

func TestAMerchantSendsNoMoreThanHeMay(t *testing.T) {
	const burst = 5
	g := start(t, newStore(), func(c *rest.Config) { c.Limits = ratelimit.Config{PerSecond: 1, Burst: burst} })
	got := g.create(t, g.paper, "k", charge)
	require.Equal(t, http.StatusAccepted, got.status)
	require.Equal(t, `"requests";q=5;w=5`, got.header.Get("RateLimit-Policy"))
	require.Equal(t, `"requests";r=4;t=1`, got.header.Get("RateLimit"))
	var last answer
	for range 2 * burst {
		if last = g.send(t, g.paper, "GET", "/v1/charges/none", ""); last.status == http.StatusTooManyRequests {
			break
		}
		require.Equal(t, http.StatusNotFound, last.status)
		require.NotEmpty(t, last.header.Get("RateLimit"))
	}
	require.Equal(t, "TOO_MANY_REQUESTS", problem(t, last, http.StatusTooManyRequests).Reason)
	require.Equal(t, "1", last.header.Get("Retry-After"))
	require.Equal(t, `"requests";r=0;t=5`, last.header.Get("RateLimit"))
	for _, other := range []string{g.beans, g.live} {
		require.Equal(t, http.StatusOK, g.send(t, other, "GET", "/v1/charges", "").status)
	}
}
