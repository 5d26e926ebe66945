package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/client"
	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/feed"
	"codebank.dev/checkout/payment/inmem"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/payment/rest"
	"codebank.dev/native/await"
	"codebank.dev/platform/id"
)

// merchant returns the client of a merchant's program.
func (g *gateway) merchant(t *testing.T, secret string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{
		Address: "https://" + g.address, Secret: client.NewSecret(secret), TLS: g.client.Transport.(*http.Transport).TLSClientConfig,
		Backoff: time.Millisecond, Tries: 2,
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// stream is an open answer of the live feed.
type stream struct {
	lines <-chan string // closed at the end
	end   context.CancelFunc
}

// listen opens a stream. Its answer must be 200.
func (g *gateway) listen(t *testing.T, as, target string, headers ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, "GET", "https://"+g.address+target, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+as)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	opened, err := (&http.Client{Transport: g.client.Transport}).Do(request)
	require.NoError(t, err)
	if opened.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(opened.Body)
		require.Equal(t, http.StatusOK, opened.StatusCode, string(body))
	}
	require.Equal(t, "text/event-stream", opened.Header.Get("Content-Type"))
	require.Equal(t, "no-store", opened.Header.Get("Cache-Control"))
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		defer opened.Body.Close()
		for scanner := bufio.NewScanner(opened.Body); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return &stream{lines, cancel}
}

// next returns the next line; false at the end of the stream.
func (s *stream) next(t *testing.T) (string, bool) {
	t.Helper()
	select {
	case line, open := <-s.lines:
		return line, open
	case <-time.After(20 * time.Second):
		t.Fatal("the stream says nothing, and does not end")
		return "", false
	}
}

// expect reads lines.
func (s *stream) expect(t *testing.T, lines ...string) {
	t.Helper()
	for _, want := range lines {
		line, open := s.next(t)
		require.True(t, open, "the stream has ended before %q", want)
		require.Equal(t, want, line)
	}
}

// An event says what REST says of the charge, as it was then.
func TestAnEventIsTheChargeAsItWas(t *testing.T) {
	g := start(t, newStore(), nil)
	g.now = func() time.Time { return paymenttest.Start }
	live := g.listen(t, g.paper, "/v1/events")
	live.expect(t, "retry: 1000", "id: 0", "")
	accepted := g.create(t, g.paper, "k1", charge)
	name := member[string](t, accepted.body, "id")
	parsed, err := id.Parse(name)
	require.NoError(t, err)
	live.expect(t, "id: 1")
	line, _ := live.next(t)
	require.JSONEq(t, `{"type":"charge.accepted","sequence":1,"occurred_at":"2030-01-02T03:04:05.000Z","operation":null,"charge":`+accepted.body+`}`,
		strings.TrimPrefix(line, "data: "))
	live.expect(t, "")
	g.decide(t, paymenttest.Approval(parsed, id.ID{}))
	live.expect(t, "id: 2")
	line, _ = live.next(t)
	approved := g.send(t, g.paper, "GET", "/v1/charges/"+name, "").body
	require.JSONEq(t, `{"type":"charge.approved","sequence":2,"occurred_at":"2030-01-02T03:04:06.000Z","operation":null,"charge":`+approved+`}`,
		strings.TrimPrefix(line, "data: "))
	refund := g.send(t, g.paper, "POST", "/v1/charges/"+name+"/refund", `{"amount_minor":50}`, "Idempotency-Key", "k2")
	require.Equal(t, http.StatusAccepted, refund.status, refund.body)
	live.expect(t, "", "id: 3")
	line, _ = live.next(t)
	var told struct {
		Type      string
		Charge    client.Charge
		Operation json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &told))
	require.Equal(t, "refund.accepted", told.Type)
	require.Equal(t, int64(1200), told.Charge.RefundableMinor)
	require.JSONEq(t, refund.body, string(told.Operation))
	// Whoever comes later reads the same lines.
	late := g.listen(t, g.paper, "/v1/events?after=1")
	late.expect(t, "retry: 1000", "id: 1", "", "id: 2")
	again, _ := late.next(t)
	require.JSONEq(t, `{"type":"charge.approved","sequence":2,"occurred_at":"2030-01-02T03:04:06.000Z","operation":null,"charge":`+approved+`}`,
		strings.TrimPrefix(again, "data: "), "not as the charge is now")
	late.expect(t, "", "id: 3", line)
}

