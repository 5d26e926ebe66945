package consumertest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/consumer/consumertest"
)

func TestMembersAreAwaitedAndExpired(t *testing.T) {
	const topic, group = "commands", "readers"
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, topic))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	open := func(options ...kgo.Opt) *kgo.Client {
		client, err := kgo.NewClient(append(options, kgo.SeedBrokers(cluster.ListenAddrs()...))...)
		require.NoError(t, err)
		t.Cleanup(client.Close)
		return client
	}
	join := func() *kgo.Client { return open(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic)) }
	client := open()
	readers := consumertest.Group{Client: client, Name: group}
	consumertest.Expire(t, client, group) // there is none

	join()
	first := readers.AwaitMembers(t, 1)
	require.Len(t, first, 1)
	join()
	both := readers.AwaitMembers(t, 2, first...)
	require.Subset(t, both, first)

	consumertest.Expire(t, client, group)
	// Both are alive and join again, as others than they were.
	again := readers.AwaitMembers(t, 2, both...)
	require.NotSubset(t, both, again)
}
