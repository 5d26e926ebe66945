// Package deadletter reads the dead-letter topics, to which Connect writes the records
// that a sink could not take, and sends them to that sink again once the cause
// is gone. A program that reads a topic by itself (package consumer) writes the same letters, and is
// a sink like any other here. Not every dead letter is a bad record: while a table or an index template does
// not fit the events, the sink refuses good events too. An event takes effect once in each
// sink, so it is harmless to send a letter too often. A letter that is never sent is an event
// that the sink has lost.
//
// A letter goes only to the sink that refused it: the record is on the topic that all sinks read,
// and a header names the one that takes it. Nothing is sent without an operator, so a letter that
// comes back waits as one letter of the same sink.
//
// The files, in reading order:
//
//	deadletter.go  topics, counts, and how letters are read
//	letter.go      what may be shown of a letter
//	redrive.go     letters are sent to their sink again
//	actions.go     what operators did with letters; show and discard one
//	tally.go       how many letters of a topic had which outcome
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
	// groupPrefix begins the name of a consumer group; the topic's name follows. The group's offsets
	// mark up to where the topic's letters are dealt with.
	groupPrefix = "bankctl-redrive."
)

// Client reads and redrives dead letters. It is safe for concurrent use, but two
// redrives of one topic at once send its letters twice.
type Client struct {
	client *kgo.Client
	admin  *kadm.Client
}

// New returns a Client for the cluster of client, which stays the caller's and must not be a
// consumer.
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
	// Total is how many letters there are. Waiting is how many of them nobody has dealt with.
	Total   int64 `json:"total"`
	Waiting int64 `json:"waiting"`
	// Sent and Discarded are how many of them were last sent again, and discarded. The others were
	// passed over by a redrive, or sent before actions were recorded.
	Sent      int64 `json:"sent"`
	Discarded int64 `json:"discarded"`
}

// Count returns how many letters a topic holds.
func (c *Client) Count(ctx context.Context, topic string) (Count, error) {
	counts, err := c.countAll(ctx, topic)
	if err != nil {
		return Count{}, err
	}
	return counts[0], nil
}

// countAll returns the counts of topics, in their order.
func (c *Client) countAll(ctx context.Context, topics ...string) ([]Count, error) {
	known, err := c.admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("deadletter: %w", err)
	}
	dealt, err := c.dealt(ctx, known)
	if err != nil {
		return nil, err
	}
	counts := make([]Count, len(topics))
	for i, topic := range topics {
		spans, err := c.spans(ctx, topic, Selection{})
		if err != nil {
			return nil, err
		}
		counts[i] = countOf(topic, spans, dealt)
	}
	return counts, nil
}

func countOf(topic string, spans map[int32]span, dealt map[Place]Action) Count {
	count := Count{Topic: topic}
	for _, span := range spans {
		count.Total += span.end - span.start
		count.Waiting += span.end - span.from(false)
	}
	for letter, action := range dealt {
		span, there := spans[letter.Partition]
		if letter.Topic != topic || !there || letter.Offset < span.start || letter.Offset >= span.end {
			continue
		}
		if letter.Offset >= span.from(false) {
			count.Waiting--
		}
		if action == ActionDiscarded {
			count.Discarded++
		} else {
			count.Sent++
		}
	}
	return count
}

// CountAll returns the count of every dead-letter topic of the cluster, ordered by name.
func (c *Client) CountAll(ctx context.Context) ([]Count, error) {
	topics, err := c.Topics(ctx)
	if err != nil {
		return nil, err
	}
	return c.countAll(ctx, topics...)
}

// span is the range of offsets of one partition: from start, inclusive, to end, exclusive.
// Letters before mark are dealt with. mark is -1 if there never was a mark.
type span struct{ start, mark, end int64 }

// from returns the first offset of all letters, or that of the waiting letters.
func (s span) from(all bool) int64 {
	if all {
		return s.start
	}
	// The mark is outside the range if records were deleted or the topic was created again.
	return max(s.start, min(s.mark, s.end))
}

// spans returns the present span of each partition. If the selection names one letter, it returns
// the span of that letter.
func (c *Client) spans(ctx context.Context, topic string, selection Selection) (map[int32]span, error) {
	if only := selection.Only; only != nil && !strings.HasPrefix(only.Topic, Prefix) {
		return nil, fmt.Errorf("deadletter: %s lies in no dead-letter topic", only)
	}
	spans, err := c.offsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	marks, err := c.marks(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("deadletter: %s: %w", topic, err)
	}
	for partition, span := range spans {
		if mark, ok := marks.Lookup(topic, partition); ok {
			span.mark = mark.At
			spans[partition] = span
		}
	}
	only := selection.Only
	if only == nil {
		return spans, nil
	}
	one, there := spans[only.Partition]
	if !there || only.Offset < one.start || only.Offset >= one.end {
		return nil, noLetter(*only)
	}
	one.start, one.end = only.Offset, only.Offset+1
	return map[int32]span{only.Partition: one}, nil
}

