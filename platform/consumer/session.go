package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"codebank.dev/platform/clientauth/kafkaauth"
	"codebank.dev/platform/id"
)

// errRestored ends a session whose offsets were restored to an earlier state.
var errRestored = errors.New("consumer: the stored offsets are those of an earlier time")

// session is one membership in the group, with the partitions that it has at the moment.
type session struct {
	consumer *Consumer
	// client is set once ready is closed. The client asks where to begin on a goroutine of its own, which it may start
	// before it is returned.
	client *kgo.Client
	ready  chan struct{}
	// ctx ends with the session; end ends it, with the reason.
	ctx context.Context
	end context.CancelCauseFunc

	mutex      sync.Mutex
	partitions map[int32]*partition
	running    sync.WaitGroup
	// failing is the error of the last fetch that was logged.
	failing string
}

// session reads until ctx ends, or until reading has to begin again at the stored offsets.
func (c *Consumer) session(ctx context.Context) error {
	s := &session{consumer: c, ready: make(chan struct{}), partitions: make(map[int32]*partition)}
	s.ctx, s.end = context.WithCancelCause(ctx)
	defer s.end(nil)
	// The client says farewell after ctx has ended, so it lives on until abort.
	living, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	var err error
	if s.client, err = kgo.NewClient(append(c.options(s), kgo.WithContext(living))...); err != nil {
		return fmt.Errorf("consumer: %w", err)
	}
	close(s.ready)
	s.poll()
	// Whoever gets the partitions next need not wait for what is abandoned here: it is harmless to handle a
	// record twice.
	s.revoked(ctx, s.client, map[string][]int32{c.config.Topic: s.numbers()})
	// A client that closes waits for the answer if it is joining the group at that moment, and the brokers answer
	// only when all other readers have joined too, or have been away for long enough.
	bound := time.AfterFunc(leaveTimeout, abort)
	defer bound.Stop()
	s.client.CloseAllowingRebalance()
	s.revoked(ctx, s.client, map[string][]int32{c.config.Topic: s.numbers()})
	s.running.Wait()
	return context.Cause(s.ctx)
}

// poll hands records to their partitions until the session ends.
func (s *session) poll() {
	config := &s.consumer.config
	for s.ctx.Err() == nil {
		fetches := s.client.PollRecords(s.ctx, 4*config.MaxBatch)
		if fetches.IsClientClosed() {
			return
		}
		fetches.EachError(func(_ string, number int32, err error) { s.fetchFailed(number, err) })
		fetches.EachPartition(func(fetched kgo.FetchTopicPartition) {
			if p := s.partition(fetched.Partition); p != nil && fetched.Err == nil {
				s.failing = ""
				p.add(fetched.Records, fetched.HighWatermark)
			}
		})
		s.client.AllowRebalance()
	}
}

// fetchFailed logs an error of a fetch, which the client tries again.
func (s *session) fetchFailed(number int32, err error) {
	if s.ctx.Err() != nil {
		return
	}
	s.consumer.stats.fetchErrors.Add(1)
	err = kafkaauth.Explain(s.consumer.config.BrokerAuth, err)
	if s.failing == err.Error() {
		return
	}
	s.failing = err.Error()
	s.consumer.config.Logger.Warn("records cannot be fetched; it is tried again",
		slog.Int("partition", int(number)), slog.Any("error", err))
}

// begin says where the client begins to read the partitions that it got. It waits while the offsets cannot
// be loaded; ctx ends when the partitions are taken away again, or when the session ends.
func (s *session) begin(ctx context.Context, given map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	<-s.ready
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	config := &s.consumer.config
	wait := backoff{shortest: config.Backoff, longest: config.MaxBackoff}
	for logged := false; ; wait.sleep(ctx) {
		topic, stored, err := s.load(ctx)
		if err == nil {
			for number := range given[config.Topic] {
				from, known := stored[number]
				offset := kgo.NewOffset().AtStart()
				if known {
					offset = kgo.NewOffset().At(from)
				}
				given[config.Topic][number] = offset
				s.start(topic, number, from)
			}
			return given, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		s.consumer.stats.retries.Add(1)
		if !logged {
			config.Logger.Warn("the stored offsets cannot be loaded; it is tried again", slog.Any("error", err))
			logged = true
		}
	}
}

// load returns the id of the topic and its stored offsets.
func (s *session) load(ctx context.Context) (id.ID, map[int32]int64, error) {
	request, name := kmsg.NewPtrMetadataRequest(), s.consumer.config.Topic
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &name
	request.Topics = append(request.Topics, asked)
	answer, err := request.RequestWith(ctx, s.client)
	if err != nil {
		return id.ID{}, nil, fmt.Errorf("consumer: the topic's id: %w", kafkaauth.Explain(s.consumer.config.BrokerAuth, err))
	}
	if len(answer.Topics) != 1 {
		return id.ID{}, nil, errors.New("consumer: the broker said nothing about the topic")
	}
	if err := kerr.ErrorForCode(answer.Topics[0].ErrorCode); err != nil {
		return id.ID{}, nil, fmt.Errorf("consumer: the topic's id: %w", err)
	}
	topic := id.ID(answer.Topics[0].TopicID)
	stored, err := s.consumer.config.Offsets.LoadOffsets(ctx, topic)
	return topic, stored, err
}

// start begins the work on a partition.
func (s *session) start(topic id.ID, number int32, from int64) {
	s.stop(number)
	ctx, cancel := context.WithCancel(s.ctx)
	p := &partition{session: s, topic: topic, number: number, stop: cancel, wake: make(chan struct{}, 1)}
	p.next.Store(from)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.partitions[number] = p
	s.consumer.stats.add(p)
	s.running.Go(func() { p.run(ctx) })
}

// stop ends the work on a partition, if there is any, without waiting for its end.
func (s *session) stop(number int32) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	p, had := s.partitions[number]
	if !had {
		return
	}
	p.halt()
	delete(s.partitions, number)
	s.consumer.stats.remove(p)
}

// revoked ends the work on partitions that were taken away. What is in hand is abandoned: the next owner
// reads it again.
func (s *session) revoked(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	for _, number := range lost[s.consumer.config.Topic] {
		s.stop(number)
	}
}

func (s *session) partition(number int32) *partition {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.partitions[number]
}

func (s *session) numbers() (numbers []int32) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for number := range s.partitions {
		numbers = append(numbers, number)
	}
	return numbers
}
