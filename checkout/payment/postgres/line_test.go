package postgres_test

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/payment/processor"
	"codebank.dev/checkout/payment/results"
	"codebank.dev/native/await"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	"codebank.dev/platform/outbox"
	"codebank.dev/platform/outbox/kafka"
	"codebank.dev/platform/registry"
	"codebank.dev/schemas"
)

// line is the two programs with a broker, a registry and a database between them.
type line struct {
	*opened
	cluster   *kfake.Cluster
	publisher *kafka.Publisher
	accept    *accept.Service
	processor *processor.Handler
	results   *results.Handler
}

func newLine(t *testing.T) *line {
	t.Helper()
	l := &line{opened: open(t)}
	var err error
	l.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, accept.Topic, processor.ResultTopic))
	require.NoError(t, err)
	t.Cleanup(l.cluster.Close)
	fake := srfake.New()
	t.Cleanup(fake.Close)
	client, err := registry.New(fake.URL(), registry.Timeout, nil)
	require.NoError(t, err)
	for topic, folder := range map[string]string{accept.Topic: "charges", processor.ResultTopic: "charge-results"} {
		versions, err := schemas.Schemas(folder)
		require.NoError(t, err)
		_, err = client.CreateSchema(t.Context(), schemas.Subject(topic), sr.Schema{Schema: versions[0].Schema, Type: sr.TypeAvro})
		require.NoError(t, err)
	}
	l.publisher, err = kafka.New(kafka.Config{
		ClientID: "test", Brokers: l.cluster.ListenAddrs(), Registry: registry.Remember(client, nil),
		ClientOptions: []kgo.Opt{kgo.MetadataMinAge(10 * time.Millisecond)},
	})
	require.NoError(t, err)
	t.Cleanup(l.publisher.Close)
	keys := paymenttest.Keys(t)
	l.accept, err = accept.New(accept.Config{Store: l.store, Key: keys.Signer(accept.Producer), Secret: bytes.Repeat([]byte{7}, 32), Now: time.Now})
	require.NoError(t, err)
	l.processor = processor.New(processor.Config{Cards: l.keys, Publisher: l.publisher, Keys: keys, Now: time.Now})
	l.results = results.New(results.Config{Store: l.store, Keys: keys, Logger: slog.New(slog.DiscardHandler)})
	return l
}

// run lets the relay and both readers work until the function that it returns is called.
func (l *line) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	relay := outbox.New(outbox.Config{Store: l.store, Publisher: l.publisher, Poll: 10 * time.Millisecond})
	group.Go(func() { relay.Run(ctx) })
	for _, config := range []consumer.Config{
		{Topic: accept.Topic, Group: processor.Reader, Handler: l.processor, Offsets: l.keys.Offsets()},
		{Topic: processor.ResultTopic, Group: "checkout.charge-results", Handler: l.results, Offsets: l.store.Offsets()},
	} {
		config.Brokers, config.DeadLetters = l.cluster.ListenAddrs(), results.NoLetters{}
		config.ClientOptions = []kgo.Opt{kgo.MetadataMinAge(10 * time.Millisecond)}
		reader, err := consumer.New(config)
		require.NoError(t, err)
		group.Go(func() { reader.Run(ctx) })
	}
	return func() {
		cancel()
		group.Wait()
	}
}

// charge accepts charges of 100.00, 200.00 and so on; those above 1000.00 are rejected.
func (l *line) charge(t *testing.T, name string, count int) {
	t.Helper()
	for i := range count {
		_, _, err := l.accept.Charge(t.Context(), paymenttest.Cafe, &accept.ChargeRequest{
			Key: name + strconv.Itoa(i), Amount: money.Amount{Minor: int64(i+1) * 10_000, Currency: money.MustCurrency("BRL")}, CaptureNow: true,
			Card: field.RawCardData{Number: "4111111111111111", HolderName: "MARIA", CVV: "739", ExpiryMonth: 12, ExpiryYear: 2099},
		})
		require.NoError(t, err)
	}
}

// awaitDecided waits until no charge is pending, and returns the charges.
func (l *line) awaitDecided(t *testing.T) []payment.Charge {
	t.Helper()
	const all = 1_000
	await.Until(t, func() bool {
		pending, err := l.store.Charges(t.Context(), paymenttest.Cafe, payment.Page{State: payment.Pending, Size: all})
		return err == nil && len(pending) == 0
	}, time.Minute, 20*time.Millisecond)
	charges, err := l.store.Charges(t.Context(), paymenttest.Cafe, payment.Page{Size: all})
	require.NoError(t, err)
	return charges
}

// What is accepted while nothing runs is decided once something does, also after both programs were ended in between
// and began again where they were.
func TestWhatIsAcceptedIsDecidedThroughTheTopics(t *testing.T) {
	l := newLine(t)
	const each = 15
	l.charge(t, "a", each)
	stop := l.run(t)
	require.Len(t, l.awaitDecided(t), each)
	stop()
	l.charge(t, "b", each)
	stop = l.run(t)
	charges := l.awaitDecided(t)
	stop()
	require.Len(t, charges, 2*each)
	for _, charge := range charges {
		want := payment.Approved
		if charge.Amount.Minor > 100_000 {
			want = payment.Rejected
		}
		require.Equal(t, want, charge.State, "%d", charge.Amount.Minor)
		require.Equal(t, int64(2), charge.Version)
	}
	decided := l.results.Stats()
	require.Equal(t, results.Stats{Approved: decided.Approved, Rejected: 2*each - decided.Approved}, decided, "each answer counts once")
	events, err := paymenttest.EventsOf(l.store.Changes(t.Context(), paymenttest.Cafe, 0, 10*each))
	require.NoError(t, err)
	require.Len(t, events, 4*each)
}
