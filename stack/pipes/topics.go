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

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// ReadAll reads topics from their beginning to where they end now, each partition in its
// order.
func ReadAll(ctx context.Context, broker string, each func(*kgo.Record), topics ...string) error {
	left, offsets, err := spans(ctx, broker, topics)
	if err != nil || len(left) == 0 {
		return err
	}
	// Control records are kept, for the last record of a partition may be one.
	reader, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumePartitions(offsets), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer reader.Close()
	for len(left) > 0 {
		fetched := reader.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return err
		}
		fetched.EachRecord(func(record *kgo.Record) {
			at := place{record.Topic, record.Partition}
			end := left[at]
			if record.Offset < end && !record.Attrs.IsControl() {
				each(record)
			}
			if record.Offset+1 >= end {
				delete(left, at)
			}
		})
	}
	return nil
}

// spans returns where each partition that has records ends, and where each begins.
func spans(ctx context.Context, broker string, topics []string) (ends map[place]int64, starts map[string]map[int32]kgo.Offset, err error) {
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
	ends, starts = make(map[place]int64), make(map[string]map[int32]kgo.Offset)
	last.Each(func(end kadm.ListedOffset) {
		start, ok := first.Lookup(end.Topic, end.Partition)
		if !ok || end.Offset <= start.Offset {
			return
		}
		if starts[end.Topic] == nil {
			starts[end.Topic] = make(map[int32]kgo.Offset)
		}
		starts[end.Topic][end.Partition] = kgo.NewOffset().At(start.Offset)
		ends[place{end.Topic, end.Partition}] = end.Offset
	})
	return ends, starts, nil
}

// Group is the consumer group of a connector.
func Group(connector string) string { return "connect-" + connector }

// AwaitEnd waits until a sink has committed everything that is on a topic now.
func AwaitEnd(ctx context.Context, admin *kadm.Client, connector, topic string, patience time.Duration) error {
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return err
	}
	return Await(ctx, patience, func(ctx context.Context) error {
		committed, err := admin.FetchOffsets(ctx, Group(connector))
		if err == nil {
			err = committed.Error()
		}
		if err != nil {
			return err
		}
		if left := behind(committed, ends); left > 0 {
			return fmt.Errorf("%s has %d records before it", connector, left)
		}
		return nil
	})
}

// behind is how many records a group has still to go to the ends.
func behind(committed kadm.OffsetResponses, ends kadm.ListedOffsets) (left int64) {
	ends.Each(func(end kadm.ListedOffset) {
		at, _ := committed.Lookup(end.Topic, end.Partition) // nowhere is at the beginning
		left += max(0, end.Offset-max(0, at.At))
	})
	return left
}

// Decoders read events by the schemas that a registry has, each of which is asked for
// once. It belongs to one goroutine.
type Decoders struct {
	registry string
	known    map[uint32]*event.Decoder
}

// NewDecoders asks the registry at the address of its Confluent interface.
func NewDecoders(registry string) *Decoders {
	return &Decoders{registry: registry, known: make(map[uint32]*event.Decoder)}
}

// Decode reads the value of a record, frame and all, into an event.
func (d *Decoders) Decode(ctx context.Context, value []byte, e *event.Transaction) error {
	id, body, err := event.ParseFrame(value)
	if err != nil {
		return err
	}
	if d.known[id] == nil {
		var answer struct{ Schema string }
		if err := Ask(ctx, http.MethodGet, d.registry+"/schemas/ids/"+strconv.Itoa(int(id)), nil, &answer); err != nil {
			return err
		}
		if d.known[id], err = event.NewDecoder(answer.Schema); err != nil {
			return err
		}
	}
	return d.known[id].Decode(body, e)
}
