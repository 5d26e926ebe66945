package rest_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/payment/postgres"
	"codebank.dev/checkout/payment/rest"
	checkout "codebank.dev/checkout/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/id"
)

// held is a store in which a request is being accepted by another call until it is let go.
type held struct {
	payment.Store
	letGo chan struct{}
	once  sync.Once
	tried chan struct{} // closed at the first try
}

func hold(store payment.Store) *held {
	return &held{Store: store, letGo: make(chan struct{}), tried: make(chan struct{})}
}

func (h *held) AcceptCharge(ctx context.Context, a *payment.Acceptance) (payment.Charge, bool, error) {
	h.once.Do(func() { close(h.tried) })
	select {
	case <-h.letGo:
		return h.Store.AcceptCharge(ctx, a)
	default:
		return payment.Charge{}, false, payment.ErrRunning
	}
}

func TestARequestWaitsForTheSameOneForAWhile(t *testing.T) {
	store := hold(newStore())
	g := start(t, store, func(c *rest.Config) { c.Wait = 100 * time.Millisecond })
	began := time.Now()
	got := g.create(t, g.paper, "k", charge)
	require.GreaterOrEqual(t, time.Since(began), 100*time.Millisecond)
	require.Equal(t, "REQUEST_RUNNING", problem(t, got, http.StatusConflict).Reason)
	require.Equal(t, "1", got.header.Get("Retry-After"))
}

func TestARequestIsAnsweredWhenTheSameOneHasEnded(t *testing.T) {
	store := hold(newStore())
	g := start(t, store, func(c *rest.Config) { c.Wait = time.Minute })
	answers := make(chan answer, 1)
	go func() {
		got, err := g.try(t.Context(), g.paper, "POST", "/v1/charges", charge, "Idempotency-Key", "k")
		if err != nil {
			t.Error(err)
		}
		answers <- got
	}()
	<-store.tried
	close(store.letGo)
	require.Equal(t, http.StatusAccepted, (<-answers).status)
}

// slow is a store whose first commit lasts until it is let go.
type slow struct {
	payment.Store
	begun, letGo chan struct{}
	again        atomic.Bool
}

func (s *slow) AcceptCharge(ctx context.Context, a *payment.Acceptance) (payment.Charge, bool, error) {
	if !s.again.Swap(true) {
		close(s.begun)
		<-s.letGo
	}
	return s.Store.AcceptCharge(ctx, a)
}

// Within a process an equal request waits for the first one, and other requests wait for nothing.
func TestOnlyEqualRequestsWait(t *testing.T) {
	store := &slow{Store: newStore(), begun: make(chan struct{}), letGo: make(chan struct{})}
	g := start(t, store, func(c *rest.Config) { c.Wait = 200 * time.Millisecond })
	first := make(chan answer, 1)
	go func() {
		got, err := g.try(t.Context(), g.paper, "POST", "/v1/charges", charge, "Idempotency-Key", "k")
		if err != nil {
			t.Error(err)
		}
		first <- got
	}()
	<-store.begun
	require.Equal(t, "REQUEST_RUNNING", problem(t, g.create(t, g.paper, "k", charge), http.StatusConflict).Reason)
	g.created(t, g.paper, "other", charge)
	g.created(t, g.beans, "k", charge)
	close(store.letGo)
	got := <-first
	require.Equal(t, http.StatusAccepted, got.status, got.body)
	again := g.create(t, g.paper, "k", charge)
	require.Equal(t, got.body, again.body)
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
}

// broken is a store whose programmer made a mistake.
type broken struct{ payment.Store }

func (broken) AcceptCharge(_ context.Context, a *payment.Acceptance) (payment.Charge, bool, error) {
	var none []int
	return a.Charge, none[len(a.Key)] == 0, nil
}

// A panic is answered as a failure of ours; neither the answer nor the log has anything of the card or the secret, and
// an equal request does not wait for what will never end.
func TestAPanicShowsNothing(t *testing.T) {
	g := start(t, broken{newStore()}, nil)
	for range 2 {
		got := g.create(t, g.paper, "k", replace(t, charge, "4111111111111111", plantedNumber))
		require.Equal(t, "INTERNAL", problem(t, got, http.StatusInternalServerError).Reason)
		require.NotContains(t, got.body, plantedNumber)
	}
	require.Contains(t, g.log.String(), "panic in a handler")
	for _, secret := range []string{plantedNumber, "MARIA", g.paper} {
		require.NotContains(t, g.log.String(), secret)
	}
}

