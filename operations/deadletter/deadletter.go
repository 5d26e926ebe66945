// Package deadletter reads the dead-letter topics, to which Connect writes the records
// that a sink could not take, and sends the records to their origin again once the cause
// is gone. Not every dead letter is a bad record: while a table or an index template does
// not fit the events, the sink refuses good events too. An event takes effect once in each
// sink, so it is harmless to send a letter too often. A letter that is never sent is an event
// that the sink has lost.
package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// Prefix begins the name of every dead-letter topic; the connector's name follows.
	Prefix = "dlq."
	// groupPrefix begins the name of the consumer group whose offsets mark up to where a
	// topic's letters are dealt with; the topic's name follows.
	groupPrefix = "bankctl-redrive."
)

// Client reads and redrives dead letters. It is safe for concurrent use, but two
// redrives of one topic at once send its letters twice.
type Client struct {
	client *kgo.Client
	admin  *kadm.Client
}

// New returns a Client for the cluster of client, which stays the caller's and must
// not be one that consumes.
func New(client *kgo.Client) *Client {
	return &Client{client: client, admin: kadm.NewClient(client)}
}

// Topics returns the dead-letter topics of the cluster, ordered by name.
func (c *Client) Topics(ctx context.Context) ([]string, error) {
	details, err := c.admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("deadletter: %w", err)
	}
	names := slices.DeleteFunc(details.Names(), func(name string) bool { return !strings.HasPrefix(name, Prefix) })
	return names, nil
}

// Count is how many letters a topic holds.
type Count struct {
	Topic string `json:"topic"`
	// Total is how many there are. Waiting is how many of them no redrive has dealt with.
	Total   int64 `json:"total"`
	Waiting int64 `json:"waiting"`
}

// Count returns how many letters a topic holds.
func (c *Client) Count(ctx context.Context, topic string) (Count, error) {
	spans, err := c.spans(ctx, topic)
	if err != nil {
		return Count{}, err
	}
	count := Count{Topic: topic}
	for _, span := range spans {
		count.Total += span.end - span.start
		count.Waiting += span.end - span.from(false)
	}
	return count, nil
}

// CountAll returns the count of every dead-letter topic of the cluster, ordered by name.
func (c *Client) CountAll(ctx context.Context) ([]Count, error) {
	topics, err := c.Topics(ctx)
	if err != nil {
		return nil, err
	}
	counts := make([]Count, len(topics))
	for i, topic := range topics {
		if counts[i], err = c.Count(ctx, topic); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// span are the offsets of one partition, from start, inclusive, to end, exclusive. Those
// before mark are dealt with; mark is -1 when none ever was.
type span struct{ start, mark, end int64 }

// from returns the first offset of all letters, or of those waiting.
func (s span) from(all bool) int64 {
	if all {
		return s.start
	}
	// The mark is outside when records were deleted, or the topic was created again.
	return max(s.start, min(s.mark, s.end))
}

// spans returns the present span of each partition.
func (c *Client) spans(ctx context.Context, topic string) (map[int32]span, error) {
	starts, err := c.admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("deadletter: %s: %w", topic, err)
	}
	ends, err := c.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("deadletter: %s: %w", topic, err)
	}
	marks, err := c.marks(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("deadletter: %s: %w", topic, err)
	}
	spans := make(map[int32]span)
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(topic, end.Partition)
		s := span{start: start.Offset, mark: -1, end: end.Offset}
		if mark, ok := marks.Lookup(topic, end.Partition); ok {
			s.mark = mark.At
		}
		spans[end.Partition] = s
	})
	return spans, nil
}

// marks returns the mark of each partition that has one.
func (c *Client) marks(ctx context.Context, topic string) (kadm.Offsets, error) {
	committed, err := c.admin.FetchOffsetsForTopics(ctx, groupPrefix+topic, topic)
	if err == nil {
		err = committed.Error()
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, err
	}
	marks := make(kadm.Offsets)
	committed.Each(func(mark kadm.OffsetResponse) {
		if mark.At >= 0 {
			marks.AddOffset(topic, mark.Partition, mark.At, -1)
		}
	})
	return marks, nil
}

// Selection says which letters of a topic to take.
type Selection struct {
	// All takes letters too that a redrive has dealt with.
	All bool
	// Limit is how many letters to take at most, the oldest first; 0 takes all that there
	// are when the call begins.
	Limit int
}

// List calls each for every selected letter, oldest first within a partition. An
// error of each ends it and is returned as it is.
func (c *Client) List(ctx context.Context, topic string, selection Selection, each func(Letter) error) error {
	spans, err := c.spans(ctx, topic)
	if err != nil {
		return err
	}
	return c.read(ctx, topic, spans, selection, func(letters []Letter) error {
		for _, letter := range letters {
			if err := each(letter); err != nil {
				return err
			}
		}
		return nil
	})
}

// read calls batch for the selected letters within spans, some at a time, in the
// order of each partition's offsets.
func (c *Client) read(ctx context.Context, topic string, spans map[int32]span, selection Selection, batch func([]Letter) error) error {
	offsets := make(map[int32]kgo.Offset)
	for partition, span := range spans {
		if from := span.from(selection.All); from < span.end {
			offsets[partition] = kgo.NewOffset().At(from)
		}
	}
	if len(offsets) == 0 {
		return nil
	}
	// Control records are kept, or the end might never be seen.
	consumer, err := kgo.NewClient(append(c.client.Opts(), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}))...)
	if err != nil {
		return fmt.Errorf("deadletter: %w", err)
	}
	defer consumer.Close()
	left := selection.Limit
	for len(offsets) > 0 {
		fetches := consumer.PollFetches(ctx)
		if err := errors.Join(ctx.Err(), fetches.Err()); err != nil {
			return fmt.Errorf("deadletter: reading %s: %w", topic, err)
		}
		letters := take(fetches, spans, offsets)
		if selection.Limit > 0 && len(letters) > left {
			letters = letters[:left]
		}
		if len(letters) > 0 {
			if err := batch(letters); err != nil {
				return err
			}
		}
		if left -= len(letters); selection.Limit > 0 && left == 0 {
			return nil
		}
	}
	return nil
}

// take returns the letters in fetches that lie within their spans, and removes from unread
// the partitions that are read to the end of theirs.
func take(fetches kgo.Fetches, spans map[int32]span, unread map[int32]kgo.Offset) []Letter {
	var letters []Letter
	fetches.EachRecord(func(record *kgo.Record) {
		end := spans[record.Partition].end
		if record.Offset < end && !record.Attrs.IsControl() {
			letters = append(letters, parse(record))
		}
		if record.Offset >= end-1 {
			delete(unread, record.Partition)
		}
	})
	return letters
}
