package webhooks_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/paymenttest"
	payments "codebank.dev/checkout/payment/postgres"
	checkout "codebank.dev/checkout/postgres"
	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/webhooks"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/id"
)

// world is a migrated database with merchants' charges, as the payment gateway's role sees it.
type world struct {
	*testing.T
	url      string
	admin    *pgx.Conn
	payments *payments.Store
	keys     *webhook.Keys
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, url: postgrestest.Database(t)}
	pool, err := database.Open(t.Context(), database.Config{URL: w.url, ApplicationName: "test"})
	require.NoError(t, err)
	require.NoError(t, pool.Migrate(t.Context(), checkout.Schema(), func() {}))
	pool.Close()
	w.admin, err = pgx.Connect(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.admin.Close(context.Background()) })
	for _, merchant := range []string{paymenttest.Cafe.Merchant, paymenttest.Other.Merchant} {
		w.exec("INSERT INTO merchants (slug, name) VALUES ($1, $1)", merchant)
	}
	w.url = databasetest.As(t, w.url, checkout.PaymentGatewayRole)
	w.payments, err = payments.Open(t.Context(), payments.Config{URL: w.url})
	require.NoError(t, err)
	t.Cleanup(w.payments.Close)
	require.NoError(t, w.payments.Prepare(t.Context(), silent, checkout.Schema()))
	w.keys, err = webhook.ParseKeys([]byte(strings.Repeat("0f", 32)))
	require.NoError(t, err)
	return w
}

var silent = slog.New(slog.DiscardHandler)

func (w *world) exec(sql string, args ...any) {
	w.Helper()
	_, err := w.admin.Exec(w.Context(), sql, args...)
	require.NoError(w, err)
}

// charge accepts a charge under a key and has it approved.
func (w *world) charge(owner payment.Owner, key string) id.ID {
	w.Helper()
	a := paymenttest.Acceptance(w, owner, key, true)
	_, _, err := w.payments.AcceptCharge(w.Context(), a)
	require.NoError(w, err)
	_, err = w.payments.Apply(w.Context(), []payment.Result{paymenttest.Approval(a.Charge.ID, id.ID{})})
	require.NoError(w, err)
	return a.Charge.ID
}

// program is Webhooks that run.
type program struct {
	*webhooks.Webhooks
	ctx  context.Context
	stop func()
}

// run runs Webhooks until the test ends or stop is called.
func (w *world) run(pool *x509.CertPool, hook failpoint.Hook) *program {
	w.Helper()
	opened, err := webhooks.Open(w.Context(), webhooks.Config{
		DatabaseURL: w.url, Feed: w.payments, Keys: w.keys, Allowed: here, Authorities: pool, Logger: silent, Failpoint: hook,
	})
	require.NoError(w, err)
	require.NoError(w, opened.Prepare(w.Context(), checkout.Schema()))
	require.NoError(w, opened.Ready(w.Context()))
	ctx, cancel := context.WithCancel(w.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); opened.Run(ctx) }()
	p := &program{Webhooks: opened, ctx: w.Context(), stop: sync.OnceFunc(func() { cancel(); <-ended; opened.Close() })}
	w.Cleanup(p.stop)
	return p
}

var here = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// endpoint makes an endpoint of an owner for what comes of charges.
func (p *program) endpoint(t *testing.T, owner payment.Owner, key, url string) (webhook.Endpoint, webhook.Secret) {
	t.Helper()
	created, err := p.create(owner, key, url)
	require.NoError(t, err)
	return created.Endpoint, created.Secret
}

// gather returns the figures of a program as text.
func gather(t *testing.T, p *program) (text string) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(p))
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		metric := family.GetMetric()[0]
		text += fmt.Sprintln(family.GetName(), metric.GetCounter().GetValue()+metric.GetGauge().GetValue())
	}
	return text
}

// message is what a receiver was sent.
type message struct {
	id, body string
	header   http.Header
}

// receiver is an endpoint on this machine. It keeps what it is sent, and answers as answer says.
type receiver struct {
	*httptest.Server
	pool  *x509.CertPool
	mutex sync.Mutex
	had   []message
}

func newReceiver(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{pool: x509.NewCertPool()}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mutex.Lock()
		r.had = append(r.had, message{request.Header.Get("Webhook-Id"), string(body), request.Header.Clone()})
		r.mutex.Unlock()
		if answer != nil {
			answer(w, request)
		}
	}))
	r.StartTLS()
	t.Cleanup(r.Close)
	r.pool.AddCert(r.Certificate())
	return r
}

func (r *receiver) messages() []message {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return append([]message(nil), r.had...)
}

func (r *receiver) await(t *testing.T, n int) []message {
	t.Helper()
	await.Until(t, func() bool { return len(r.messages()) >= n }, time.Minute, 5*time.Millisecond)
	return r.messages()
}

func TestAnEventReachesItsEndpointSigned(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	p := w.run(r.pool, nil)
	w.charge(paymenttest.Cafe, "before")
	endpoint, secret := p.endpoint(t, paymenttest.Cafe, "e1", r.URL)
	p.endpoint(t, paymenttest.Other, "e1", r.URL+"/other")
	charge := w.charge(paymenttest.Cafe, "k1")

	had := r.await(t, 1)
	verifier, err := standard.NewWebhook(secret.Reveal())
	require.NoError(t, err)
	require.NoError(t, verifier.Verify([]byte(had[0].body), had[0].header))
	require.Equal(t, webhook.DeliveryID(endpoint.ID, 4).String(), had[0].id)
	var told struct {
		Type string
		Data struct {
			Sequence int
			Charge   struct {
				ID, Status, Mode string
				CapturedMinor    int64 `json:"captured_minor"`
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(had[0].body), &told))
	require.Equal(t, "charge.approved", told.Type)
	require.Equal(t, charge.String(), told.Data.Charge.ID)
	require.Equal(t, "approved", told.Data.Charge.Status)
	require.Equal(t, "test", told.Data.Charge.Mode)
	require.EqualValues(t, paymenttest.Minor, told.Data.Charge.CapturedMinor)
	require.NotContains(t, had[0].body, "4111111111111111")
	w.awaitNothingPending()
	require.Len(t, r.messages(), 1, "what happened before the endpoint was made, and to others, is not told")
}

// awaitNothingPending waits until no delivery is pending and no job is there to run.
func (w *world) awaitNothingPending() {
	w.Helper()
	await.Until(w, func() bool {
		var left int
		require.NoError(w, w.admin.QueryRow(w.Context(), `SELECT (SELECT count(*) FROM webhook_deliveries WHERE state = 1)
			+ (SELECT count(*) FROM river.river_job WHERE kind = 'deliver_webhooks' AND state <> 'completed')
			+ (SELECT count(*) FROM webhook_cursors c JOIN merchant_sequences s USING (merchant, mode) WHERE s.sequence > c.sequence)`).Scan(&left))
		return left == 0
	}, time.Minute, 10*time.Millisecond)
}
