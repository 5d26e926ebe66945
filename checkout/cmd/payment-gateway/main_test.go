package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/checkout/merchant"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/postgres"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/wallstest"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

// counter outlives the programs: their database, their broker and two merchants with a test secret each.
type counter struct {
	*testing.T
	kit    *wallstest.Kit
	broker *paymenttest.Broker
	url    string
	admin  *pgx.Conn
	// secrets are those of the café and of the bookshop.
	secrets map[string]string
}

const cafe, bookshop = "cafe", "livraria"

// newCounter returns a counter whose broker is away.
func newCounter(t *testing.T) *counter {
	t.Helper()
	c := &counter{T: t, kit: wallstest.New(t), broker: paymenttest.NewBroker(t), url: postgrestest.Database(t), secrets: make(map[string]string)}
	c.kit.StartIdentity(t)
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: c.url}))
	var err error
	c.admin, err = pgx.Connect(t.Context(), c.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.admin.Close(context.Background()) })
	for _, slug := range []string{cafe, bookshop} {
		_, err = c.admin.Exec(t.Context(), "INSERT INTO merchants (slug, name) VALUES ($1, $1)", slug)
		require.NoError(t, err)
		c.secrets[slug] = c.newSecret(slug, merchant.Test)
	}
	return c
}

// newSecret gives a merchant his first secret of a mode.
func (c *counter) newSecret(slug string, mode merchant.Mode) string {
	c.Helper()
	made, text, err := merchant.NewSecret(slug, mode, time.Now(), rand.Reader)
	require.NoError(c, err)
	hash := merchant.HashOf(text)
	_, err = c.admin.Exec(c.Context(), `INSERT INTO merchant_secrets (id, merchant, mode, slot, hash, last4, created_at)
		VALUES ($1, $2, $3, 1, $4, $5, $6)`, [16]byte(made.ID), slug, int16(mode), hash[:], made.Last4, made.CreatedAt)
	require.NoError(c, err)
	return text
}

// process is a running payment gateway.
type process struct {
	*programtest.Program
	client  *http.Client
	address string
}

// gateway starts the program until it is ready or has ended.
func (c *counter) gateway(flags ...string) (p *process, ready bool) {
	c.Helper()
	p = &process{client: c.kit.HTTP(c.T, "")}
	p.Program = programtest.Start(c.T, nil, slices.Concat(c.kit.Flags(c.T, accept.Producer), c.broker.Flags(
		"--http-address=127.0.0.1:0", "--database-url="+databasetest.As(c.T, c.url, postgres.PaymentGatewayRole)), flags)...)
	p.Client = p.client
	addresses, ready := p.AwaitReady(c.T)
	p.address = addresses.HTTP
	return p, ready
}

func (c *counter) start(flags ...string) *process {
	c.Helper()
	p, ready := c.gateway(flags...)
	require.True(c, ready, p.Log())
	return p
}

// processor starts the other program.
func (c *counter) processor(flags ...string) *programtest.Program {
	c.Helper()
	files := c.kit.Files(c.T, "payment-processor")
	return programtest.StartPackage(c.T, "codebank.dev/checkout/cmd/payment-processor", nil, slices.Concat(c.broker.Flags(
		"--http-address=127.0.0.1:0", "--database-url="+databasetest.As(c.T, c.url, postgres.PaymentProcessorRole),
		"--tls-certificate="+files.Certificate, "--tls-key="+files.Key, "--tls-authority="+files.Authority), flags)...)
}

// hasten makes every request due, as it is by itself when its claim or its wait is over.
func (c *counter) hasten() {
	_, err := c.admin.Exec(c.Context(), "UPDATE charge_outbox SET due_at = now()")
	require.NoError(c, err)
}

// shown is a charge as the program answers it.
type shown struct {
	ID, Status    string
	AmountMinor   int64 `json:"amount_minor"`
	RefundedMinor int64 `json:"refunded_minor"`
	Error         *struct{ Code, Reason, Message string }
}

// send sends a request with a secret or an access token and returns the answer and its body; of a stream the first
// line. It returns no answer if the program ends before it.
func (p *process) send(t *testing.T, secret, method, path, key, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "https://"+p.address+path, strings.NewReader(body))
	require.NoError(t, err)
	if secret != "" {
		request.Header.Set("Authorization", "Bearer "+secret)
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := p.client.Do(request)
	if err != nil {
		return nil, err.Error()
	}
	defer answer.Body.Close()
	if answer.Header.Get("Content-Type") == "text/event-stream" {
		line, err := bufio.NewReader(answer.Body).ReadString('\n')
		require.NoError(t, err)
		return answer, line
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err.Error()
	}
	return answer, string(text)
}

func chargeOf(card string, capture bool) string {
	return fmt.Sprintf(`{"amount_minor": 4250, "currency": "BRL", "capture": %t, "description": "Coffee", "card": {"number": %q,
		"holder_name": "MARIA DA SILVA", "expiry_month": 12, "expiry_year": 2039, "cvv": "987"}}`, capture, card)
}

