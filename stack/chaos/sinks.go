package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const transactions = "bank-001.transactions.v1"

// sinkNames are the connectors that carry the events on.
var sinkNames = []string{"statement-postgres", "transactions-elasticsearch"}

// sinks is a view of the sinks from outside: through Connect's interface and the
// offsets that they commit.
type sinks struct {
	connect string
	broker  string
	client  *kgo.Client
	admin   *kadm.Client

	mutex sync.Mutex
	// poisoned are the records that are no events.
	poisoned map[place]string
}

// place is where a record is on the topic.
type place struct {
	partition int32
	offset    int64
}

func newSinks(connect, broker string) (*sinks, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	return &sinks{connect: connect, broker: broker, client: client, admin: kadm.NewClient(client), poisoned: make(map[place]string)}, nil
}

// put sends a request that answers nothing of interest.
func (s *sinks) put(ctx context.Context, url, body string) error {
	return send(ctx, http.MethodPut, url, body, nil)
}

// send makes one request; into, unless nil, takes the answer's JSON.
func send(ctx context.Context, method, url, body string, into any) error {
	content, err := exchange(ctx, method, url, body)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(content, into)
}

// fetch reads a page.
func fetch(ctx context.Context, url string) ([]byte, error) {
	return exchange(ctx, http.MethodGet, url, "")
}

func exchange(ctx context.Context, method, url, body string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %.300s", method, url, answer.Status, content)
	}
	return content, err
}

// connectorStatus is how Connect says that a connector and its tasks are.
type connectorStatus struct {
	Connector struct{ State string }
	Tasks     []taskStatus
}

// taskStatus is how a task is, and on which worker, host:port.
type taskStatus struct {
	State  string
	Worker string `json:"worker_id"`
}

func (s *sinks) status(ctx context.Context, connector string) (status connectorStatus, err error) {
	err = send(ctx, http.MethodGet, s.connect+"/connectors/"+connector+"/status", "", &status)
	return status, err
}

// failed counts the tasks that have failed for good.
func (s *sinks) failed(ctx context.Context) (count int, err error) {
	for _, connector := range sinkNames {
		status, err := s.status(ctx, connector)
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

// run fails unless both connectors and all of their tasks are running.
func (s *sinks) run(ctx context.Context) error {
	for _, connector := range sinkNames {
		if err := s.are(ctx, connector, "RUNNING"); err != nil {
			return err
		}
	}
	return nil
}

// are fails unless a connector and all of its tasks are in a state.
func (s *sinks) are(ctx context.Context, connector, state string) error {
	status, err := s.status(ctx, connector)
	if err != nil {
		return err
	}
	return status.are(connector, state)
}

func (status *connectorStatus) are(connector, state string) error {
	if status.Connector.State != state || state == "RUNNING" && len(status.Tasks) == 0 {
		return fmt.Errorf("%s is %s with %d tasks", connector, status.Connector.State, len(status.Tasks))
	}
	for i, task := range status.Tasks {
		if task.State != state {
			return fmt.Errorf("task %d of %s is %s", i, connector, task.State)
		}
	}
	return nil
}

// placed counts the tasks of both sinks by the worker that they run on. It fails unless
// all of them run.
func (s *sinks) placed(ctx context.Context) (map[string]int, error) {
	at := make(map[string]int)
	for _, connector := range sinkNames {
		status, err := s.status(ctx, connector)
		if err == nil {
			err = status.are(connector, "RUNNING")
		}
		if err != nil {
			return nil, err
		}
		for _, task := range status.Tasks {
			at[task.Worker]++
		}
	}
	return at, nil
}

// runOn returns what fails unless all tasks run, and on the worker with this interface.
func (s *sinks) runOn(worker string) func(context.Context) error {
	worker = strings.TrimPrefix(worker, "http://")
	return func(ctx context.Context) error {
		at, err := s.placed(ctx)
		if err == nil && (len(at) != 1 || at[worker] == 0) {
			err = fmt.Errorf("tasks are to run on %s and run on %v", worker, at)
		}
		return err
	}
}

// committed returns how far each sink says that it has come, as a sum over the partitions
// of the bank's events.
func (s *sinks) committed(ctx context.Context) (map[string]int64, error) {
	sums := make(map[string]int64)
	err := await(ctx, recoveryPatience, func(ctx context.Context) error {
		for _, connector := range sinkNames {
			offsets, err := s.admin.FetchOffsets(ctx, "connect-"+connector)
			if err == nil {
				err = offsets.Error()
			}
			if err != nil {
				return err
			}
			sums[connector] = 0
			offsets.Each(func(o kadm.OffsetResponse) {
				if o.Topic == transactions { // watermarks come without anything happening
					sums[connector] += o.At
				}
			})
		}
		return nil
	})
	return sums, err
}

// awaitProgress waits until both sinks run and have come further than from: a status
// alone may be that of the worker before.
func (s *sinks) awaitProgress(ctx context.Context, from map[string]int64) error {
	return await(ctx, recoveryPatience, func(ctx context.Context) error {
		if err := s.run(ctx); err != nil {
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

// awaitEnd waits until a sink has committed everything that is on the topic now.
func (s *sinks) awaitEnd(ctx context.Context, connector string) error {
	ends, err := s.admin.ListEndOffsets(ctx, transactions)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return err
	}
	return await(ctx, recoveryPatience, func(ctx context.Context) error {
		committed, err := s.admin.FetchOffsets(ctx, "connect-"+connector)
		if err == nil {
			err = committed.Error()
		}
		if err != nil {
			return err
		}
		return behind(connector, committed, ends[transactions])
	})
}

// behind is an error that says how far a sink has still to go; nil for one that has come
// to all ends.
func behind(connector string, committed kadm.OffsetResponses, ends map[int32]kadm.ListedOffset) error {
	var left int64
	for partition, end := range ends {
		at, _ := committed.Lookup(transactions, partition) // nowhere is at the beginning
		left += max(0, end.Offset-max(0, at.At))
	}
	if left > 0 {
		return fmt.Errorf("%s has %d records before it", connector, left)
	}
	return nil
}

// rewind has a sink read the topic from its beginning.
func (s *sinks) rewind(ctx context.Context, connector string) error {
	url := s.connect + "/connectors/" + connector
	if err := s.put(ctx, url+"/stop", ""); err != nil {
		return err
	}
	for _, move := range []func(context.Context) error{
		func(ctx context.Context) error { return s.are(ctx, connector, "STOPPED") },
		func(ctx context.Context) error { return send(ctx, http.MethodDelete, url+"/offsets", "", nil) },
		func(ctx context.Context) error { return s.put(ctx, url+"/resume", "") },
		func(ctx context.Context) error { return s.are(ctx, connector, "RUNNING") },
	} {
		if err := await(ctx, recoveryPatience, move); err != nil {
			return err
		}
	}
	return nil
}

// poison puts one record of each kind that is no event on the topic.
func (s *sinks) poison(ctx context.Context, draw uint64) error {
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
		s.poisoned[place{produced.Partition, produced.Offset}] = name
		s.mutex.Unlock()
	}
	return nil
}
