package codepixtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/platform/consumer"
	"codebank.dev/schemas"
	"codebank.dev/schemas/command"
)

// Broker is a broker with the topics of some banks, and a registry.
type Broker struct {
	Cluster  *kfake.Cluster
	registry *srfake.Registry
	// folders are the schemas of the topics that the hub writes.
	folders map[string]string
}

// NewBroker starts a broker for banks with these codes. Its registry is empty. It ends with the test.
func NewBroker(t testing.TB, codes ...string) *Broker {
	t.Helper()
	b := &Broker{registry: srfake.New(), folders: map[string]string{command.PixPaymentTopic: command.Folder[command.PixPayment]()}}
	t.Cleanup(b.registry.Close)
	topics, letters := []string{command.PixPaymentTopic}, []string{}
	for _, code := range codes {
		topics = append(topics, command.PixFromBank(code), command.PixToBank(code))
		letters = append(letters, Letters(code))
		b.folders[command.PixToBank(code)] = command.Folder[command.PixMessage]()
	}
	var err error
	b.Cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, topics...), kfake.SeedTopics(1, letters...))
	require.NoError(t, err)
	t.Cleanup(b.Cluster.Close)
	return b
}

// Register makes the schemas of the topics known to the registry.
func (b *Broker) Register(t testing.TB) {
	t.Helper()
	client, err := sr.NewClient(sr.URLs(b.registry.URL()))
	require.NoError(t, err)
	for topic, folder := range b.folders {
		versions, err := schemas.Schemas(folder)
		require.NoError(t, err)
		_, err = client.CreateSchema(t.Context(), schemas.Subject(topic), sr.Schema{Schema: versions[0].Schema, Type: sr.TypeAvro})
		require.NoError(t, err)
	}
}

// Letters is the dead-letter topic of what a bank has written.
func Letters(bank string) string { return consumer.LettersPrefix + "codepix.bank-" + bank }

// Client returns a client that begins with the first record of topics. It ends with the test.
func (b *Broker) Client(t testing.TB, topics ...string) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Cluster.ListenAddrs()...), kgo.ConsumeTopics(topics...), kgo.FetchMaxWait(50*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// Flags are the addresses of broker and registry.
func (b *Broker) Flags() []string {
	return []string{"--kafka-brokers=" + b.Cluster.ListenAddrs()[0], "--registry-url=" + b.registry.URL()}
}
