package kafka_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/platform/outbox/kafka"
	"codebank.dev/platform/registry"
	"codebank.dev/schemas"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
)

const topic = "bank-001.commands.v1"

// world is a broker and a registry, which may be away.
type world struct {
	cluster  *kfake.Cluster
	registry *srfake.Registry
	away     atomic.Bool
	schemaID int
}

func newWorld(t *testing.T) (*world, *kafka.Publisher) {
	t.Helper()
	w := new(world)
	var err error
	w.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, topic))
	require.NoError(t, err)
	t.Cleanup(w.cluster.Close)
	w.registry = srfake.New()
	t.Cleanup(w.registry.Close)
	target, err := url.Parse(w.registry.URL())
	require.NoError(t, err)
	through := httputil.NewSingleHostReverseProxy(target)
	proxy := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if w.away.Load() {
			out.WriteHeader(http.StatusBadGateway)
			return
		}
		through.ServeHTTP(out, in)
	}))
	t.Cleanup(proxy.Close)
	client, err := registry.New(proxy.URL, registry.Timeout, nil)
	require.NoError(t, err)
	publisher, err := kafka.New(kafka.Config{
		ClientID: "test", Brokers: w.cluster.ListenAddrs(), Registry: registry.Remember(client, nil),
		ClientOptions: []kgo.Opt{kgo.MetadataMinAge(10 * time.Millisecond)},
	})
	require.NoError(t, err)
	t.Cleanup(publisher.Close)
	return w, publisher
}

func (w *world) register(t *testing.T) {
	t.Helper()
	versions, err := schemas.Schemas("commands")
	require.NoError(t, err)
	client, err := registry.New(w.registry.URL(), registry.Timeout, nil)
	require.NoError(t, err)
	made, err := client.CreateSchema(t.Context(), schemas.Subject(topic), sr.Schema{Schema: versions[0].Schema, Type: sr.TypeAvro})
	require.NoError(t, err)
	w.schemaID = made.ID
}

func rows(n int) (rows []outbox.Row) {
	for i := range n {
		rows = append(rows, outbox.Row{
			ID: id.ID{byte(i), 1}, Topic: topic, Key: fmt.Append(nil, "key", i), Folder: "commands", Version: 1, Body: fmt.Append(nil, "body", i),
			Headers: []outbox.Header{{Key: command.HeaderKey, Value: []byte("k")}, {Key: command.HeaderMAC, Value: []byte("m")}},
		})
	}
	return rows
}

// records reads the first n records of the topic.
func (w *world) records(t *testing.T, n int) map[string]*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.ConsumeTopics(topic))
	require.NoError(t, err)
	defer client.Close()
	found := map[string]*kgo.Record{}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for len(found) < n {
		fetches := client.PollFetches(ctx)
		require.NoError(t, ctx.Err())
		fetches.EachRecord(func(record *kgo.Record) { found[string(record.Key)] = record })
	}
	return found
}

func TestRecordsHaveTheFrameOfTheRegistryAndTheirHeaders(t *testing.T) {
	w, publisher := newWorld(t)
	w.register(t)
	sent := rows(20)
	require.Equal(t, make([]error, 20), publisher.Publish(t.Context(), sent))
	for key, record := range w.records(t, 20) {
		number, body, err := event.ParseFrame(record.Value)
		require.NoError(t, err)
		require.EqualValues(t, w.schemaID, number)
		require.Equal(t, strings.Replace(key, "key", "body", 1), string(body))
		require.Equal(t, []kgo.RecordHeader{{Key: command.HeaderKey, Value: []byte("k")}, {Key: command.HeaderMAC, Value: []byte("m")}}, record.Headers)
	}
}

func TestWithoutTheRegistryRowsWait(t *testing.T) {
	w, publisher := newWorld(t)
	for _, err := range publisher.Publish(t.Context(), rows(3)) {
		require.ErrorIs(t, err, registry.ErrNotRegistered)
	}
	w.register(t)
	w.away.Store(true)
	for _, err := range publisher.Publish(t.Context(), rows(3)) {
		require.Error(t, err)
		require.NotErrorIs(t, err, outbox.ErrRefused)
	}
	w.away.Store(false)
	require.Equal(t, make([]error, 3), publisher.Publish(t.Context(), rows(3)))
	w.away.Store(true)
	require.Equal(t, make([]error, 3), publisher.Publish(t.Context(), rows(3)), "the number is known")
}

func TestABrokerThatDoesNotAnswerIsGivenUpAndTriedAgain(t *testing.T) {
	w, publisher := newWorld(t)
	w.register(t)
	missing := rows(2)
	for i := range missing {
		missing[i].Topic = "not-there"
	}
	versions, err := schemas.Schemas("commands")
	require.NoError(t, err)
	client, err := registry.New(w.registry.URL(), registry.Timeout, nil)
	require.NoError(t, err)
	_, err = client.CreateSchema(t.Context(), schemas.Subject("not-there"), sr.Schema{Schema: versions[0].Schema, Type: sr.TypeAvro})
	require.NoError(t, err)
	limited, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for _, err := range publisher.Publish(limited, missing) {
		require.Error(t, err)
	}
	require.Equal(t, make([]error, 2), publisher.Publish(t.Context(), rows(2)), "a new producer works")
}

func TestARecordThatIsTooLargeIsRefusedAloneAndHoldsNoOtherUp(t *testing.T) {
	w, publisher := newWorld(t)
	w.register(t)
	sent := rows(3)
	sent[1].Body = make([]byte, 2<<20)
	for i := range sent[1].Body {
		sent[1].Body[i] = byte(i * i >> 3)
	}
	errs := publisher.Publish(t.Context(), sent)
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], outbox.ErrRefused)
	require.NoError(t, errs[2])
}

func TestTheFailpointIsBehindTheAcknowledgements(t *testing.T) {
	w, _ := newWorld(t)
	w.register(t)
	client, err := registry.New(w.registry.URL(), registry.Timeout, nil)
	require.NoError(t, err)
	reached := 0
	publisher, err := kafka.New(kafka.Config{
		ClientID: "test", Brokers: w.cluster.ListenAddrs(), Registry: registry.Remember(client, nil),
		Failpoint: func(point failpoint.Point) {
			require.Equal(t, kafka.RowsPublished, point)
			require.Len(t, w.records(t, 2), 2)
			reached++
		},
	})
	require.NoError(t, err)
	defer publisher.Close()
	require.Equal(t, make([]error, 2), publisher.Publish(t.Context(), rows(2)))
	require.Equal(t, 1, reached)
}
