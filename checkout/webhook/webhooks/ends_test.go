package webhooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/failpoints"
	"codebank.dev/checkout/webhook/postgres"
	"codebank.dev/checkout/webhook/queue"
	"codebank.dev/platform/failpoint"
)

// What ends between two durable steps, as if its program was killed there, is done whole by whoever does it again.
// The other points kill the program itself, in its own tests.
func TestWorkThatEndsBetweenTwoStepsIsDoneAgain(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	p := w.run(r.pool, nil)
	endpoint, _ := p.endpoint(t, paymenttest.Cafe, "e", r.URL)
	w.charge(paymenttest.Cafe, "k1")
	r.await(t, 1)
	w.awaitNothingPending()
	delivery := p.only(t, &endpoint)

	jobs, err := queue.NewEnqueuer()
	require.NoError(t, err)
	// ending returns a store whose process ends at a point.
	ending := func(point failpoint.Point) *postgres.Store {
		store, err := postgres.Open(t.Context(), postgres.Config{URL: w.url, Keys: w.keys, Jobs: jobs, MaxConnections: 1, Failpoint: func(met failpoint.Point) {
			if met == point {
				panic(point)
			}
		}})
		require.NoError(t, err)
		t.Cleanup(store.Close)
		return store
	}
	resend := postgres.Resend{Owner: endpoint.Owner, Endpoint: endpoint.ID, Delivery: delivery.ID}
	require.PanicsWithValue(t, failpoints.WebhookResent, func() { _, _ = ending(failpoints.WebhookResent).Resend(t.Context(), resend, time.Now()) })
	require.Equal(t, delivery.ID.String(), r.await(t, 2)[1].id)
	w.awaitNothingPending()

	p.stop()
	overdue := "UPDATE webhook_deliveries SET state = 1, tries = 0, next_at = now() - interval '11 minutes', ended_at = NULL"
	w.exec(overdue)
	require.PanicsWithValue(t, failpoints.WebhookJobsFound, func() { _ = ending(failpoints.WebhookJobsFound).Revive(t.Context(), time.Now()) })
	var count int
	require.NoError(t, w.admin.QueryRow(t.Context(), "SELECT count(*) FROM river.river_job WHERE kind = 'deliver_webhooks' AND state = 'scheduled'").Scan(&count))
	require.Equal(t, 1, count)

	now := time.Now()
	require.NoError(t, ending("").Drop(t.Context(), endpoint.ID, now))
	kept, err := ending("").Delivery(t.Context(), resend)
	require.NoError(t, err)
	require.Equal(t, webhook.DeliveryPending, kept.State, "the endpoint is on: nothing of it is dropped")
	due, err := ending("").Due(t.Context(), endpoint.ID, now, 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	w.exec("UPDATE webhook_endpoints SET enabled = false, disabled_why = 'MERCHANT'")
	due, err = ending("").Due(t.Context(), endpoint.ID, now, 10)
	require.NoError(t, err)
	require.Empty(t, due, "a turn sends nothing more to an endpoint that was switched off meanwhile")
	require.PanicsWithValue(t, failpoints.WebhookDropped, func() { _ = ending(failpoints.WebhookDropped).Drop(t.Context(), endpoint.ID, now) })
	plain := ending("")
	require.NoError(t, plain.Drop(t.Context(), endpoint.ID, now))
	dropped, err := plain.Delivery(t.Context(), resend)
	require.NoError(t, err)
	require.Equal(t, webhook.Dropped, dropped.State)

	late := now.Add(webhook.KeepLog + time.Minute)
	require.PanicsWithValue(t, failpoints.WebhookLogCleaned, func() { _ = ending(failpoints.WebhookLogCleaned).Clean(t.Context(), late) })
	require.NoError(t, plain.Clean(t.Context(), late))
	_, err = plain.Delivery(t.Context(), resend)
	require.ErrorIs(t, err, webhook.ErrNoDelivery)
}
