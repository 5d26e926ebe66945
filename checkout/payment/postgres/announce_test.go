package postgres_test

import (
	"context"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/announce"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/payment/postgres"
	checkout "codebank.dev/checkout/postgres"
	"codebank.dev/native/await"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox/kafka"
	"codebank.dev/platform/registry"
	"codebank.dev/schemas"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
)

// announcing is a database of charges with a broker and a registry for their events.
type announcing struct {
	*opened
	cluster  *kfake.Cluster
	registry *registry.Registry
}

func newAnnouncing(t *testing.T) *announcing {
	t.Helper()
	a := &announcing{opened: open(t)}
	var err error
	a.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, announce.Topic))
	require.NoError(t, err)
	t.Cleanup(a.cluster.Close)
	fake := srfake.New()
	t.Cleanup(fake.Close)
	client, err := registry.New(fake.URL(), registry.Timeout, nil)
	require.NoError(t, err)
	versions, err := schemas.Schemas("charge-events")
	require.NoError(t, err)
	_, err = client.CreateSchema(t.Context(), schemas.Subject(announce.Topic), sr.Schema{Schema: versions[0].Schema, Type: sr.TypeAvro})
	require.NoError(t, err)
	a.registry = registry.Remember(client, nil)
	return a
}

// start runs a relay of a process of its own, which calls a hook at its failpoints. The channel closes when it ends.
func (a *announcing) start(t *testing.T, hook failpoint.Hook) (ended <-chan struct{}) {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Config{URL: databasetest.As(t, a.url, checkout.PaymentGatewayRole), Failpoint: hook})
	require.NoError(t, err)
	publisher, err := kafka.New(kafka.Config{
		ClientID: "test", Brokers: a.cluster.ListenAddrs(), Registry: a.registry, Failpoint: hook,
		ClientOptions: []kgo.Opt{kgo.MetadataMinAge(10 * time.Millisecond)},
	})
	require.NoError(t, err)
	relay := announce.New(announce.Config{Store: store, Publisher: publisher, Batch: 3, Lease: 2 * time.Second, Poll: 5 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		relay.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		publisher.Close()
		store.Close()
	})
	return done
}

// live accepts and approves charges of two owners.
func (a *announcing) live(t *testing.T, name string, charges int) {
	t.Helper()
	for i := range charges {
		owner := []payment.Owner{paymenttest.Cafe, paymenttest.OtherMode}[i%2]
		stored, _, err := a.store.AcceptCharge(t.Context(), paymenttest.Acceptance(t, owner, name+strconv.Itoa(i), true))
		require.NoError(t, err)
		_, err = a.store.Apply(t.Context(), []payment.Result{paymenttest.Approval(stored.ID, id.ID{})})
		require.NoError(t, err)
	}
}

// requirePublished reads the topic until it has events, and checks their order.
func (a *announcing) requirePublished(t *testing.T, events int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(a.cluster.ListenAddrs()...), kgo.ConsumeTopics(announce.Topic))
	require.NoError(t, err)
	defer client.Close()
	decoder, err := command.NewDecoder[command.ChargeEvent]("")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	next, found := map[string]int64{}, map[string]command.ChargeEvent{}
	for len(found) < events {
		fetches := client.PollFetches(ctx)
		require.NoError(t, ctx.Err(), "%d of %d events", len(found), events)
		fetches.EachRecord(func(record *kgo.Record) {
			_, body, err := event.ParseFrame(record.Value)
			require.NoError(t, err)
			read, err := decoder.Decode(body)
			require.NoError(t, err)
			if before, known := found[read.EventID]; known {
				require.Equal(t, before, read)
				return
			}
			found[read.EventID] = read
			next[string(record.Key)]++
			require.Equal(t, next[string(record.Key)], read.Sequence, "of %s", record.Key)
		})
	}
}

// A relay that dies between any two steps leaves its events to the next one, when its claim is over.
func TestARelayThatDiesLosesNoEventAndNoOrder(t *testing.T) {
	for _, point := range []failpoint.Point{failpoints.ChargeEventsClaimed, kafka.RowsPublished, failpoints.ChargeEventsAnnounced} {
		t.Run(string(point), func(t *testing.T) {
			a := newAnnouncing(t)
			a.live(t, "a", 6)
			dead := a.start(t, func(passed failpoint.Point) {
				if passed == point {
					runtime.Goexit()
				}
			})
			<-dead
			a.live(t, "b", 4)
			a.start(t, nil)
			a.requirePublished(t, 20)
		})
	}
}

// Two relays share the owners; the events stay in order while charges are accepted and decided.
func TestTwoRelaysPublishEachEventInItsOrder(t *testing.T) {
	a := newAnnouncing(t)
	a.start(t, nil)
	a.start(t, nil)
	a.live(t, "a", 40)
	a.requirePublished(t, 80)
	await.Until(t, func() bool {
		var behind int
		err := a.conn.QueryRow(t.Context(), `SELECT count(*) FROM merchant_sequences s JOIN charge_feed f USING (merchant, mode)
			WHERE f.published < s.sequence`).Scan(&behind)
		return err == nil && behind == 0
	}, time.Minute, 10*time.Millisecond)
}
