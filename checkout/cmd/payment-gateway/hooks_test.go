package main

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/webhook/failpoints"
	"codebank.dev/native/await"
	"codebank.dev/platform/failpoint"
)

// ear is a merchant's endpoint. It keeps what it is sent, and refuses the first try of each message if it is moody.
type ear struct {
	*httptest.Server
	authority string
	moody     bool
	mutex     sync.Mutex
	had       map[string]int
	bodies    []string
	headers   []http.Header
}

func newEar(t *testing.T) *ear {
	t.Helper()
	e := &ear{had: make(map[string]int), authority: filepath.Join(t.TempDir(), "authority.pem")}
	e.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mutex.Lock()
		defer e.mutex.Unlock()
		name := r.Header.Get("Webhook-Id")
		e.had[name]++
		if e.moody && e.had[name] == 1 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		e.bodies, e.headers = append(e.bodies, string(body)), append(e.headers, r.Header.Clone())
	}))
	t.Cleanup(e.Close)
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw})
	require.NoError(t, os.WriteFile(e.authority, block, 0o600))
	return e
}

// flags let the program send webhooks to the ear.
func (e *ear) flags(t *testing.T) []string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "webhook.key")
	require.NoError(t, os.WriteFile(key, []byte(strings.Repeat("0f", 32)+"\n"), 0o600))
	return []string{"--webhook-key=" + key, "--webhook-allow=127.0.0.0/8,::1/128", "--webhook-authority=" + e.authority}
}

// types returns the types of the events that were taken, by the ids of their messages.
func (e *ear) types(t *testing.T) map[string]string {
	t.Helper()
	e.mutex.Lock()
	defer e.mutex.Unlock()
	types := make(map[string]string)
	for i, body := range e.bodies {
		var told struct{ Type string }
		require.NoError(t, json.Unmarshal([]byte(body), &told))
		types[e.headers[i].Get("Webhook-Id")] = told.Type
	}
	return types
}

// endpoint makes the ear an endpoint of the café and returns its path and its secret.
func (d *driver) endpoint(e *ear, key string) (path, secret string) {
	d.Helper()
	answer, text := d.send("POST", "/v1/webhook-endpoints", key, `{"url": "`+e.URL+`/hooks", "description": "tests"}`)
	require.Equal(d, 201, answer.StatusCode, text)
	var made struct{ ID, Secret string }
	require.NoError(d, json.Unmarshal([]byte(text), &made))
	return "/v1/webhook-endpoints/" + made.ID, made.Secret
}

// hastenHooks makes everything due that waits for a later try, as it is by itself when its wait is over.
func (c *counter) hastenHooks() {
	c.Helper()
	for _, sql := range []string{
		"UPDATE webhook_deliveries SET next_at = now() WHERE state = 1",
		"UPDATE river.river_job SET state = 'available', scheduled_at = now() WHERE state = 'scheduled'",
	} {
		_, err := c.admin.Exec(c.Context(), sql)
		require.NoError(c, err)
	}
}

// Wherever the gateway is killed between two durable steps of a webhook, each event reaches its endpoint, always under
// one id and signed, and nothing else does.
func TestAWebhookArrivesWhereverTheGatewayIsKilled(t *testing.T) {
	t.Parallel()
	for _, point := range []failpoint.Point{
		failpoints.WebhookEndpointChanged, failpoints.WebhookEventsDispatched, failpoints.WebhookSent, failpoints.WebhookTried, failpoints.WebhookTurnEnded,
	} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			c, e := newCounter(t), newEar(t)
			e.moody = true
			c.broker.Open(t, accept.Topic)
			c.processor()
			d := &driver{counter: c, flags: e.flags(t), point: point}
			d.gateway = c.start(append(d.flags, "--failpoint="+string(point))...)
			_, secret := d.endpoint(e, "e1")
			d.sell()
			started := time.Now()
			await.Until(t, func() bool {
				d.revive()
				c.hastenHooks()
				return len(e.types(t)) == 2
			}, 2*time.Minute, 50*time.Millisecond)
			t.Logf("both messages were taken %s after the charge was refunded", time.Since(started).Round(time.Millisecond))
			require.True(t, d.killed)
			var types []string
			for _, one := range e.types(t) {
				types = append(types, one)
			}
			require.ElementsMatch(t, []string{"charge.approved", "refund.done"}, types)
			c.requireActs("CREATE_WEBHOOK_ENDPOINT", "REFUND_CHARGE")
			verifier, err := standard.NewWebhook(secret)
			require.NoError(t, err)
			for i, body := range e.bodies {
				require.NoError(t, verifier.Verify([]byte(body), e.headers[i]))
				require.NotContains(t, body, goodCard)
			}
			var endpoints, deliveries int
			require.NoError(t, c.admin.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM webhook_endpoints), (SELECT count(*) FROM webhook_deliveries)").
				Scan(&endpoints, &deliveries))
			require.Equal(t, []int{1, 2}, []int{endpoints, deliveries})
		})
	}
}