// A client that comes again goes on behind its last event; what names no event is refused.
func TestAStreamGoesOnBehindAnEvent(t *testing.T) {
	g := start(t, newStore(), nil)
	for i := range 3 {
		g.created(t, g.paper, "k"+strconv.Itoa(i), charge)
	}
	g.created(t, g.beans, "k", charge)
	g.listen(t, g.paper, "/v1/events").expect(t, "retry: 1000", "id: 3")
	g.listen(t, g.paper, "/v1/events?after=0").expect(t, "retry: 1000", "id: 0", "", "id: 1")
	g.listen(t, g.paper, "/v1/events?after=0", "Last-Event-ID", "2").expect(t, "retry: 1000", "id: 2", "", "id: 3")
	g.listen(t, g.live, "/v1/events").expect(t, "retry: 1000", "id: 0")
	member := g.kit.Customer(t, maria)
	g.listen(t, member, "/v1/events?merchant=paper&mode=test&after=2").expect(t, "retry: 1000", "id: 2", "", "id: 3")
	head := g.send(t, g.paper, "HEAD", "/v1/events", "")
	require.Equal(t, http.StatusOK, head.status)
	for target, field := range map[string]string{
		"?after=4": "after", "?after=-1": "after", "?after=x": "after", "?after=": "after", "?after=1&after=2": "after", "?other=1": "other",
		"?mode=x": "mode",
	} {
		refused := problem(t, g.send(t, g.paper, "GET", "/v1/events"+target, ""), http.StatusBadRequest)
		require.Equal(t, field, refused.Field, target)
	}
	refused := problem(t, g.send(t, g.paper, "GET", "/v1/events", "", "Last-Event-ID", "x"), http.StatusBadRequest)
	require.Equal(t, "Last-Event-ID", refused.Field)
	problem(t, g.send(t, member, "GET", "/v1/events?merchant=beans&mode=test", ""), http.StatusNotFound)
	problem(t, g.send(t, g.paper, "GET", "/v1/events?merchant=beans", ""), http.StatusNotFound)
	problem(t, g.send(t, "", "GET", "/v1/events", ""), http.StatusUnauthorized)
	await.Until(t, func() bool { return g.hub.Readers() == 5 }, 10*time.Second, time.Millisecond, "who was refused reads nothing")
}

// Readers of two gateways on one store, which are restarted again and again, see each event once.
func TestNothingIsLostOrRepeatedOverRestarts(t *testing.T) {
	const events, restarts = 300, 6
	store := inmem.New()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gateways := []*gateway{start(t, store, nil), start(t, store, nil)}
	var group sync.WaitGroup
	group.Go(func() {
		for i := range events {
			_, _, err := store.AcceptCharge(ctx, paymenttest.Acceptance(t, paperOf, "k"+strconv.Itoa(i), true))
			if err != nil {
				t.Error(err)
			}
			time.Sleep(2 * time.Millisecond) // The restarts are spread over the events.
		}
	})
	var last int64
	for at := 0; last < events; at++ {
		g := gateways[at%2]
		if at < restarts {
			half := last + events/restarts/2
			last = g.follow(ctx, t, last, half)
			g.stop()
			gateways[at%2] = start(t, store, nil)
			continue
		}
		last = g.follow(ctx, t, last, events)
	}
	group.Wait()
}

// follow reads the events behind one until another, and returns the last.
//
// tidy:parameters a test, and a span
func (g *gateway) follow(ctx context.Context, t *testing.T, after, until int64) int64 {
	t.Helper()
	for event, err := range g.merchant(t, g.paper).Events(ctx, after) {
		require.NoError(t, err)
		require.Equal(t, after+1, event.Sequence)
		if after = event.Sequence; after >= until {
			break
		}
	}
	return after
}

