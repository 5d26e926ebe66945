package rest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/checkouttest"
	shop "codebank.dev/checkout/inmem"
	"codebank.dev/checkout/merchant"
	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/feed"
	"codebank.dev/checkout/payment/inmem"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/payment/rest"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
)

// maria is a member of the merchant paper, and joao of none.
const (
	maria = "5d1f4a1e-0c1a-4f0a-9a55-3f8f7b0f2a10"
	joao  = "7c2e5b2f-1d2b-4e1b-8b66-4f9f8c1f3b21"
)

// gateway is the routes behind walls, over HTTP. Its charges are decided when a test says so.
type gateway struct {
	kit     *wallstest.Kit
	store   payment.Store
	shop    *shop.Store
	log     *logBuffer
	address string
	client  *http.Client
	// paper and beans are secrets for tests of two merchants, live is a live one of paper.
	paper, beans, live string
	// now is the time of the next charge.
	now func() time.Time
	hub *feed.Hub
	// stop ends the program, and returns when it has ended.
	stop func()
}

// logBuffer is a log that many goroutines write.
type logBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// start serves the routes on a store. change may be nil.
func start(t *testing.T, store payment.Store, change func(*rest.Config)) *gateway {
	t.Helper()
	g := &gateway{kit: wallstest.New(t), store: store, shop: shop.NewStore(), log: &logBuffer{}, now: time.Now}
	g.kit.StartIdentity(t)
	require.NoError(t, g.shop.Seed(t.Context(), checkouttest.Seeds(), checkouttest.Start()))
	g.paper, g.beans, g.live = g.secret(t, "paper", merchant.Test), g.secret(t, "beans", merchant.Test), g.secret(t, "paper", merchant.Live)
	member, err := id.Parse(maria)
	require.NoError(t, err)
	_, err = g.shop.AddMember(t.Context(), checkouttest.Act(checkouttest.Operator(), "member"), "paper", member)
	require.NoError(t, err)

	payouts, _ := store.(payment.Payouts) // As the feed and the figures below.
	accepting, err := accept.New(accept.Config{
		Store: store, Payouts: payouts, Key: paymenttest.Keys(t).Signer(accept.Producer), Secret: bytes.Repeat([]byte{7}, 32), Now: func() time.Time { return g.now() },
	})
	require.NoError(t, err)
	source, _ := store.(payment.Feed) // A store that a test has made slower has neither.
	figures, _ := store.(payment.Figures)
	g.hub = feed.New(feed.Config{Source: source})
	config := rest.Config{Store: store, Merchants: g.shop, Feed: g.hub, Figures: figures, Payouts: payouts}
	if change != nil {
		change(&config)
	}
	routes := rest.New(config)
	pages, err := serve.NewPageTokens(bytes.Repeat([]byte{8}, serve.MinPageTokenKey))
	require.NoError(t, err)
	routes.Begin(accepting, pages)
	server, err := serve.Listen(serve.Config{
		Name: "payment-gateway", HTTPAddress: "127.0.0.1:0",
		Walls:  g.kit.Walls(t, "payment-gateway", func(c *serve.WallsConfig) { c.Operators = []string{"operator"} }),
		Logger: slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Permissions: rest.Permissions(),
		Secrets: &merchant.Verifier{Secrets: g.shop, Clock: checkouttest.NewClock()},
	})
	require.NoError(t, err)
	routes.Mount(server)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(t, server.Run(ctx)) })
	running.Go(func() { g.hub.Run(ctx) })
	g.stop = func() { cancel(); running.Wait() }
	t.Cleanup(g.stop)
	g.address, g.client = server.HTTPAddress(), g.kit.HTTP(t, "")
	return g
}

func (g *gateway) secret(t *testing.T, slug string, mode merchant.Mode) string {
	t.Helper()
	service := &merchant.Service{Store: g.shop, Random: rand.Reader}
	_, text, err := service.CreateSecret(t.Context(), checkouttest.Act(checkouttest.Operator(), slug+mode.String()), slug, mode)
	require.NoError(t, err)
	return text
}

// answer is what a request was answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request with a secret, an access token, or with neither. headers are names and values in turn.
func (g *gateway) send(t *testing.T, as, method, path, body string, headers ...string) answer {
	t.Helper()
	got, err := g.try(t.Context(), as, method, path, body, headers...)
	require.NoError(t, err)
	requireTimes(t, got.body)
	return got
}

// aTime is any member of JSON, or field of CSV, that begins as a time does.
var aTime = regexp.MustCompile(`[",](\d{4}-\d\d-\d\dT[^",]*)`)

// requireTimes requires that every time of a text has three digits of the second, in UTC.
func requireTimes(t *testing.T, text string) {
	t.Helper()
	for _, found := range aTime.FindAllStringSubmatch(text, -1) {
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, found[1], text)
	}
}

// try is send for goroutines of a test.
func (g *gateway) try(ctx context.Context, as, method, path, body string, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, "https://"+g.address+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if as != "" {
		request.Header.Set("Authorization", "Bearer "+as)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	got, err := g.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return answer{got.StatusCode, got.Header, string(text)}, err
}

// charge is the body of a request for a charge.
const charge = `{"amount_minor":1250,"currency":"BRL","description":"2 × Café coado",` +
	`"card":{"number":"4111111111111111","holder_name":"MARIA DA SILVA","expiry_month":12,"expiry_year":2031,"cvv":"739"}}`

// create sends a request for a charge under a key.
func (g *gateway) create(t *testing.T, as, key, body string) answer {
	t.Helper()
	return g.send(t, as, "POST", "/v1/charges", body, "Idempotency-Key", key)
}

// created is create for a charge that is accepted; it returns its id.
func (g *gateway) created(t *testing.T, as, key, body string) id.ID {
	t.Helper()
	got := g.create(t, as, key, body)
	require.Equal(t, http.StatusAccepted, got.status, got.body)
	read, err := id.Parse(member[string](t, got.body, "id"))
	require.NoError(t, err)
	return read
}

// decide answers a charge, or an operation on it.
func (g *gateway) decide(t *testing.T, results ...payment.Result) {
	t.Helper()
	applied, err := g.store.Apply(t.Context(), results)
	require.NoError(t, err)
	require.Len(t, applied, len(results))
}

// member returns a member of an answer.
func member[T any](t *testing.T, body, name string) T {
	t.Helper()
	var object map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &object), body)
	value, is := object[name].(T)
	require.True(t, is, "%s in %s", name, body)
	return value
}

// problem reads an answer as problem details with a status.
func problem(t *testing.T, got answer, status int) serve.Problem {
	t.Helper()
	require.Equal(t, status, got.status, got.body)
	require.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
	var read serve.Problem
	require.NoError(t, json.Unmarshal([]byte(got.body), &read), got.body)
	return read
}

// paperOf is the owner that the secret paper is for.
var paperOf = payment.Owner{Merchant: "paper", Mode: payment.Test}

func newStore() payment.Store { return inmem.New() }

// replace returns a text with a part replaced, which it has.
func replace(t *testing.T, text, from, to string) string {
	t.Helper()
	require.Contains(t, text, from)
	return strings.ReplaceAll(text, from, to)
}
