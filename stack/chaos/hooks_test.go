package chaos

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

func eventText(sequence int, kind string) string {
	return fmt.Sprintf(`{"type":%q,"sequence":%d,"occurred_at":"2026-01-01T00:00:00Z","charge":{"id":"c%d"},"operation":null}`, kind, sequence, sequence)
}

func follow(t *testing.T, stream string) (*follower, string) {
	t.Helper()
	f := &follower{till: &till{load: &load{observed: newObservations()}, merchant: "m", mode: "test"}}
	return f, f.takeAll(strings.NewReader(stream))
}

func TestAFeedHasEachEventBehindTheOneBefore(t *testing.T) {
	one, two := "id: 1\ndata: "+eventText(1, "charge.accepted")+"\n\n", "id: 2\ndata: "+eventText(2, "charge.approved")+"\n\n"
	for name, tt := range map[string]struct {
		stream string
		events int64
		wrong  bool
	}{
		"in order":              {"retry: 1000\nid: 0\n\n" + one + ": alive\n\n" + two, 2, false},
		"cut off":               {one + "id: 2\ndata: {\"type\"", 1, false},
		"a gap":                 {two, 0, true},
		"a repeat":              {one + one, 1, true},
		"an id of another one":  {"id: 2\ndata: " + eventText(1, "charge.accepted") + "\n\n", 0, true},
		"an event of no form":   {"id: 1\ndata: {]\n\n", 0, true},
		"one of another stream": {one + "id: 3\ndata: " + eventText(3, "charge.accepted") + "\n\n", 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			f, wrong := follow(t, tt.stream)
			require.Equal(t, tt.wrong, wrong != "", wrong)
			require.Equal(t, tt.events, f.last())
		})
	}
}

// room returns the endpoint of a till that has two events, and sends to it.
func room(t *testing.T) (*mailroom, *endpoint, func(id string, sequence int, as *standard.Webhook) int) {
	t.Helper()
	f, wrong := follow(t, "id: 1\ndata: "+eventText(1, "charge.accepted")+"\n\nid: 2\ndata: "+eventText(2, "charge.approved")+"\n\n")
	require.Empty(t, wrong)
	f.till.follower = f
	verifier, err := standard.NewWebhookRaw([]byte(strings.Repeat("k", 32)))
	require.NoError(t, err)
	e := &endpoint{till: f.till, path: "/hooks/0", types: []string{"charge.approved"}, verifier: verifier, had: make(map[string]*message)}
	m := newMailroom(&load{seed: 1, observed: f.till.load.observed})
	m.endpoints[e.path] = e
	return m, e, func(id string, sequence int, as *standard.Webhook) int {
		kinds := map[int]string{1: "charge.accepted", 2: "charge.approved"}
		body := fmt.Sprintf(`{"type":%q,"timestamp":"2026-01-01T00:00:00Z","data":{"sequence":%d,"charge":{"id":"c%d"},"operation":null}}`, kinds[sequence], sequence, sequence)
		now := time.Now()
		signature, err := as.Sign(id, now, []byte(body))
		require.NoError(t, err)
		request := httptest.NewRequest(http.MethodPost, e.path, strings.NewReader(body))
		request.Header.Set(webhookID, id)
		request.Header.Set("webhook-timestamp", fmt.Sprint(now.Unix()))
		request.Header.Set("webhook-signature", signature)
		answer := httptest.NewRecorder()
		m.ServeHTTP(answer, request)
		return answer.Code
	}
}

func TestAMessageIsTakenOnceItIsAnsweredSo(t *testing.T) {
	m, e, send := room(t)
	require.Equal(t, []int64{2}, e.missing())
	for range 8 { // The first try may fail on purpose.
		if send("a", 2, e.verifier) == http.StatusNoContent {
			break
		}
	}
	require.Empty(t, e.missing())
	require.Empty(t, e.compare())
	require.Nil(t, m.observed.problemOf(hooksCome))
}

func TestWhatMustNotComeToAnEndpointIsReported(t *testing.T) {
	other, err := standard.NewWebhookRaw([]byte(strings.Repeat("o", 32)))
	require.NoError(t, err)
	for name, provoke := range map[string]func(m *mailroom, e *endpoint, send func(string, int, *standard.Webhook) int){
		"signed by another secret": func(_ *mailroom, _ *endpoint, send func(string, int, *standard.Webhook) int) { send("a", 2, other) },
		"another body": func(_ *mailroom, e *endpoint, send func(string, int, *standard.Webhook) int) {
			send("a", 2, e.verifier)
			send("a", 1, e.verifier)
		},
		"to this machine in live mode": func(_ *mailroom, e *endpoint, send func(string, int, *standard.Webhook) int) {
			e.silent = true
			send("a", 2, e.verifier)
		},
		"to nobody": func(m *mailroom, e *endpoint, send func(string, int, *standard.Webhook) int) {
			delete(m.endpoints, e.path)
			send("a", 2, e.verifier)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, e, send := room(t)
			provoke(m, e, send)
			require.NotNil(t, m.observed.problemOf(hooksCome))
		})
	}
	for name, had := range map[string][]chargeEvent{
		"a type that it does not want": {{"charge.accepted", 1, json.RawMessage(`{"id":"c1"}`), json.RawMessage("null")}},
		"another charge":               {{"charge.approved", 2, json.RawMessage(`{"id":"c3"}`), json.RawMessage("null")}},
		"an event that is not there":   {{"charge.approved", 3, json.RawMessage(`{"id":"c3"}`), json.RawMessage("null")}},
		"two messages of one event": {
			{"charge.approved", 2, json.RawMessage(`{"id":"c2"}`), json.RawMessage("null")}, {"charge.approved", 2, json.RawMessage(`{"id":"c2"}`), json.RawMessage("null")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, e, _ := room(t)
			for i, one := range had {
				e.had[fmt.Sprint(i)] = &message{event: one, taken: true}
			}
			require.NotEmpty(t, e.compare())
		})
	}
}
