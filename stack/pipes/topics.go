package pipes

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"codebank.dev/schemas/event"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// partition is a partition of a topic.
type partition struct {
	topic     string
	partition int32
}

// ReadAll reads topics from their beginning to their present end. It visits the records of each
// partition in order.
func ReadAll(ctx context.Context, broker string, visit func(*kgo.Record), topics ...string) error {
	ends, starts, err := offsets(ctx, broker, topics)
	if err != nil || len(ends) == 0 {
		return err
	}
	// Control records are kept, because the last record of a partition may be one.
	reader, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumePartitions(starts), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer reader.Close()
	for len(ends) > 0 {
		fetched := reader.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return err
		}
		fetched.EachRecord(func(record *kgo.Record) {
			at := partition{record.Topic, record.Partition}
			end := ends[at]
			if record.Offset < end && !record.Attrs.IsControl() {
				visit(record)
			}
			if record.Offset+1 >= end {
				delete(ends, at)
			}
		})
	}
	return nil
}

// offsets returns the end and the start of each partition that has records.
func offsets(ctx context.Context, broker string, topics []string) (ends map[partition]int64, starts map[string]map[int32]kgo.Offset, err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	first, err := admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, nil, err
	}
	last, err := admin.ListEndOffsets(ctx, topics...)
	if err != nil {
		return nil, nil, err
	}
	ends, starts = make(map[partition]int64), make(map[string]map[int32]kgo.Offset)
	last.Each(func(end kadm.ListedOffset) {
		start, ok := first.Lookup(end.Topic, end.Partition)
		if !ok || end.Offset <= start.Offset {
			return
		}
		if starts[end.Topic] == nil {
			starts[end.Topic] = make(map[int32]kgo.Offset)
		}
		starts[end.Topic][end.Partition] = kgo.NewOffset().At(start.Offset)
		ends[partition{end.Topic, end.Partition}] = end.Offset
	})
	return ends, starts, nil
}

// Group is the consumer group of a connector.
func Group(connector string) string { return "connect-" + connector }

// AwaitEnd waits until a sink has committed every record that is on a topic now.
func AwaitEnd(ctx context.Context, admin *kadm.Client, connector, topic string, timeout time.Duration) error {
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return err
	}
	return Await(ctx, timeout, func(ctx context.Context) error {
		committed, err := admin.FetchOffsets(ctx, Group(connector))
		if err == nil {
			err = committed.Error()
		}
		if err != nil {
			return err
		}
		if left := Lag(committed, ends); left > 0 {
			return fmt.Errorf("%s has not committed %d records", connector, left)
		}
		return nil
	})
}

// Lag returns how many records a group has not committed yet.
func Lag(committed kadm.OffsetResponses, ends kadm.ListedOffsets) (left int64) {
	ends.Each(func(end kadm.ListedOffset) {
		at, _ := committed.Lookup(end.Topic, end.Partition) // a partition without a committed offset is read from its beginning
		left += max(0, end.Offset-max(0, at.At))
	})
	return left
}

// Decoders decode events. They read each schema from the registry once. They are not safe for
// concurrent use.
type Decoders struct {
	registry string
	known    map[uint32]*event.Decoder
}

// NewDecoders returns decoders that read schemas from the registry's Confluent API at an
// address.
func NewDecoders(registry string) *Decoders {
	return &Decoders{registry: registry, known: make(map[uint32]*event.Decoder)}
}

// Decode decodes the value of a record, which begins with the registry's frame, into an event.
func (d *Decoders) Decode(ctx context.Context, value []byte, e *event.Transaction) error {
	id, body, err := event.ParseFrame(value)
	if err != nil {
		return err
	}
	if d.known[id] == nil {
		var answer struct{ Schema string }
		if err := Call(ctx, http.MethodGet, d.registry+"/schemas/ids/"+strconv.Itoa(int(id)), nil, &answer); err != nil {
			return err
		}
		if d.known[id], err = event.NewDecoder(answer.Schema); err != nil {
			return err
		}
	}
	return d.known[id].Decode(body, e)
}
