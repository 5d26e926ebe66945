package consumer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/consumer"
	"codebank.dev/platform/id"
)

// A partition whose records cannot be dealt with now waits, and the others go on.
func TestOnlyThePartitionOfAFailureWaits(t *testing.T) {
	brokers, offsets := cluster(t).ListenAddrs(), &store{}
	var broken atomic.Bool
	broken.Store(true)
	handler := &recorder{deal: func(_ context.Context, batch []*kgo.Record) ([]consumer.Letter, error) {
		if batch[0].Partition == 1 && broken.Load() {
			return nil, errors.New("the ledger is away")
		}
		return nil, nil
	}}
	produce(t, brokers, 0, 90)
	made, _ := start(t, consumer.Config{Brokers: brokers, Offsets: offsets, Handler: handler})
	eventually(t, func() bool { return offsets.sum() == 60 && made.Stats().Retries > 3 })
	produce(t, brokers, 90, 120)
	eventually(t, func() bool { return offsets.sum() == 80 })
	require.Positive(t, made.Stats().Waiting)
	broken.Store(false)
	eventually(t, func() bool { return offsets.sum() == 120 })
	eventually(t, func() bool { return made.Stats().Waiting == 0 && made.Stats().Lag == 0 })
	require.True(t, handler.all(120, 1))
	require.Equal(t, 7, testutil.CollectAndCount(made))
}

// While the store of the offsets is away, nothing is read; and what was handled is not handled again because
// its offset could not be stored.
func TestTheReaderWaitsForItsOffsets(t *testing.T) {
	brokers, offsets, handler := cluster(t).ListenAddrs(), &store{away: true}, &recorder{}
	produce(t, brokers, 0, 30)
	made, _ := start(t, consumer.Config{Brokers: brokers, Offsets: offsets, Handler: handler})
	eventually(t, func() bool { return made.Stats().Retries > 2 })
	require.False(t, handler.all(1, 1))
	offsets.set(func(s *store) { s.away = false })
	eventually(t, func() bool { return offsets.sum() == 30 })
	offsets.set(func(s *store) { s.away = true })
	produce(t, brokers, 30, 60)
	// A partition does not go on behind a batch whose offset it could not store, and a batch may be smaller than
	// what was written. So the first new record of each is handled for certain, and the last ones are not.
	first := func(times int) func() bool {
		return func() bool {
			for value := 30; value < 30+threads; value++ {
				if handler.times(value) != times {
					return false
				}
			}
			return true
		}
	}
	eventually(t, first(1))
	offsets.set(func(s *store) { s.away = false })
	eventually(t, func() bool { return offsets.sum() == 60 })
	require.True(t, handler.all(60, 1))
	require.True(t, first(1)(), "handled again")
}

// A letter is the record as it came, with why and from where.
func TestALetterIsTheRecordWithItsCause(t *testing.T) {
	brokers, offsets := cluster(t).ListenAddrs(), &store{}
	handler := &recorder{deal: func(_ context.Context, batch []*kgo.Record) (letters []consumer.Letter, err error) {
		for _, record := range batch {
			if string(record.Value) == "7" {
				letters = append(letters, consumer.Letter{Record: record, Cause: "FORGED", Message: "Nobody has signed it."})
			}
		}
		return letters, nil
	}}
	produce(t, brokers, 0, 30)
	made, _ := start(t, consumer.Config{Brokers: brokers, Offsets: offsets, Handler: handler})
	eventually(t, func() bool { return offsets.sum() == 30 })
	require.Equal(t, int64(1), made.Stats().Letters)
	found := readLetters(t, brokers, 1)[0]
	require.Equal(t, []string{"key-7", "7"}, []string{string(found.Key), string(found.Value)})
	headers := make(map[string]string)
	for _, header := range found.Headers {
		headers[header.Key] = string(header.Value)
	}
	require.Equal(t, map[string]string{
		"own": "kept", "__connect.errors.topic": topic, "__connect.errors.partition": "1", "__connect.errors.offset": "2",
		"__connect.errors.connector.name": "bank-001.commands", "__connect.errors.stage": "HANDLER",
		"__connect.errors.exception.class.name": "FORGED", "__connect.errors.exception.message": "Nobody has signed it.",
	}, headers)
}

// readLetters returns the first n records of the dead-letter topic.
func readLetters(t *testing.T, brokers []string, n int) (found []*kgo.Record) {
	t.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(dead), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for len(found) < n {
		fetches := reader.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		found = append(found, fetches.Records()...)
	}
	return found
}

