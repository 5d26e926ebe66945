package webhooks_test

import (
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/postgres"
	"codebank.dev/native/await"
)

// attempts returns the tries of the only delivery of an endpoint.
func (p *program) attempts(t *testing.T, endpoint *webhook.Endpoint) []webhook.Attempt {
	t.Helper()
	log, err := p.Store().Log(t.Context(), postgres.LogPage{Owner: endpoint.Owner, Endpoint: endpoint.ID, Size: 2})
	require.NoError(t, err)
	if len(log) == 0 {
		return nil
	}
	require.Len(t, log, 1)
	return log[0].Attempts
}

// Endpoints that never answer, that answer without an end, that lead into this machine and that fail keep nobody from
// his messages: those of another merchant arrive at once, however many endpoints misbehave and however much waits for
// them.
func TestEndpointsThatMisbehaveDelayNobodyElse(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	bad := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path[:2] {
		case "/s": // silent
			select {
			case <-r.Context().Done():
			case <-release:
			}
		case "/e": // endless
			for block := make([]byte, 64<<10); r.Context().Err() == nil; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		case "/r": // into this machine
			http.Redirect(w, r, "https://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}
	})
	good := newReceiver(t, nil)
	pool := bad.pool
	pool.AddCert(good.Certificate())
	p := w.run(pool, nil)
	// As many endpoints as a merchant may have: 14 of 16 workers could wait for silent ones.
	var endpoints []webhook.Endpoint
	for i := range webhook.MaxEndpoints {
		path := "/silent"
		switch i {
		case 0:
			path = "/endless"
		case 1:
			path = "/redirect"
		}
		made, _ := p.endpoint(t, paymenttest.Cafe, "bad"+strconv.Itoa(i), bad.URL+path+strconv.Itoa(i))
		endpoints = append(endpoints, made)
	}
	_, err := p.create(paymenttest.Cafe, "one-more", bad.URL)
	require.ErrorIs(t, err, webhook.ErrTooManyEndpoints)
	p.endpoint(t, paymenttest.Other, "good", good.URL)
	const events = 5
	for i := range events {
		w.charge(paymenttest.Cafe, "c"+strconv.Itoa(i))
	}
	bad.await(t, webhook.MaxEndpoints)
	slowest := time.Duration(0)
	for i := range events {
		began := time.Now()
		w.charge(paymenttest.Other, "o"+strconv.Itoa(i))
		good.await(t, i+1)
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("a message of the other merchant took %s at most", slowest.Round(time.Millisecond))
	require.Less(t, slowest, 8*time.Second, "no turn of an endpoint that misbehaves was waited for")

	// The endless answer counts as taken, because its status was read; a redirect is a failure and not followed.
	await.Until(t, func() bool {
		log, err := p.Store().Log(t.Context(), postgres.LogPage{Owner: paymenttest.Cafe, Endpoint: endpoints[0].ID, Size: 10})
		require.NoError(t, err)
		return len(log) == events && log[0].State == webhook.Delivered
	}, time.Minute, 20*time.Millisecond)
	log, err := p.Store().Log(t.Context(), postgres.LogPage{Owner: paymenttest.Cafe, Endpoint: endpoints[1].ID, Size: 10})
	require.NoError(t, err)
	require.NotEmpty(t, log[events-1].Attempts)
	require.Equal(t, http.StatusTemporaryRedirect, log[events-1].Attempts[0].Status)
	await.Until(t, func() bool {
		log, err := p.Store().Log(t.Context(), postgres.LogPage{Owner: paymenttest.Cafe, Endpoint: endpoints[2].ID, Size: 10})
		require.NoError(t, err)
		return len(log[events-1].Attempts) > 0 && log[events-1].Attempts[0].Error == webhook.TimedOut
	}, time.Minute, 50*time.Millisecond)
	silent, err := p.Store().Endpoint(t.Context(), paymenttest.Cafe, endpoints[2].ID)
	require.NoError(t, err)
	require.Positive(t, silent.Failures)
	require.False(t, silent.FailingSince.IsZero())
}

// In live mode no private address is reached, whatever test mode allows; the name is looked up at each try.
func TestLiveModeReachesNothingPrivate(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	p := w.run(r.pool, nil)
	live, _ := p.endpoint(t, paymenttest.OtherMode, "live", r.URL)
	named, _ := p.endpoint(t, paymenttest.Other, "named", "https://rebinds.invalid/")
	w.charge(paymenttest.OtherMode, "l1")
	w.charge(paymenttest.Other, "n1")
	for _, endpoint := range []*webhook.Endpoint{&live, &named} {
		await.Until(t, func() bool { return len(p.attempts(t, endpoint)) > 0 }, time.Minute, 10*time.Millisecond)
		require.Equal(t, webhook.AddressError, p.attempts(t, endpoint)[0].Error, "a name that leads nowhere looks like one that leads inside")
	}
	require.Empty(t, r.messages())
}

// An endpoint that answers 410 is disabled at once, one that has failed for days too. What waits for them is dropped,
// and may be sent by hand after the merchant has enabled them.
func TestEndpointsThatWantNoMoreAreDisabled(t *testing.T) {
	w := newWorld(t)
	var answers atomic.Int64
	answers.Store(http.StatusGone)
	r := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gone" {
			w.WriteHeader(int(answers.Load()))
		} else {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	p := w.run(r.pool, nil)
	gone, _ := p.endpoint(t, paymenttest.Cafe, "gone", r.URL+"/gone")
	failing, _ := p.endpoint(t, paymenttest.Cafe, "failing", r.URL+"/failing")
	w.charge(paymenttest.Cafe, "k1")
	await.Until(t, func() bool { return len(p.attempts(t, &failing)) == 1 }, time.Minute, 10*time.Millisecond)
	w.exec("UPDATE webhook_endpoints SET failing_since = failing_since - interval '3 days' WHERE failures > 0 AND enabled")
	w.hasten()
	for endpoint, why := range map[*webhook.Endpoint]webhook.DisabledWhy{&gone: webhook.Gone, &failing: webhook.Failing} {
		await.Until(t, func() bool {
			now, err := p.Store().Endpoint(t.Context(), endpoint.Owner, endpoint.ID)
			require.NoError(t, err)
			return !now.Enabled && now.DisabledWhy == why && now.Version > endpoint.Version
		}, time.Minute, 10*time.Millisecond, why)
	}
	w.hasten()
	await.Until(t, func() bool { return p.only(t, &failing).State == webhook.Dropped }, time.Minute, 10*time.Millisecond)
	require.Equal(t, webhook.DeliveryFailed, p.only(t, &gone).State)
	resend := postgres.Resend{Owner: gone.Owner, Endpoint: gone.ID, Delivery: p.only(t, &gone).ID}
	_, err := p.Store().Resend(t.Context(), resend, time.Now())
	require.ErrorIs(t, err, webhook.ErrDisabled)

	answers.Store(http.StatusNoContent)
	_, err = p.Store().Change(t.Context(), postgres.Name{Owner: gone.Owner, ID: gone.ID, Record: record()}, time.Now(), func(s *webhook.EndpointSettings) error {
		s.Enabled = true
		return nil
	})
	require.NoError(t, err)
	before := len(r.messages())
	again, err := p.Store().Resend(t.Context(), resend, time.Now())
	require.NoError(t, err)
	require.Contains(t, []webhook.DeliveryState{webhook.DeliveryPending, webhook.Delivered}, again.State)
	await.Until(t, func() bool { return p.only(t, &gone).State == webhook.Delivered }, time.Minute, 10*time.Millisecond)
	had := r.messages()[before:]
	require.Equal(t, resend.Delivery.String(), had[0].id)
	require.Len(t, p.only(t, &gone).Attempts, 2)
	w.awaitNothingPending()
}

// only returns the only delivery of an endpoint.
func (p *program) only(t *testing.T, endpoint *webhook.Endpoint) webhook.Delivery {
	t.Helper()
	log, err := p.Store().Log(t.Context(), postgres.LogPage{Owner: endpoint.Owner, Endpoint: endpoint.ID, Size: 2})
	require.NoError(t, err)
	require.Len(t, log, 1)
	return log[0]
}

// create asks for an endpoint.
func (p *program) create(owner payment.Owner, key, url string) (postgres.Created, error) {
	name, err := webhook.EndpointID(owner, key)
	if err != nil {
		return postgres.Created{}, err
	}
	settings := webhook.EndpointSettings{URL: url, Types: webhook.Outcomes(), Enabled: true}
	return p.Store().Create(p.ctx, &webhook.Endpoint{ID: name, Owner: owner, EndpointSettings: settings, CreatedAt: time.Now()}, record())
}

// hasten makes everything due that waits for a later try.
func (w *world) hasten() {
	w.Helper()
	w.exec("UPDATE webhook_deliveries SET next_at = now() WHERE state = 1")
	w.exec("UPDATE river.river_job SET state = 'available', scheduled_at = now() WHERE state = 'scheduled' AND kind = 'deliver_webhooks'")
}

// A wait that an endpoint asks for is kept, within a day.
func TestAnEndpointMayAskForAWait(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7200")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	p := w.run(r.pool, nil)
	endpoint, _ := p.endpoint(t, paymenttest.Cafe, "e", r.URL)
	w.charge(paymenttest.Cafe, "k")
	await.Until(t, func() bool { return len(p.attempts(t, &endpoint)) == 1 }, time.Minute, 10*time.Millisecond)
	now := p.only(t, &endpoint)
	require.WithinDuration(t, now.Attempts[0].At.Add(2*time.Hour), now.NextAt, time.Second, fmt.Sprint(now))
	var metrics = gather(t, p)
	require.Contains(t, metrics, "codebank_webhooks_pending 1")
	require.Contains(t, metrics, "codebank_webhooks_failed_tries_total 1")
	require.Contains(t, metrics, "codebank_webhooks_merchants_behind 0")
}