// Whoever may not read any more reads for less than five seconds.
func TestAStreamEndsWhenItsReaderMayNotRead(t *testing.T) {
	g := start(t, newStore(), func(c *rest.Config) { c.Beat = time.Millisecond })
	member, err := id.Parse(maria)
	require.NoError(t, err)
	secrets, err := g.shop.Secrets(t.Context(), checkouttest.Operator(), "paper")
	require.NoError(t, err)
	for name, revoke := range map[string]func() error{
		"a secret that is revoked": func() error {
			for _, secret := range secrets {
				if _, err := g.shop.RevokeSecret(t.Context(), checkouttest.Act(checkouttest.Operator(), secret.ID.String()), "paper", secret.ID); err != nil {
					return err
				}
			}
			return nil
		},
		"a member who is removed": func() error {
			return g.shop.RemoveMember(t.Context(), checkouttest.Act(checkouttest.Operator(), "remove"), "paper", member)
		},
	} {
		as, target := g.paper, "/v1/events"
		if strings.Contains(name, "member") {
			as, target = g.kit.Customer(t, maria), "/v1/events?merchant=paper&mode=test"
		}
		live := g.listen(t, as, target)
		live.expect(t, "retry: 1000", "id: 0", "", ": alive")
		require.NoError(t, revoke())
		began := time.Now()
		for open := true; open; {
			_, open = live.next(t)
		}
		require.Less(t, time.Since(began), 5*time.Second, name)
		t.Logf("%s: the stream ended after %s", name, time.Since(began))
	}
	await.Until(t, func() bool { return g.hub.Readers() == 0 }, 10*time.Second, time.Millisecond)
}

func TestStreamsEndWithTheirProgram(t *testing.T) {
	g := start(t, newStore(), nil)
	live := g.listen(t, g.paper, "/v1/events")
	live.expect(t, "retry: 1000", "id: 0", "")
	began := time.Now()
	g.stop()
	_, open := live.next(t)
	require.False(t, open)
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestStreamsAreBounded(t *testing.T) {
	g := start(t, newStore(), func(c *rest.Config) {
		c.Feed = feed.New(feed.Config{Source: c.Store.(payment.Feed), MaxReadersOfOwner: 1})
	})
	live := g.listen(t, g.paper, "/v1/events")
	got := g.send(t, g.paper, "GET", "/v1/events", "")
	require.Equal(t, "TOO_MANY_STREAMS", problem(t, got, http.StatusTooManyRequests).Reason)
	require.NotEmpty(t, got.header.Get("Retry-After"))
	g.listen(t, g.beans, "/v1/events")
	live.end()
	await.Until(t, func() bool { return g.send(t, g.paper, "HEAD", "/v1/events", "").status == http.StatusOK }, 10*time.Second, 10*time.Millisecond)
}

// A client that does not read is cut off.
func TestASlowReaderIsCutOff(t *testing.T) {
	store := inmem.New()
	g := start(t, store, nil)
	const events = 12_000
	for i := range events {
		_, _, err := store.AcceptCharge(t.Context(), paymenttest.Acceptance(t, paperOf, "k"+strconv.Itoa(i), true))
		require.NoError(t, err)
	}
	request, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+g.address+"/v1/events?after=0", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+g.paper)
	opened, err := (&http.Client{Transport: g.client.Transport}).Do(request) // HTTP/2 keeps 4 MiB for one that does not read
	require.NoError(t, err)
	defer opened.Body.Close()
	require.Equal(t, 1, g.hub.Readers())
	began := time.Now()
	await.Until(t, func() bool { return g.hub.Readers() == 0 }, 20*time.Second, 10*time.Millisecond)
	t.Logf("cut off after %s", time.Since(began))
	read := g.merchant(t, g.paper)
	last := int64(0)
	for event, err := range read.Events(t.Context(), events-100) {
		require.NoError(t, err)
		if last = event.Sequence; last == events {
			break
		}
	}
	require.Equal(t, int64(events), last, "others are not held up")
}
