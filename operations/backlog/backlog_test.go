package backlog_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/operations/backlog"
	"codebank.dev/schemas/event"
)

const events = "bank-001.transactions.v1"

var at = time.UnixMilli(1_790_000_000_123).UTC()

// cluster is a cluster with topics of two partitions.
func cluster(t *testing.T, topics ...string) *kgo.Client {
	t.Helper()
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, topics...))
	require.NoError(t, err)
	t.Cleanup(brokers.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func put(t *testing.T, client *kgo.Client, partition int32, minutes int, value string) {
	t.Helper()
	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: events, Partition: partition, Value: []byte(value),
		Timestamp: at.Add(time.Duration(minutes) * time.Minute)}).FirstErr())
}

func commit(t *testing.T, client *kgo.Client, group string, partition int32, offset int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.AddOffset(events, partition, offset, -1)
	require.NoError(t, kadm.NewClient(client).CommitAllOffsets(t.Context(), group, offsets))
}

// body is an event without the registry's frame.
func body(t *testing.T) string {
	t.Helper()
	written, err := event.AppendTransaction(nil, event.NewestVersion, &event.Transaction{
		EventID: "t", TransactionID: "t", BankCode: "001", Kind: event.KindPurchase, Direction: event.DirectionDebit,
		Status: event.StatusDeclined, Currency: "BRL", Channel: event.ChannelEcommerce, ProducerVersion: "v",
	})
	require.NoError(t, err)
	return string(written)
}

// registry knows schema 1.
func registry(_ context.Context, id uint32) (string, bool, error) { return "{}", id == 1, nil }

func of(t *testing.T, client *kgo.Client, config map[string]string) backlog.Backlog {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	found, err := backlog.New(client, registry).Of(ctx, "sink", config)
	require.NoError(t, err)
	return found
}

func TestABacklogIsWhatLiesAboveTheCommittedOffsets(t *testing.T) {
	client := cluster(t, events, "other")
	topics := map[string]string{"topics": events}
	require.Equal(t, backlog.Backlog{}, of(t, client, topics))
	put(t, client, 0, 0, "\x00\x00\x00\x00\x01a")
	put(t, client, 0, 5, "\x00\x00\x00\x00\x01b")
	put(t, client, 1, 3, "text")
	require.Equal(t, backlog.Backlog{Records: 3, Since: at}, of(t, client, topics), "nothing is committed yet")
	require.Equal(t, int64(3), of(t, client, map[string]string{"topics.regex": `bank-.*\.transactions\.v1`}).Records)
	require.Equal(t, backlog.Backlog{}, of(t, client, map[string]string{"topics": "other"}))
	require.Equal(t, backlog.Backlog{}, of(t, client, map[string]string{}), "not a sink")

	commit(t, client, "connect-sink", 0, 1)
	commit(t, client, "connect-another", 1, 1)
	require.Equal(t, backlog.Backlog{Records: 2, Since: at.Add(3 * time.Minute)}, of(t, client, topics))
	commit(t, client, "connect-sink", 0, 2)
	commit(t, client, "connect-sink", 1, 1)
	require.Equal(t, backlog.Backlog{}, of(t, client, topics))
}

func TestASinkWaitsForASchemaThatTheRegistryDoesNotHave(t *testing.T) {
	client := cluster(t, events)
	put(t, client, 1, 0, "\x00\x00\x00\x00\x01a")
	put(t, client, 1, 0, "\x00\x00\x00\x00\x09"+body(t))
	put(t, client, 0, 0, "\x00\x00\x00\x00\x09not an event")
	require.Empty(t, of(t, client, map[string]string{"topics": events}).Waits)
	commit(t, client, "connect-sink", 1, 1)
	require.Contains(t, of(t, client, map[string]string{"topics": events}).Waits,
		"the registry has no schema 9, which record bank-001.transactions.v1/1/1 names")

	away := errors.New("no route")
	_, err := backlog.New(client, func(context.Context, uint32) (string, bool, error) { return "", false, away }).
		Of(t.Context(), "sink", map[string]string{"topics": events})
	require.ErrorIs(t, err, away)
	_, err = backlog.New(client, registry).Of(t.Context(), "sink", map[string]string{"topics.regex": "("})
	require.ErrorContains(t, err, "topics.regex")
}
