package rest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/platform/id"
)

// page is what is read of a page.
type page struct {
	Charges       []struct{ ID, Status string }
	NextPageToken string `json:"next_page_token"`
}

// list reads all pages of a query, and returns the ids in their order.
func (g *gateway) list(t *testing.T, as, query string) (ids []string) {
	t.Helper()
	token := ""
	for {
		got := g.send(t, as, "GET", "/v1/charges?"+query+"&page_token="+url.QueryEscape(token), "")
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.NotEmpty(t, got.header.Get("ETag"))
		var read page
		require.NoError(t, json.Unmarshal([]byte(got.body), &read))
		for _, charge := range read.Charges {
			ids = append(ids, charge.ID)
		}
		if token = read.NextPageToken; token == "" {
			return ids
		}
	}
}

func TestAListHasEachChargeOnceTheNewestFirst(t *testing.T) {
	g := start(t, newStore(), nil)
	const charges = 30
	var made []string
	for i := range charges {
		g.now = func() time.Time { return paymenttest.Start.Add(time.Duration(i) * time.Minute) }
		one := g.created(t, g.paper, strconv.Itoa(i), charge)
		if i%2 == 0 {
			g.decide(t, paymenttest.Refusal(one, id.ID{}))
		}
		made = append([]string{one.String()}, made...)
	}
	g.created(t, g.beans, "other", charge)
	g.created(t, g.live, "other", charge)
	require.Equal(t, made, g.list(t, g.paper, ""))
	require.Equal(t, made, g.list(t, g.paper, "page_size=7"))
	require.Equal(t, made, g.list(t, g.paper, "page_size=0&merchant=paper&mode=test"))
	require.Len(t, g.list(t, g.paper, "page_size=4&status=rejected"), charges/2)
	require.Len(t, g.list(t, g.paper, "page_size=4&status=pending"), charges/2)
	require.Empty(t, g.list(t, g.paper, "status=voided"))
	// The first five were accepted from minute 0 to 4.
	require.Equal(t, made[charges-5:], g.list(t, g.paper, "page_size=2&created_to=2030-01-02T03:09:05Z"))
	require.Equal(t, made[:5], g.list(t, g.paper, "page_size=2&created_from=2030-01-02T03:29:05Z"))
	require.Equal(t, made[charges-3:charges-1], g.list(t, g.paper, "created_from=2030-01-02T00:05:05-03:00&created_to=2030-01-02T03:06:05.000000001Z"))

	first := g.send(t, g.paper, "GET", "/v1/charges?page_size=1", "")
	same := g.send(t, g.paper, "GET", "/v1/charges?page_size=1", "", "If-None-Match", first.header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, same.status)
	g.created(t, g.paper, "new", charge)
	require.Equal(t, http.StatusOK, g.send(t, g.paper, "GET", "/v1/charges?page_size=1", "", "If-None-Match", first.header.Get("ETag")).status)
}

// A token belongs to the merchant, the mode and the filters for which it was issued.
func TestAPageTokenIsForItsQueryOnly(t *testing.T) {
	g := start(t, newStore(), nil)
	for _, as := range []string{g.paper, g.beans, g.live} {
		g.created(t, as, "a", charge)
		g.created(t, as, "b", charge)
	}
	got := g.send(t, g.paper, "GET", "/v1/charges?page_size=1&status=pending", "")
	token := url.QueryEscape(member[string](t, got.body, "next_page_token"))
	require.NotEmpty(t, token)
	require.Equal(t, http.StatusOK, g.send(t, g.paper, "GET", "/v1/charges?page_size=5&status=pending&page_token="+token, "").status)
	for _, rule := range []struct{ as, query string }{
		{g.beans, "status=pending"}, {g.live, "status=pending"}, {g.paper, ""}, {g.paper, "status=approved"}, {g.paper, "status=pending&created_from=2020-01-01T00:00:00Z"},
	} {
		refused := problem(t, g.send(t, rule.as, "GET", "/v1/charges?"+rule.query+"&page_token="+token, ""), http.StatusBadRequest)
		require.Equal(t, "page_token", refused.Field)
	}
	for query, field := range map[string]string{
		"status=none": "status", "status=": "status", "status=PENDING": "status", "created_from=2030-01-02": "created_from", "created_to=": "created_to",
		"page_size=-1": "page_size", "page_size=a": "page_size", "page_size=": "page_size", "page_token=a": "page_token", "state=pending": "state",
		"created_from=2030-01-02T00:00:00Z&created_to=2030-01-01T00:00:00Z": "created_to",
		"status=pending&status=pending":                                     "status", "mode=": "mode", "mode=both": "mode",
	} {
		require.Equal(t, field, problem(t, g.send(t, g.paper, "GET", "/v1/charges?"+query, ""), http.StatusBadRequest).Field, query)
	}
}