// A record that fills a batch by itself has no room for the cause, and still keeps nobody waiting.
func TestALetterThatIsTooLargeNamesItsPlaceOnly(t *testing.T) {
	brokers := cluster(t).ListenAddrs()
	letters, err := consumer.NewLetters(consumer.LettersConfig{Brokers: brokers, Reader: "bank-001.commands"})
	require.NoError(t, err)
	defer letters.Close()
	large := &kgo.Record{Topic: topic, Partition: 2, Offset: 9, Key: []byte("k"), Value: bytes.Repeat([]byte("x"), 1_000_000), Timestamp: time.UnixMilli(1_700_000_000_000)}
	small := &kgo.Record{Topic: topic, Partition: 1, Offset: 4, Key: []byte("k"), Value: []byte("small")}
	require.NoError(t, letters.Put(t.Context(), []consumer.Letter{{Record: small, Cause: "A"}, {Record: large, Cause: "B"}}))
	places := make(map[string]int)
	for _, record := range readLetters(t, brokers, 2) {
		places[string(consumer.Header(record, "__connect.errors.offset"))+string(consumer.Header(record, "__connect.errors.exception.class.name"))] = len(record.Value)
	}
	require.Equal(t, map[string]int{"4A": 5, "9B": 0}, places)
}

// A store that is restored to an earlier state has the records since then read again, also while the reader
// runs.
func TestARestoredStoreIsReadFromItsOwnOffsets(t *testing.T) {
	brokers, offsets, handler := cluster(t).ListenAddrs(), &store{}, &recorder{}
	produce(t, brokers, 0, 60)
	start(t, consumer.Config{Brokers: brokers, Offsets: offsets, Handler: handler})
	eventually(t, func() bool { return offsets.sum() == 60 })
	var backup map[id.ID]map[int32]int64
	offsets.set(func(s *store) {
		backup = make(map[id.ID]map[int32]int64)
		for topic, partitions := range s.offsets {
			backup[topic] = maps.Clone(partitions)
		}
	})
	produce(t, brokers, 60, 120)
	eventually(t, func() bool { return offsets.sum() == 120 })
	offsets.set(func(s *store) { s.offsets = backup })
	require.False(t, handler.all(61, 2))
	produce(t, brokers, 120, 150) // what comes next shows that the store is older than its reader
	eventually(t, func() bool { return offsets.sum() == 150 })
	for i := 60; i < 120; i++ {
		require.GreaterOrEqual(t, handler.times(i), 2, i)
	}
	require.Equal(t, 1, handler.times(0))
}

// times is how often a value was seen.
func (r *recorder) times(value int) int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.seen[fmt.Sprint(value)]
}

// Two readers share the partitions; when one leaves, the other one takes over, and no record is left out.
func TestReadersShareThePartitionsAndTakeOver(t *testing.T) {
	brokers, offsets, handler := cluster(t).ListenAddrs(), &store{}, &recorder{}
	config := consumer.Config{Brokers: brokers, Offsets: offsets, Handler: handler, MaxBatch: 3}
	first, stopFirst := start(t, config)
	second, _ := start(t, config)
	eventually(t, func() bool { return first.Stats().Partitions > 0 && second.Stats().Partitions > 0 })
	var stop atomic.Bool
	sent := make(chan int)
	go func() {
		n := 0
		for ; !stop.Load() && n < 3_000; n += 30 {
			produce(t, brokers, n, n+30)
		}
		sent <- n
	}()
	eventually(t, func() bool { return offsets.sum() > 100 })
	stopFirst()
	eventually(t, func() bool { return second.Stats().Partitions == threads })
	third, _ := start(t, config)
	eventually(t, func() bool { return third.Stats().Partitions > 0 })
	stop.Store(true)
	n := <-sent
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%d sent; offsets %d; second %+v, third %+v", n, offsets.sum(), second.Stats(), third.Stats())
		}
	})
	eventually(t, func() bool { return offsets.sum() == int64(n) })
	require.True(t, handler.all(n, 1))
}