// offsets returns the present span of each partition, without marks.
func (c *Client) offsets(ctx context.Context, topic string) (map[int32]span, error) {
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
	spans := make(map[int32]span)
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(topic, end.Partition)
		spans[end.Partition] = span{start: start.Offset, mark: -1, end: end.Offset}
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
	// All also takes letters that were dealt with.
	All bool
	// Limit bounds how many letters to take, the oldest first. 0 takes all letters that there are
	// when the call begins.
	Limit int
	// Only is the one letter to take; nil takes the letters of the whole topic.
	Only *Place
}

// List calls each for every selected letter, oldest first within a partition. An
// error of each ends it and is returned as it is.
func (c *Client) List(ctx context.Context, topic string, selection Selection, each func(Letter) error) error {
	known, err := c.admin.ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("deadletter: %w", err)
	}
	dealt, err := c.dealt(ctx, known)
	if err != nil {
		return err
	}
	spans, err := c.spans(ctx, topic, selection)
	if err != nil {
		return err
	}
	return c.read(ctx, topic, reading{spans, selection, dealt}, func(letters []Letter) error {
		for _, letter := range letters {
			if err := each(letter); err != nil {
				return err
			}
		}
		return nil
	})
}

// reading says what to read of a topic.
type reading struct {
	spans     map[int32]span
	selection Selection
	dealt     map[Place]Action
}

// take returns the selected letters among records, with their states.
func (r *reading) take(records []*kgo.Record) []Letter {
	var letters []Letter
	for _, record := range records {
		letter := parse(record)
		switch action, dealt := r.dealt[letter.At]; {
		case dealt && action == ActionDiscarded:
			letter.State = Discarded
		case dealt:
			letter.State = WasSent
		case record.Offset < r.spans[record.Partition].mark:
			letter.State = PassedOver
		default:
			letter.State = Waiting
		}
		if _, dealt := r.dealt[letter.At]; r.selection.All || !dealt {
			letters = append(letters, letter)
		}
	}
	return letters
}

// read calls batch for the selected letters, some at a time, in the order of each partition's
// offsets.
func (c *Client) read(ctx context.Context, topic string, reading reading, batch func([]Letter) error) error {
	limit := reading.selection.Limit
	left := limit
	all := reading.selection.All || reading.selection.Only != nil
	return c.consume(ctx, topic, reading.spans, all, func(records []*kgo.Record) (more bool, err error) {
		letters := reading.take(records)
		if limit > 0 && len(letters) > left {
			letters = letters[:left]
		}
		left -= len(letters)
		if len(letters) > 0 {
			err = batch(letters)
		}
		return limit == 0 || left > 0, err
	})
}

// consume calls batch for the records within spans, some at a time, in the order of each
// partition's offsets, until batch wants no more. With all it also takes the records before the
// mark.
func (c *Client) consume(ctx context.Context, topic string, spans map[int32]span, all bool,
	batch func([]*kgo.Record) (more bool, err error)) error {
	offsets := make(map[int32]kgo.Offset)
	for partition, span := range spans {
		if from := span.from(all); from < span.end {
			offsets[partition] = kgo.NewOffset().At(from)
		}
	}
	if len(offsets) == 0 {
		return nil
	}
	// Without control records the end of a span might never be seen.
	consumer, err := kgo.NewClient(append(c.client.Opts(), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}))...)
	if err != nil {
		return fmt.Errorf("deadletter: %w", err)
	}
	defer consumer.Close()
	for len(offsets) > 0 {
		fetches := consumer.PollFetches(ctx)
		if err := errors.Join(ctx.Err(), fetches.Err()); err != nil {
			return fmt.Errorf("deadletter: reading %s: %w", topic, err)
		}
		records := within(fetches, spans, offsets)
		if len(records) == 0 {
			continue
		}
		if more, err := batch(records); err != nil || !more {
			return err
		}
	}
	return nil
}

// within returns the records in fetches that lie within their spans. It removes a partition from
// unread when its span is read to the end.
func within(fetches kgo.Fetches, spans map[int32]span, unread map[int32]kgo.Offset) []*kgo.Record {
	var records []*kgo.Record
	fetches.EachRecord(func(record *kgo.Record) {
		end := spans[record.Partition].end
		if record.Offset < end && !record.Attrs.IsControl() {
			records = append(records, record)
		}
		if record.Offset >= end-1 {
			delete(unread, record.Partition)
		}
	})
	return records
}
