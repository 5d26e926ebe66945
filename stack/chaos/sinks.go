package chaos

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"

	"codebank.dev/stack/pipes"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const transactions = "bank-001.transactions.v1"

// sinkNames are the names of the sink connectors.
var sinkNames = []string{"statement-postgres", "transactions-elasticsearch"}

// sinks observes and controls the sink connectors through Connect's REST API and through the
// offsets that they commit.
type sinks struct {
	worker pipes.Worker
	broker string
	client *kgo.Client
	admin  *kadm.Client
	// partitions is the number of partitions of the topic of events. The topic of watermarks
	// has as many.
	partitions int

	mutex sync.Mutex
	// poisoned names the records that are not events, by position.
	poisoned map[recordPosition]string
}

// recordPosition is the position of a record on the topic.
type recordPosition struct {
	partition int32
	offset    int64
}

// newSinks reads the number of partitions from the broker. The broker must run.
func newSinks(ctx context.Context, connect, broker string) (*sinks, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	s := &sinks{worker: pipes.Worker(connect), broker: broker, client: client, admin: kadm.NewClient(client), poisoned: make(map[recordPosition]string)}
	topics, err := s.admin.ListTopics(ctx, transactions)
	if err == nil {
		err = topics.Error()
	}
	if err != nil {
		client.Close()
		return nil, err
	}
	s.partitions = len(topics[transactions].Partitions)
	return s, nil
}

// failedTasks counts the failed tasks.
func (s *sinks) failedTasks(ctx context.Context) (count int, err error) {
	for _, connector := range sinkNames {
		status, err := s.worker.Status(ctx, connector)
		if err != nil {
			return 0, err
		}
		for _, task := range status.Tasks {
			if task.State == "FAILED" {
				count++
			}
		}
	}
	return count, nil
}

// requireRunning returns an error unless both connectors and all their tasks run.
func (s *sinks) requireRunning(ctx context.Context) error {
	for _, connector := range sinkNames {
		if err := s.worker.Require(ctx, connector, "RUNNING"); err != nil {
			return err
		}
	}
	return nil
}

// tasksByWorker counts the tasks of both sinks by worker. It returns an error unless all of
// them run.
func (s *sinks) tasksByWorker(ctx context.Context) (map[string]int, error) {
	at := make(map[string]int)
	for _, connector := range sinkNames {
		status, err := s.worker.Status(ctx, connector)
		if err == nil {
			err = status.Require("RUNNING")
		}
		if err != nil {
			return nil, fmt.Errorf("%s %w", connector, err)
		}
		for _, task := range status.Tasks {
			at[task.Worker]++
		}
	}
	return at, nil
}

// allTasksOn returns a function that fails unless all tasks run on one worker. The argument is
// the URL of that worker's REST API.
func (s *sinks) allTasksOn(worker string) func(context.Context) error {
	worker = strings.TrimPrefix(worker, "http://")
	return func(ctx context.Context) error {
		at, err := s.tasksByWorker(ctx)
		if err == nil && (len(at) != 1 || at[worker] == 0) {
			err = fmt.Errorf("the tasks must run on %s, and they run on %v", worker, at)
		}
		return err
	}
}

// committed returns the sum of the committed offsets of each sink, over the partitions of the
// topic of events.
func (s *sinks) committed(ctx context.Context) (map[string]int64, error) {
	sums := make(map[string]int64)
	err := pipes.Await(ctx, recoveryTimeout, func(ctx context.Context) error {
		for _, connector := range sinkNames {
			offsets, err := s.admin.FetchOffsets(ctx, pipes.Group(connector))
			if err == nil {
				err = offsets.Error()
			}
			if err != nil {
				return err
			}
			sums[connector] = 0
			offsets.Each(func(o kadm.OffsetResponse) {
				if o.Topic == transactions { // watermarks are published even if nothing happens
					sums[connector] += o.At
				}
			})
		}
		return nil
	})
	return sums, err
}

// awaitProgress waits until both sinks run and have committed more than from. A status alone
// does not prove this: it may be left from the worker before.
func (s *sinks) awaitProgress(ctx context.Context, from map[string]int64) error {
	return pipes.Await(ctx, recoveryTimeout, func(ctx context.Context) error {
		if err := s.requireRunning(ctx); err != nil {
			return err
		}
		now, err := s.committed(ctx)
		if err != nil {
			return err
		}
		for connector, before := range from {
			if now[connector] <= before {
				return fmt.Errorf("%s has not come further than %d", connector, before)
			}
		}
		return nil
	})
}

// awaitEnd waits until a sink has committed every record that is on the topic now.
func (s *sinks) awaitEnd(ctx context.Context, connector string) error {
	return pipes.AwaitEnd(ctx, s.admin, connector, transactions, recoveryTimeout)
}

// producePoison puts one record of each kind that is not an event on the topic.
func (s *sinks) producePoison(ctx context.Context, draw uint64) error {
	partition := int32(draw % 3)
	kinds := map[string]*kgo.Record{
		"not Avro":             {Key: []byte("poison"), Value: []byte("this is not Avro")},
		"an unknown schema id": {Key: []byte("poison"), Value: []byte{0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3}},
		"an event cut short":   {Key: []byte("poison"), Value: []byte{0, 0, 0, 0, 1, 0x48, 'a', 'b'}},
		"no key":               {Value: []byte{1, 2, 3}},
		"a tombstone":          {Key: []byte("poison")},
		"900 kB":               {Key: []byte("poison"), Value: bytes.Repeat([]byte{7}, 900_000)},
	}
	for name, record := range kinds {
		record.Topic, record.Partition = transactions, partition
		produced, err := s.client.ProduceSync(ctx, record).First()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.mutex.Lock()
		s.poisoned[recordPosition{produced.Partition, produced.Offset}] = name
		s.mutex.Unlock()
	}
	return nil
}