// openDatabase returns charges in Postgres, and an administrator's connection.
func openDatabase(t *testing.T) (payment.Store, *pgx.Conn) {
	t.Helper()
	url := postgrestest.Database(t)
	pool, err := database.Open(t.Context(), database.Config{URL: url, ApplicationName: "test"})
	require.NoError(t, err)
	require.NoError(t, pool.Migrate(t.Context(), checkout.Schema(), func() {}))
	pool.Close()
	store, err := postgres.Open(t.Context(), postgres.Config{URL: databasetest.As(t, url, checkout.PaymentGatewayRole)})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler), checkout.Schema()))
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	_, err = conn.Exec(t.Context(), "INSERT INTO merchants (slug, name) VALUES ('paper', 'Papelaria')")
	require.NoError(t, err)
	return store, conn
}

// One key that is sent a hundred times at once makes one charge, and each answer is the first one, or 409 after the
// wait. Postgres arbitrates, as between replicas.
func TestOneKeyMakesOneChargeHoweverOftenItIsSent(t *testing.T) {
	store, conn := openDatabase(t)
	g := start(t, store, nil)
	const senders = 100
	began := time.Now()
	answers := make(chan answer, senders)
	var group sync.WaitGroup
	for range senders {
		group.Go(func() {
			got, err := g.try(t.Context(), g.paper, "POST", "/v1/charges", charge, "Idempotency-Key", "one")
			if err != nil {
				t.Error(err)
				return
			}
			answers <- got
		})
	}
	group.Wait()
	close(answers)
	body, firsts, running := "", 0, 0
	for got := range answers {
		if got.status == http.StatusConflict {
			running++
			continue
		}
		require.Equal(t, http.StatusAccepted, got.status, got.body)
		if body == "" {
			body = got.body
		}
		require.Equal(t, body, got.body)
		if got.header.Get("Idempotency-Replayed") == "" {
			firsts++
		}
	}
	t.Logf("%d of %d were told that the request is running, in %s", running, senders, time.Since(began))
	require.Equal(t, 1, firsts)
	require.Less(t, running, senders)
	var charges, requests, records int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM charges), (SELECT count(*) FROM charge_requests),
		(SELECT count(*) FROM charge_outbox)`).Scan(&charges, &requests, &records))
	require.Equal(t, []int{1, 1, 1}, []int{charges, requests, records})
}

// The whole way over the real database.
func TestTheRoutesWorkOnPostgres(t *testing.T) {
	store, _ := openDatabase(t)
	g := start(t, store, nil)
	one := g.created(t, g.paper, "k", authorizedOnly)
	decided := paymenttest.Approval(one, id.ID{})
	decided.Decision.ExpiresAt = time.Now().Add(time.Hour)
	decided.At = time.Now()
	g.decide(t, decided)
	captured := g.operated(t, one, "capture", "c", `{"amount_minor":1000}`)
	done := paymenttest.Approval(one, captured.id(t))
	done.At = time.Now()
	g.decide(t, done)
	refunded := g.operated(t, one, "refund", "r", "")
	require.EqualValues(t, 1000, refunded.AmountMinor)
	first := g.create(t, g.paper, "k", authorizedOnly)
	require.Equal(t, "pending", member[string](t, first.body, "status"))
	require.Equal(t, "true", first.header.Get("Idempotency-Replayed"))
	require.Equal(t, []string{one.String()}, g.list(t, g.paper, "status=approved&created_from=2020-01-01T00:00:00Z&created_to=2999-01-01T00:00:00Z"))
	require.Equal(t, http.StatusOK, g.send(t, g.paper, "GET", "/v1/charges?created_from=0000-01-01T00:00:00Z&created_to=9999-12-31T23:59:59.999999999-23:59", "").status)
	read := g.send(t, g.paper, "GET", "/v1/charges/"+one.String()+"/operations", "")
	require.Equal(t, `"v5"`, read.header.Get("ETag"))
	require.Len(t, member[[]any](t, read.body, "operations"), 2)
}