// A partition with many records is read as fast beside partitions that have none: its queue is full again and
// again, and a fetch of the others alone must not hold up the next fetch of this one.
func TestAPartitionWithABacklogDoesNotWaitForIdleOnes(t *testing.T) {
	brokers, offsets := cluster(t).ListenAddrs(), &store{}
	handler := &recorder{deal: func(context.Context, []*kgo.Record) ([]consumer.Letter, error) {
		time.Sleep(2 * time.Millisecond) // a batch is work
		return nil, nil
	}}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	const sent = 300
	for i := range sent {
		client.Produce(t.Context(), &kgo.Record{Topic: topic, Partition: 1, Value: fmt.Append(nil, i)}, nil)
	}
	require.NoError(t, client.Flush(t.Context()))
	start(t, consumer.Config{Brokers: brokers, Offsets: offsets, Handler: handler, MaxBatch: 3})
	eventually(t, func() bool { return offsets.sum() == sent })
}

// A handler that is at work when its partition is taken away is told so, and its batch is read by the next.
func TestABatchThatWasAbandonedIsReadAgain(t *testing.T) {
	brokers, offsets := cluster(t).ListenAddrs(), &store{}
	entered := make(chan struct{}, threads)
	slow := &recorder{deal: func(ctx context.Context, _ []*kgo.Record) ([]consumer.Letter, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	produce(t, brokers, 0, 3)
	_, stop := start(t, consumer.Config{Brokers: brokers, Offsets: offsets, Handler: slow})
	<-entered
	stop() // It returns after the handlers have.
	require.Zero(t, offsets.sum())
	next := &recorder{}
	start(t, consumer.Config{Brokers: brokers, Offsets: offsets, Handler: next})
	eventually(t, func() bool { return next.all(3, 1) })
}

// The brokers may be away at the start and later.
func TestTheReaderWaitsForItsBrokers(t *testing.T) {
	ports := []int{freePort(t)}
	dir := t.TempDir()
	away := []string{fmt.Sprintf("127.0.0.1:%d", ports[0])}
	offsets, handler := &store{}, &recorder{}
	made, _ := start(t, consumer.Config{Brokers: away, Offsets: offsets, Handler: handler})
	restart := func() *kfake.Cluster {
		started, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(ports...), kfake.DataDir(dir), kfake.SyncWrites(), kfake.SeedTopics(threads, topic), kfake.SeedTopics(1, dead))
		require.NoError(t, err)
		return started
	}
	first := restart()
	produce(t, away, 0, 30)
	eventually(t, func() bool { return offsets.sum() == 30 })
	first.Close()
	second := restart()
	defer second.Close()
	produce(t, away, 30, 60)
	eventually(t, func() bool { return offsets.sum() == 60 })
	require.True(t, handler.all(60, 1))
	require.Equal(t, threads, made.Stats().Partitions)
}

// A topic that was made again has offsets of its own.
func TestATopicThatWasMadeAgainIsReadFromItsBeginning(t *testing.T) {
	offsets, handler := &store{}, &recorder{}
	first := cluster(t).ListenAddrs()
	produce(t, first, 0, 30)
	_, stop := start(t, consumer.Config{Brokers: first, Offsets: offsets, Handler: handler})
	eventually(t, func() bool { return offsets.sum() == 30 })
	stop()
	second := cluster(t).ListenAddrs()
	produce(t, second, 30, 40)
	start(t, consumer.Config{Brokers: second, Offsets: offsets, Handler: handler})
	eventually(t, func() bool { return offsets.sum() == 40 })
	require.True(t, handler.all(40, 1))
	require.Len(t, slices.Collect(maps.Keys(offsets.offsets)), 2)
}

func TestAConfigurationThatCannotBeMeantIsRefused(t *testing.T) {
	whole := consumer.Config{Topic: topic, Group: "g", Handler: &recorder{}, Offsets: &store{}, DeadLetters: &consumer.Letters{}}
	for _, spoil := range []func(*consumer.Config){
		func(c *consumer.Config) { c.Topic = "" }, func(c *consumer.Config) { c.Group = "" }, func(c *consumer.Config) { c.Handler = nil },
		func(c *consumer.Config) { c.Offsets = nil }, func(c *consumer.Config) { c.DeadLetters = nil },
		func(c *consumer.Config) { c.Brokers = []string{"127.0.0.1:port"} },
	} {
		config := whole
		spoil(&config)
		_, err := consumer.New(config)
		require.ErrorContains(t, err, "consumer:")
	}
	_, err := consumer.NewLetters(consumer.LettersConfig{})
	require.ErrorContains(t, err, "name of their reader")
}