// charge returns an accepted charge.
func (p *process) charge(t *testing.T, secret, key, body string) (made shown) {
	t.Helper()
	answer, text := p.send(t, secret, "POST", "/v1/charges", key, body)
	require.NotNil(t, answer, text)
	require.Equal(t, 202, answer.StatusCode, text)
	require.NoError(t, json.Unmarshal([]byte(text), &made))
	require.Equal(t, "pending", made.Status, "a repeat too is answered as it was accepted")
	return made
}

// await waits until a charge is as it should be.
func (p *process) await(t *testing.T, secret, id string, done func(*shown) bool) (now shown) {
	t.Helper()
	await.Until(t, func() bool {
		answer, text := p.send(t, secret, "GET", "/v1/charges/"+id, "", "")
		require.NotNil(t, answer, text)
		require.Equal(t, 200, answer.StatusCode, text)
		now = shown{}
		require.NoError(t, json.Unmarshal([]byte(text), &now))
		return done(&now)
	}, time.Minute, 5*time.Millisecond)
	return now
}

func isDecided(s *shown) bool { return s.Status != "pending" }

const goodCard, poorCard = "4111111111111111", "4000000000009995"

// Charges are taken without a broker and decided when it is there. No record and no row has a card number, a security
// code or a secret in clear, and nobody sees another's charge.
func TestChargesAreTakenWithoutABrokerAndDecidedLater(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	p := c.start()
	processor := c.processor()
	good, poor := p.charge(t, c.secrets[cafe], "good", chargeOf(goodCard, true)), p.charge(t, c.secrets[cafe], "poor", chargeOf(poorCard, true))
	answer, text := p.send(t, c.secrets[bookshop], "GET", "/v1/charges/"+good.ID, "", "")
	require.Equal(t, 404, answer.StatusCode, text)
	client := c.broker.Open(t, accept.Topic)
	c.hasten()
	require.Equal(t, "approved", p.await(t, c.secrets[cafe], good.ID, isDecided).Status)
	rejected := p.await(t, c.secrets[cafe], poor.ID, isDecided)
	require.Equal(t, "rejected", rejected.Status)
	require.Equal(t, "INSUFFICIENT_FUNDS", rejected.Error.Reason)
	require.Equal(t, "you dont have limit for this transaction", rejected.Error.Message)

	answer, text = p.send(t, c.secrets[cafe], "POST", "/v1/charges/"+good.ID+"/refund", "back", `{"amount_minor": 250}`)
	require.Equal(t, 202, answer.StatusCode, text)
	p.await(t, c.secrets[cafe], good.ID, func(s *shown) bool { return s.RefundedMinor == 250 })
	c.requireNoSecrets(client, p.Log()+processor.Log())
	_, metrics := p.send(t, "", "GET", "/metrics", "", "")
	require.Contains(t, metrics, "codebank_payment_gateway_requests_waiting 0\n")
	require.Contains(t, metrics, `codebank_payment_gateway_decided_total{decision="rejected"} 1`+"\n")
}

// requireNoSecrets fails if a topic, a table or a log has what nobody may read.
func (c *counter) requireNoSecrets(client *kgo.Client, logs string) {
	c.Helper()
	texts := map[string]string{"logs": logs}
	for read := 0; read < 3; {
		fetched := client.PollFetches(c.Context())
		require.NoError(c, fetched.Err())
		fetched.EachRecord(func(r *kgo.Record) { texts["topic"] += string(r.Key) + string(r.Value); read++ })
	}
	tables, err := c.admin.Query(c.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
	require.NoError(c, err)
	names, err := pgx.CollectRows(tables, pgx.RowTo[string])
	require.NoError(c, err)
	for _, table := range names {
		var dump *string
		require.NoError(c, c.admin.QueryRow(c.Context(), "SELECT string_agg(x::text, ' ') FROM "+pgx.Identifier{table}.Sanitize()+" x").Scan(&dump))
		if dump != nil {
			texts[table] = *dump
		}
	}
	require.Contains(c, texts["charges"], "411111", "the issuer's number stays")
	for where, text := range texts {
		for _, secret := range []string{goodCard, poorCard, `"987"`, c.secrets[cafe], fmt.Sprintf("%x", goodCard)} {
			require.NotContains(c, text, secret, where)
		}
	}
}

// An alarm on a figure that is absent never fires, so the figures are there before the database is.
func TestFiguresWithAnAlarmAreThereFromTheStart(t *testing.T) {
	t.Parallel()
	broker := paymenttest.NewBroker(t)
	p := programtest.Start(t, nil, broker.Flags("--http-address=127.0.0.1:0", "--database-url="+programtest.NoDatabase, "--insecure=shop",
		"--token-issuer=https://identity.test", "--token-audience=codebank", "--token-keys=https://identity.test/keys")...)
	addresses := p.AwaitListening(t)
	p.Await(t, func() bool {
		answer, err := programtest.Get("http://" + addresses.HTTP + "/metrics")
		if err != nil || answer.Status != http.StatusOK {
			return false
		}
		for _, line := range []string{"oldest_request_seconds +Inf", "requests_waiting +Inf", "relay_away "} {
			require.Contains(t, answer.Body, "\ncodebank_payment_gateway_"+line)
		}
		return true
	})
}
