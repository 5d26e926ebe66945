package gatewaytest

import (
	"context"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/gateway/transfer"
	"codebank.dev/platform/id"
	"codebank.dev/schemas"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
)

// bankCode is the code of the bank that the gateway is in front of.
const bankCode = "001"

// Desk is a broker and a registry, and the part of a bank that decides what comes by the topic of commands. Each
// command must have the MAC of a key that is known. The same request id gets the same result.
type Desk struct {
	port      int // of the broker
	registry  *srfake.Registry
	client    *kgo.Client
	keys      *command.Keys
	resultsID uint32
	bank      *Bank

	mutex sync.Mutex
	// decided are the results by request id, arrivals how often each came.
	decided  map[string]command.Result
	arrivals map[string]int
	forged   int
	reasons  map[string]string
	// paused keeps commands unread, silent decides them and tells nobody.
	paused, silent bool
}

// NewDesk returns a desk whose broker is away until it is opened. Its registry is there until the test ends. keys
// are the content of the file of keys that it verifies with.
func NewDesk(t testing.TB, bank *Bank, keys []byte) *Desk {
	t.Helper()
	d := &Desk{bank: bank, decided: make(map[string]command.Result), arrivals: make(map[string]int), reasons: make(map[string]string)}
	var err error
	d.keys, err = command.ParseKeys(keys)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d.port = listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	d.registry = srfake.New()
	t.Cleanup(d.registry.Close)
	d.resultsID = d.register(t, transfer.ResultsTopic(bankCode), "command-results")
	return d
}

// Open starts the broker, and what reads the commands.
func (d *Desk) Open(t testing.TB) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(d.port),
		kfake.SeedTopics(3, transfer.CommandsTopic(bankCode), transfer.ResultsTopic(bankCode)))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	d.client, err = kgo.NewClient(kgo.SeedBrokers(d.address()), kgo.ConsumeTopics(transfer.CommandsTopic(bankCode)), kgo.FetchMaxWait(50*time.Millisecond))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.work(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended; d.client.Close() })
}

func (d *Desk) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(d.port)) }

// RegisterCommands registers the schema of commands. Until then the registry does not know it.
func (d *Desk) RegisterCommands(t testing.TB) {
	t.Helper()
	d.register(t, transfer.CommandsTopic(bankCode), "commands")
}

func (d *Desk) register(t testing.TB, topic, folder string) uint32 {
	t.Helper()
	client, err := sr.NewClient(sr.URLs(d.registry.URL()))
	require.NoError(t, err)
	versions, err := schemas.Schemas(folder)
	require.NoError(t, err)
	made, err := client.CreateSchema(t.Context(), schemas.Subject(topic), sr.Schema{Schema: versions[0].Schema, Type: sr.TypeAvro})
	require.NoError(t, err)
	return uint32(made.ID)
}

// Flags are the addresses of broker and registry.
func (d *Desk) Flags() []string {
	return []string{"--kafka-brokers=" + d.address(), "--registry-url=" + d.registry.URL()}
}

// Pause keeps commands unread from now on, or lets them be read.
func (d *Desk) Pause(on bool) { d.set(func() { d.paused = on }) }

// Silence makes the desk decide and tell nobody, or tell again.
func (d *Desk) Silence(on bool) { d.set(func() { d.silent = on }) }

// Refuse makes the desk refuse commands to a destination.
func (d *Desk) Refuse(destination, reason string) { d.set(func() { d.reasons[destination] = reason }) }

func (d *Desk) set(change func()) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	change()
}

// Decided returns the results by request id, and how often each command came.
func (d *Desk) Decided() (results map[string]command.Result, arrivals map[string]int, forged int) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	results, arrivals = make(map[string]command.Result), make(map[string]int)
	for request, result := range d.decided {
		results[request], arrivals[request] = result, d.arrivals[request]
	}
	return results, arrivals, d.forged
}

func (d *Desk) work(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := d.client.PollFetches(ctx)
		for d.isPaused() && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		fetches.EachRecord(func(record *kgo.Record) { d.take(ctx, record) })
	}
}

func (d *Desk) isPaused() bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.paused
}

// take decides a command and publishes its result.
func (d *Desk) take(ctx context.Context, record *kgo.Record) {
	asked, key, ok := d.read(record)
	if !ok {
		d.set(func() { d.forged++ })
		return
	}
	result, silent := d.decide(&asked)
	body, err := command.Encode(&result)
	if err != nil || silent {
		return
	}
	topic := transfer.ResultsTopic(bankCode)
	mac := key.Sign(command.Record{Topic: topic, Key: record.Key, Body: body})
	d.client.ProduceSync(ctx, &kgo.Record{
		Topic: topic, Key: record.Key, Value: append(event.AppendFrame(nil, d.resultsID), body...),
		Headers: []kgo.RecordHeader{{Key: command.HeaderKey, Value: []byte(key.ID)}, {Key: command.HeaderMAC, Value: []byte(mac)}},
	})
}

// read verifies a record and returns its command, and the key that has signed it.
func (d *Desk) read(record *kgo.Record) (asked command.Command, key *command.Key, ok bool) {
	_, body, err := event.ParseFrame(record.Value)
	if err != nil {
		return asked, nil, false
	}
	header := func(name string) string {
		at := slices.IndexFunc(record.Headers, func(h kgo.RecordHeader) bool { return h.Key == name })
		if at < 0 {
			return ""
		}
		return string(record.Headers[at].Value)
	}
	key, err = d.keys.Verify(command.Record{Topic: record.Topic, Key: record.Key, Body: body}, header(command.HeaderKey), header(command.HeaderMAC))
	if err != nil || !key.ForUsers {
		return asked, nil, false
	}
	decoder, err := command.NewDecoder[command.Command]("")
	if err != nil {
		return asked, nil, false
	}
	asked, err = decoder.Decode(body)
	return asked, key, err == nil && asked.AccountID == string(record.Key)
}

// decide returns the result of a command, the same one for the same request id.
func (d *Desk) decide(asked *command.Command) (result command.Result, silent bool) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.arrivals[asked.RequestID]++
	if known, found := d.decided[asked.RequestID]; found {
		return known, d.silent
	}
	result = command.Result{
		BankCode: bankCode, Producer: "gateway", RequestID: asked.RequestID, TransactionID: id.Derive(namespace, asked.RequestID).String(),
		Kind: asked.Kind, AccountID: asked.AccountID, Status: command.Completed, Sequence: int64(len(d.decided) + 1),
		AmountMinor: asked.AmountMinor, Currency: asked.Currency, DecidedAtMillis: time.Now().UnixMilli(), PublishedAtMillis: time.Now().UnixMilli(),
	}
	reason := d.reasons[asked.DestinationAccountID]
	if reason == "" && d.bank.arrived(asked.RequestID) {
		reason = "CANCELLED_BY_REQUEST"
	}
	if reason != "" {
		result.Status, result.Reason, result.Sequence = command.Cancelled, reason, 0
		if reason == "ACCOUNT_NOT_FOUND" {
			result.Field = "destination"
		}
	}
	d.decided[asked.RequestID] = result
	return result, d.silent
}
