package kafka

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/native/await"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/event"
)

const (
	marksTopic, eventsTopic = "bank-001.watermarks.v1", "bank-001.transactions.v1"
	sinkGroup               = "connect-statement-postgres"
	partitions              = 3
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// world is a broker and watermarks that read there.
type world struct {
	*Watermarks
	t      *testing.T
	client *kgo.Client
	admin  *kadm.Client
}

func start(t *testing.T) *world {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, marksTopic, eventsTopic))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	marks, err := NewWatermarks(Config{Brokers: cluster.ListenAddrs(), BankCode: "001", SinkGroup: sinkGroup, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(marks.Close)
	w := &world{marks, t, client, kadm.NewClient(client)}
	w.commit(0, 0) // Without a group there is no sink, and nothing is complete.
	return w
}

// run reads watermarks until the test ends.
func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { w.Run(ctx); close(ended) }()
	w.t.Cleanup(func() { cancel(); <-ended })
}

func (w *world) publish(number int32, value []byte) {
	w.t.Helper()
	require.NoError(w.t, w.client.ProduceSync(w.t.Context(), &kgo.Record{Topic: marksTopic, Partition: number, Value: value}).FirstErr())
}

func framed(t *testing.T, mark event.Watermark) []byte {
	t.Helper()
	value, err := event.AppendWatermark(event.AppendFrame(nil, 7), &mark)
	require.NoError(t, err)
	return value
}

// mark publishes a watermark: complete to some seconds after noon below an offset.
func (w *world) mark(number int32, offset int64, seconds int) {
	w.t.Helper()
	at := noon.Add(time.Duration(seconds) * time.Second).UnixMilli()
	w.publish(number, framed(w.t, event.Watermark{BankCode: "001", Partition: number, Offset: offset, CompleteToMillis: at, PublishedAtMillis: at}))
}

func (w *world) commit(number int32, offset int64) {
	w.t.Helper()
	offsets := make(kadm.Offsets)
	offsets.AddOffset(eventsTopic, number, offset, -1)
	require.NoError(w.t, w.admin.CommitAllOffsets(w.t.Context(), sinkGroup, offsets))
}

// account returns an account whose events are in a partition, as the relay's client chooses it.
func account(t *testing.T, number int) id.ID {
	t.Helper()
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic(eventsTopic)
	for {
		made, err := id.New(rand.Reader)
		require.NoError(t, err)
		if partitioner.Partition(&kgo.Record{Key: []byte(made.String())}, partitions) == number {
			return made
		}
	}
}

func (w *world) await(of id.ID, seconds int) {
	w.t.Helper()
	want := noon.Add(time.Duration(seconds) * time.Second)
	await.Until(w.t, func() bool { return w.CompleteTo(of).Equal(want) }, 20*time.Second, 10*time.Millisecond, "%s", want)
}

// What is complete for all accounts is what is for the partition that is behind most, and not known until each has a watermark.
func TestTheOldestWatermarkIsThatOfAllAccounts(t *testing.T) {
	w := start(t)
	w.run()
	require.True(t, w.Oldest().IsZero())
	w.mark(0, 0, 9)
	w.mark(1, 0, 4)
	w.await(account(t, 1), 4)
	w.await(account(t, 0), 9)
	require.True(t, w.Oldest().IsZero())
	w.mark(2, 0, 6)
	w.await(account(t, 2), 6)
	require.Equal(t, noon.Add(4*time.Second), w.Oldest())
	w.mark(1, 0, 7)
	w.await(account(t, 1), 7)
	require.Equal(t, noon.Add(6*time.Second), w.Oldest())
}

// A watermark is true of the statement once the sink has committed all events below its offset.
func TestAWatermarkCountsWhenTheSinkHasReachedIt(t *testing.T) {
	w := start(t)
	one, two := account(t, 1), account(t, 2)
	w.mark(1, 10, 1)
	w.mark(1, 20, 2)
	w.mark(2, 0, 3)
	require.True(t, w.CompleteTo(one).IsZero())
	w.run()
	w.await(two, 3) // An empty partition needs no sink.
	require.True(t, w.CompleteTo(one).IsZero())
	w.commit(1, 19)
	w.await(one, 1)
	w.commit(1, 20)
	w.await(one, 2)

	w.mark(1, 20, 5)
	w.await(one, 5)
	w.mark(1, 18, 4) // A replica that was frozen.
	w.mark(1, 30, 7)
	w.commit(1, 25)
	w.mark(1, 25, 6) // Never true of a later time than the one before; it comes late.
	w.mark(2, 0, 9)
	w.await(two, 9)
	w.await(one, 5)
	w.commit(1, 30)
	w.await(one, 7)
}

func TestARecordThatIsNoWatermarkOfThePartitionIsPassedOver(t *testing.T) {
	w := start(t)
	w.run()
	other := event.Watermark{BankCode: "002", Partition: 1, CompleteToMillis: noon.Add(time.Hour).UnixMilli()}
	elsewhere := event.Watermark{BankCode: "001", Partition: 2, CompleteToMillis: noon.Add(time.Hour).UnixMilli()}
	for _, value := range [][]byte{nil, []byte("text"), {0, 0, 0, 0, 7}, framed(t, other), framed(t, elsewhere)} {
		w.publish(1, value)
	}
	w.mark(1, 0, 1)
	w.await(account(t, 1), 1)
}

// The sink may be far behind. The watermarks that it reaches first are kept, and the last one.
func TestFewWatermarksAreHeld(t *testing.T) {
	w := start(t)
	w.run()
	of := account(t, 0)
	for i := range 3 * maxHeld {
		w.mark(0, int64(10+i), i)
	}
	await.Until(t, func() bool {
		w.mutex.RLock()
		defer w.mutex.RUnlock()
		held := w.partitions
		return len(held) > 0 && len(held[0].held) == maxHeld && held[0].held[maxHeld-1].Offset == 10+3*maxHeld-1
	}, 20*time.Second, 10*time.Millisecond)
	w.commit(0, 12)
	w.await(of, 2)
	w.commit(0, 10+3*maxHeld)
	w.await(of, 3*maxHeld-1)
}

func TestAwayBrokersAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	marks, err := NewWatermarks(Config{Brokers: []string{"127.0.0.1:1"}, BankCode: "001", SinkGroup: sinkGroup, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	defer marks.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.Error(t, marks.look(ctx))
	ended, stop := context.WithCancel(t.Context())
	stop()
	marks.Run(ended)
	require.Empty(t, strings.TrimSpace(log.String()))
	_, err = NewWatermarks(Config{Brokers: []string{"127.0.0.1:1"}, BankCode: "001"})
	require.Error(t, err)
}

// An operator may make the topic of the watermarks again.
func TestATopicThatIsMadeAgainIsReadOn(t *testing.T) {
	w := start(t)
	w.run()
	of := account(t, 1)
	w.mark(1, 5, 10)
	w.commit(1, 5)
	w.await(of, 10)

	deleted, err := w.admin.DeleteTopics(t.Context(), marksTopic)
	require.NoError(t, err)
	require.NoError(t, deleted.Error())
	made, err := w.admin.CreateTopics(t.Context(), partitions, 1, nil, marksTopic)
	require.NoError(t, err)
	require.NoError(t, made.Error())
	writer, err := kgo.NewClient(append(w.client.Opts(), kgo.ClientID("another"))...) // A client keeps to the topic that it began with.
	require.NoError(t, err)
	t.Cleanup(writer.Close)
	w.client = writer
	w.mark(1, 6, 20)
	w.commit(1, 6)
	w.await(of, 20)
}
