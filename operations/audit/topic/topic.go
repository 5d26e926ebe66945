// Package topic reads a bank's topic for an audit, from its beginning to the end that it
// has at the moment of the call. It uses no consumer group, so an audit leaves nothing on
// the brokers.
package topic

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"codebank.dev/operations/audit"
)

const (
	// fetchBytes and partitionBytes bound the memory for what is read ahead.
	fetchBytes     = 8 << 20
	partitionBytes = 2 << 20
	// stall is how long the brokers may send nothing before a read fails.
	stall = 30 * time.Second
)

var errStalled = fmt.Errorf("nothing came for %v", stall)

// SchemaByID returns the Avro schema with an id. found is false if the registry has none.
// An error means that the registry is away.
type SchemaByID func(ctx context.Context, id uint32) (schema string, found bool, err error)

// Topic reads one topic. It is safe for concurrent use.
type Topic struct {
	client   *kgo.Client
	name     string
	decoders *decoders
}

var _ audit.Source = (*Topic)(nil)

// New returns the topic with a name. client stays the caller's, and must not be a consumer.
func New(client *kgo.Client, name string, schema SchemaByID) *Topic {
	return &Topic{client: client, name: name, decoders: newDecoders(schema)}
}

// span is a range of offsets of a partition: from next, inclusive, to end, exclusive.
type span struct{ next, end int64 }

// spans returns the partitions that are not empty.
func (t *Topic) spans(ctx context.Context) (map[int32]*span, error) {
	admin := kadm.NewClient(t.client)
	starts, err := admin.ListStartOffsets(ctx, t.name)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	ends, err := admin.ListEndOffsets(ctx, t.name)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	spans := make(map[int32]*span)
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(t.name, end.Partition)
		if start.Offset < end.Offset {
			spans[end.Partition] = &span{next: start.Offset, end: end.Offset}
		}
	})
	return spans, nil
}

// Read implements audit.Source. It decodes the partitions concurrently, each in the order
// of its offsets.
func (t *Topic) Read(ctx context.Context, each func(*audit.Copy) error) error {
	spans, err := t.spans(ctx)
	if err != nil || len(spans) == 0 {
		return err
	}
	return t.consume(ctx, spans, each)
}

// consume reads all spans to their ends, and moves their next.
func (t *Topic) consume(ctx context.Context, spans map[int32]*span, each func(*audit.Copy) error) error {
	offsets := make(map[int32]kgo.Offset, len(spans))
	for partition, span := range spans {
		offsets[partition] = kgo.NewOffset().At(span.next)
	}
	// Without control records the end of a span might never be reached.
	client, err := kgo.NewClient(append(t.client.Opts(), kgo.KeepControlRecords(),
		kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(partitionBytes),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{t.name: offsets}))...)
	if err != nil {
		return err
	}
	defer client.Close()
	for len(spans) > 0 {
		fetches, err := poll(ctx, client)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(runtime.GOMAXPROCS(0))
		fetches.EachPartition(func(fetched kgo.FetchTopicPartition) {
			if span := spans[fetched.Partition]; span != nil {
				group.Go(func() error { return t.decode(ctx, fetched.Records, span, each) })
			}
		})
		if err := group.Wait(); err != nil {
			return err
		}
		for partition, span := range spans {
			if span.next >= span.end {
				delete(spans, partition)
				client.PauseFetchPartitions(map[string][]int32{t.name: {partition}})
			}
		}
	}
	return nil
}

// poll returns the records that have arrived. It returns an error if none arrive within
// stall.
func poll(ctx context.Context, client *kgo.Client) (kgo.Fetches, error) {
	try, cancel := context.WithTimeoutCause(ctx, stall, errStalled)
	defer cancel()
	fetches := client.PollFetches(try)
	if err := fetches.Err(); err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return nil, errStalled
		}
		return nil, err
	}
	return fetches, nil
}

// decode passes on the copies in those records of a partition that are within its span.
func (t *Topic) decode(ctx context.Context, records []*kgo.Record, span *span, each func(*audit.Copy) error) error {
	var c audit.Copy
	for _, record := range records {
		if record.Offset >= span.end {
			span.next = span.end
			return nil
		}
		span.next = record.Offset + 1
		if record.Attrs.IsControl() {
			continue
		}
		if err := t.decoders.copyOf(ctx, record, &c); err != nil {
			return err
		}
		if err := each(&c); err != nil {
			return err
		}
	}
	return nil
}

// Find implements audit.Source. It reads the wanted positions again, because a topic cannot
// be searched for an event id.
func (t *Topic) Find(ctx context.Context, wanted audit.Wanted) ([]audit.Copy, error) {
	var found []audit.Copy
	for _, position := range wanted.Positions {
		spans := map[int32]*span{position.Partition: {next: position.Offset, end: position.Offset + 1}}
		err := t.consume(ctx, spans, func(c *audit.Copy) error {
			found = append(found, *c)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
