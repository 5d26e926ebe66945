package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// What an answer promises holds with every replica, and after a restart: a key, a page token and an entity tag.
func TestReplicasAnswerAsOne(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	one := c.start()
	secret := c.secrets[cafe]
	for i := range 3 {
		one.charge(t, secret, strconv.Itoa(i), chargeOf(goodCard, true))
	}
	first, text := one.send(t, secret, "GET", "/v1/charges?page_size=2", "", "")
	require.Equal(t, 200, first.StatusCode, text)
	var page struct {
		NextPageToken string `json:"next_page_token"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &page))
	one.Interrupt(t)
	one.AwaitEnd(t)

	two := c.start()
	answer, text := two.send(t, secret, "GET", "/v1/charges?page_size=2&page_token="+page.NextPageToken, "", "")
	require.Equal(t, 200, answer.StatusCode, text)
	var rest struct{ Charges []shown }
	require.NoError(t, json.Unmarshal([]byte(text), &rest))
	require.Len(t, rest.Charges, 1)
	answer, _ = two.send(t, secret, "GET", "/v1/charges?page_size=2", "", "")
	require.Equal(t, first.Header.Get("ETag"), answer.Header.Get("ETag"))
	answer, text = two.send(t, secret, "POST", "/v1/charges", "0", chargeOf(goodCard, false))
	require.Equal(t, 422, answer.StatusCode, text)
}

// One key that is sent a hundred times at once, to two replicas, makes one charge.
func TestOneKeyMakesOneChargeWithTwoReplicas(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	replicas := []*process{c.start(), c.start()}
	const senders = 100
	bodies := make(chan string, senders)
	var group sync.WaitGroup
	for i := range senders {
		group.Go(func() {
			answer, text := replicas[i%2].send(t, c.secrets[cafe], "POST", "/v1/charges", "one", chargeOf(goodCard, true))
			switch {
			case answer == nil:
				t.Error(text)
			case answer.StatusCode == http.StatusConflict && answer.Header.Get("Retry-After") == "1":
			case answer.StatusCode != http.StatusAccepted:
				t.Error(answer.Status, text)
			default:
				bodies <- text
			}
		})
	}
	group.Wait()
	close(bodies)
	different := make(map[string]int)
	for body := range bodies {
		different[body]++
	}
	t.Logf("%v of %d were answered with the charge", different, senders)
	require.Len(t, different, 1)
	var charges int
	require.NoError(t, c.admin.QueryRow(t.Context(), "SELECT count(*) FROM charges").Scan(&charges))
	require.Equal(t, 1, charges)
}

func TestTheLimitsAreSettings(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	p := c.start("--requests-per-second=1", "--requests-at-once=2")
	refused := 0
	for range 4 {
		answer, text := p.send(t, c.secrets[cafe], "GET", "/v1/charges", "", "")
		require.NotNil(t, answer, text)
		if answer.StatusCode == http.StatusTooManyRequests {
			refused++
			require.Equal(t, "1", answer.Header.Get("Retry-After"))
		}
		require.Equal(t, `"requests";q=2;w=2`, answer.Header.Get("RateLimit-Policy"))
	}
	require.NotZero(t, refused)
	answer, text := p.send(t, c.secrets[bookshop], "GET", "/v1/charges", "", "")
	require.NotNil(t, answer, text)
	require.Equal(t, http.StatusOK, answer.StatusCode, text)
}
