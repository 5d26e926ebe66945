package paymenttest

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/announce"
	"codebank.dev/checkout/payment/processor"
	"codebank.dev/platform/consumer"
	"codebank.dev/schemas"
	"codebank.dev/schemas/command"
)

// Letters is the dead-letter topic of charges.
const Letters = consumer.LettersPrefix + processor.Reader

// Broker is a broker with the topics of charges, a registry that knows their schemas, and a file with a key of the
// gateway: what the two programs are started with.
type Broker struct {
	port     int
	registry *srfake.Registry
	keyFile  string
}

// NewBroker returns a broker that is away until it is opened. Its registry is there until the test ends.
func NewBroker(t testing.TB) *Broker {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &Broker{port: listener.Addr().(*net.TCPAddr).Port, registry: srfake.New(), keyFile: filepath.Join(t.TempDir(), "charges.json")}
	require.NoError(t, listener.Close())
	t.Cleanup(b.registry.Close)
	client, err := sr.NewClient(sr.URLs(b.registry.URL()))
	require.NoError(t, err)
	for topic, folder := range map[string]string{
		accept.Topic: command.Folder[command.ChargeRequest](), processor.ResultTopic: command.Folder[command.ChargeResult](),
		announce.Topic: command.Folder[command.ChargeEvent](),
	} {
		versions, err := schemas.Schemas(folder)
		require.NoError(t, err)
		_, err = client.CreateSchema(t.Context(), schemas.Subject(topic), sr.Schema{Schema: versions[0].Schema, Type: sr.TypeAvro})
		require.NoError(t, err)
	}
	none, err := command.ParseKeys([]byte(`{"keys":[]}`))
	require.NoError(t, err)
	content, err := none.With("payment-gateway-1", accept.Producer, true)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(b.keyFile, content, 0o600))
	return b
}

// Open starts the broker, and returns a client of it that begins with the first record of topics.
func (b *Broker) Open(t testing.TB, topics ...string) *kgo.Client {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(b.port), kfake.SeedTopics(3, accept.Topic, processor.ResultTopic, announce.Topic),
		kfake.SeedTopics(1, Letters))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.address()), kgo.ConsumeTopics(topics...), kgo.FetchMaxWait(50*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func (b *Broker) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port)) }

// Flags are the addresses of broker and registry, and the key file.
func (b *Broker) Flags(more ...string) []string {
	return slices.Concat([]string{
		"--kafka-brokers=" + b.address(), "--registry-url=" + b.registry.URL(), "--charge-keys=" + b.keyFile,
	}, more)
}
