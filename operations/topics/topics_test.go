package topics_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/operations/provision"
	"codebank.dev/operations/topics"
)

const events = "bank-001.transactions.v1"

// wanted returns fresh topics, so that no test changes another's.
func wanted() []topics.Topic {
	return []topics.Topic{
		{Name: events, Partitions: 6, Config: map[string]string{"cleanup.policy": "delete", "retention.ms": "-1"}},
		{Name: "dlq.statement-postgres", Partitions: 1, Config: map[string]string{"cleanup.policy": "delete", "retention.ms": "-1"}},
	}
}

func cluster(t *testing.T, opts ...kfake.Opt) *kgo.Client {
	t.Helper()
	cluster, err := kfake.NewCluster(opts...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return client(t, cluster.ListenAddrs()...)
}

func client(t *testing.T, brokers ...string) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// apply returns the results and the error of one Apply.
func apply(t *testing.T, client *kgo.Client, replication int, wanted []topics.Topic) ([]provision.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var results []provision.Result
	err := topics.New(client, replication).Apply(ctx, wanted, func(r provision.Result) { results = append(results, r) })
	return results, err
}

func config(t *testing.T, client *kgo.Client, topic, key string) string {
	t.Helper()
	resources, err := kadm.NewClient(client).DescribeTopicConfigs(t.Context(), topic)
	require.NoError(t, err)
	resource, err := resources.On(topic, nil)
	require.NoError(t, err)
	for _, config := range resource.Configs {
		if config.Key == key {
			return config.MaybeValue()
		}
	}
	return ""
}

func TestApplyCreatesWhatIsMissingAndThenChangesNothing(t *testing.T) {
	client := cluster(t, kfake.NumBrokers(1))
	results, err := apply(t, client, 1, wanted())
	require.NoError(t, err)
	require.Equal(t, []provision.Result{
		{Kind: "topic", Name: events, Action: provision.Created, Detail: "6 partitions"},
		{Kind: "topic", Name: "dlq.statement-postgres", Action: provision.Created, Detail: "1 partition"},
	}, results)
	require.Equal(t, "-1", config(t, client, events, "retention.ms"))

	results, err = apply(t, client, 1, wanted())
	require.NoError(t, err)
	for _, result := range results {
		require.Equal(t, provision.Unchanged, result.Action, result.Name)
	}
}

func TestApplySetsOnlyTheSettingsThatDiffer(t *testing.T) {
	client := cluster(t, kfake.NumBrokers(1))
	_, err := apply(t, client, 1, wanted())
	require.NoError(t, err)
	hour, big := "3600000", "2000000"
	_, err = kadm.NewClient(client).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{
		{Op: kadm.SetConfig, Name: "retention.ms", Value: &hour},
		{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &big},
	}, events)
	require.NoError(t, err)

	results, err := apply(t, client, 1, wanted())
	require.NoError(t, err)
	require.Equal(t, provision.Result{
		Kind: "topic", Name: events, Action: provision.Updated, Detail: "retention.ms 3600000 → -1"}, results[0])
	require.Equal(t, "-1", config(t, client, events, "retention.ms"))
	require.Equal(t, big, config(t, client, events, "max.message.bytes"), "a setting nobody asked for stays")
}

func TestPartitionsAreNeverChangedInPlace(t *testing.T) {
	client := cluster(t, kfake.NumBrokers(1), kfake.SeedTopics(3, events))
	results, err := apply(t, client, 1, wanted())
	require.ErrorIs(t, err, topics.ErrPartitions)
	require.ErrorContains(t, err, "there are 3, wanted 6")
	require.Len(t, results, 1, "the other topic is made all the same")
	require.Equal(t, provision.Created, results[0].Action)

	details, err := kadm.NewClient(client).ListTopics(t.Context(), events)
	require.NoError(t, err)
	require.Len(t, details[events].Partitions, 3)
}

func TestThreeReplicasNeedTwoForAWrite(t *testing.T) {
	client := cluster(t, kfake.NumBrokers(3))
	_, err := apply(t, client, 3, wanted())
	require.NoError(t, err)
	require.Equal(t, "2", config(t, client, events, "min.insync.replicas"))
	results, err := apply(t, client, 3, wanted())
	require.NoError(t, err)
	require.Equal(t, provision.Unchanged, results[0].Action)
}

func TestApplyWaitsForABrokerThatIsStarting(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())

	var brokers *kfake.Cluster
	waited := false
	ctx := provision.WithWaiting(t.Context(), func(string, error) {
		if !waited {
			waited = true
			brokers, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port))
		}
	})
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client := client(t, listener.Addr().String())
	applied := topics.New(client, 1).Apply(ctx, wanted(), func(provision.Result) {})
	require.NoError(t, err)
	require.NotNil(t, brokers)
	defer brokers.Close()
	require.NoError(t, applied)
}
