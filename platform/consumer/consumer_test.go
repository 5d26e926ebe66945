package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/native/await"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/id"
)

const (
	topic   = "bank-001.commands.v1"
	dead    = "dlq.bank-001.commands"
	threads = 3
)

// store is the Offsets of a test. It can be set back, as a restored database is.
type store struct {
	mutex   sync.Mutex
	offsets map[id.ID]map[int32]int64
	away    bool
	loads   int
}

func (s *store) LoadOffsets(_ context.Context, topic id.ID) (map[int32]int64, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.loads++
	if s.away {
		return nil, errors.New("away")
	}
	copied := make(map[int32]int64)
	for number, offset := range s.offsets[topic] {
		copied[number] = offset
	}
	return copied, nil
}

func (s *store) StoreOffset(_ context.Context, topic id.ID, partition int32, from, next int64) (bool, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.away {
		return false, errors.New("away")
	}
	if s.offsets == nil {
		s.offsets = make(map[id.ID]map[int32]int64)
	}
	if s.offsets[topic] == nil {
		s.offsets[topic] = make(map[int32]int64)
	}
	if s.offsets[topic][partition] < from {
		return false, nil
	}
	s.offsets[topic][partition] = max(next, s.offsets[topic][partition])
	return true, nil
}

func (s *store) set(change func(*store)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	change(s)
}

// sum is how many records are dealt with, over all partitions.
func (s *store) sum() (sum int64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, partitions := range s.offsets {
		for _, next := range partitions {
			sum += next
		}
	}
	return sum
}

// recorder is a Handler that remembers what it was given. deal, if set, decides.
type recorder struct {
	mutex sync.Mutex
	seen  map[string]int
	order map[int32][]int64
	deal  func(ctx context.Context, batch []*kgo.Record) ([]consumer.Letter, error)
}

func (r *recorder) Handle(ctx context.Context, batch []*kgo.Record) (letters []consumer.Letter, err error) {
	if r.deal != nil {
		if letters, err = r.deal(ctx, batch); err != nil {
			return nil, err
		}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.seen == nil {
		r.seen, r.order = make(map[string]int), make(map[int32][]int64)
	}
	for _, record := range batch {
		r.seen[string(record.Value)]++
		r.order[record.Partition] = append(r.order[record.Partition], record.Offset)
	}
	return letters, nil
}

// all reports whether each of the first n values was seen at least so often.
func (r *recorder) all(n, times int) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for i := range n {
		if r.seen[fmt.Sprint(i)] < times {
			return false
		}
	}
	return true
}

func cluster(t *testing.T, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	started, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(threads, topic), kfake.SeedTopics(1, dead)}, options...)...)
	require.NoError(t, err)
	t.Cleanup(started.Close)
	return started
}

// produce writes the numbers from..to as values, spread over the partitions.
func produce(t *testing.T, brokers []string, from, to int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	for i := from; i < to; i++ {
		client.Produce(t.Context(), &kgo.Record{Topic: topic, Partition: int32(i % threads), Key: fmt.Append(nil, "key-", i), Value: fmt.Append(nil, i),
			Headers: []kgo.RecordHeader{{Key: "own", Value: []byte("kept")}}}, nil)
	}
	require.NoError(t, client.Flush(t.Context()))
}

// start runs a consumer and returns it with what stops it.
func start(t *testing.T, config consumer.Config) (*consumer.Consumer, func()) {
	t.Helper()
	if config.Topic == "" {
		config.Topic = topic
	}
	config.Group, config.Backoff, config.MaxBackoff = "bank-001.commands", time.Millisecond, 20*time.Millisecond
	if config.DeadLetters == nil {
		letters, err := consumer.NewLetters(consumer.LettersConfig{Brokers: config.Brokers, Reader: "bank-001.commands"})
		require.NoError(t, err)
		t.Cleanup(letters.Close)
		config.DeadLetters = letters
	}
	made, err := consumer.New(config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		made.Run(ctx)
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(stop)
	return made, stop
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	await.Until(t, condition, 30*time.Second, 5*time.Millisecond)
}

func TestEveryRecordIsHandledOnceInTheOrderOfItsPartition(t *testing.T) {
	brokers, offsets, handler := cluster(t).ListenAddrs(), &store{}, &recorder{}
	produce(t, brokers, 0, 300)
	made, stop := start(t, consumer.Config{Brokers: brokers, Offsets: offsets, Handler: handler, MaxBatch: 7})
	eventually(t, func() bool { return offsets.sum() == 300 })
	produce(t, brokers, 300, 400)
	eventually(t, func() bool { return offsets.sum() == 400 })
	eventually(t, func() bool { return made.Stats().Lag == 0 })
	require.Equal(t, int64(400), made.Stats().Records)
	require.Equal(t, threads, made.Stats().Partitions)
	stop()
	require.Zero(t, made.Stats().Partitions)
	for _, order := range handler.order {
		for i, offset := range order {
			require.Equal(t, int64(i), offset)
		}
	}

	// Whoever reads next goes on behind the stored offsets.
	second := &recorder{}
	produce(t, brokers, 400, 410)
	start(t, consumer.Config{Brokers: brokers, Offsets: offsets, Handler: second})
	eventually(t, func() bool { return offsets.sum() == 410 })
	require.Len(t, second.seen, 10)
}

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
