// Package backlog says how far a sink of Kafka Connect is behind its topics, and whether it
// waits for a schema. A sink that waits runs, for the worker: it delivers the same records
// again and again. Its consumer group tells how far it is, and the first record that it has
// not taken tells why it waits.
package backlog

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/schemas/event"
)

const (
	// groupPrefix begins the name of a sink's consumer group; the connector's name follows.
	groupPrefix = "connect-"
	// readTimeout bounds how long the first records are waited for.
	readTimeout = 5 * time.Second
)

// SchemaByID returns the Avro schema with an id; found is false when the registry has none.
type SchemaByID func(ctx context.Context, id uint32) (schema string, found bool, err error)

// Backlog is what a sink has not taken yet.
type Backlog struct {
	// Records is how many records there are above the offsets that the sink has committed.
	Records int64 `json:"records"`
	// Since is the time of the oldest of them; zero when there is none.
	Since time.Time `json:"since,omitzero"`
	// Waits says what the sink waits for, empty when nothing shows that it waits.
	Waits string `json:"waits,omitempty"`
}

// Reader reads the backlogs of sinks. It is safe for concurrent use.
type Reader struct {
	client *kgo.Client
	admin  *kadm.Client
	schema SchemaByID
}

// New returns a Reader. client stays the caller's and must not be one that consumes.
func New(client *kgo.Client, schema SchemaByID) *Reader {
	return &Reader{client: client, admin: kadm.NewClient(client), schema: schema}
}

// Of returns the backlog of a connector, by its name and its configuration. The backlog of a
// connector that reads no topic is empty.
func (r *Reader) Of(ctx context.Context, name string, config map[string]string) (Backlog, error) {
	topics, err := r.topics(ctx, config)
	if err != nil || len(topics) == 0 {
		return Backlog{}, err
	}
	backlog, firsts, err := r.behind(ctx, groupPrefix+name, topics)
	if err != nil || backlog.Records == 0 {
		return backlog, err
	}
	records, err := r.firstRecords(ctx, firsts)
	if err != nil {
		return backlog, err
	}
	for _, record := range records {
		if backlog.Since.IsZero() || record.Timestamp.Before(backlog.Since) {
			backlog.Since = record.Timestamp.UTC()
		}
		if backlog.Waits == "" {
			if backlog.Waits, err = r.waits(ctx, record); err != nil {
				return backlog, err
			}
		}
	}
	return backlog, nil
}

// topics returns the existing topics that a sink's configuration names.
func (r *Reader) topics(ctx context.Context, config map[string]string) ([]string, error) {
	known, err := r.admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("backlog: %w", err)
	}
	named := strings.Split(config["topics"], ",")
	pattern, err := regexp.Compile("^(?:" + config["topics.regex"] + ")$")
	if err != nil {
		return nil, fmt.Errorf("backlog: topics.regex: %w", err)
	}
	return slices.DeleteFunc(known.Names(), func(topic string) bool {
		return !slices.Contains(named, topic) && (config["topics.regex"] == "" || !pattern.MatchString(topic))
	}), nil
}

// behind returns how many records a group has not taken, and the first of each partition.
func (r *Reader) behind(ctx context.Context, group string, topics []string) (Backlog, map[string]map[int32]kgo.Offset, error) {
	starts, startsErr := r.admin.ListStartOffsets(ctx, topics...)
	ends, endsErr := r.admin.ListEndOffsets(ctx, topics...)
	committed, groupErr := r.admin.FetchOffsetsForTopics(ctx, group, topics...)
	if errors.Is(groupErr, kerr.GroupIDNotFound) {
		groupErr = nil // It has committed nothing.
	}
	if err := errors.Join(startsErr, starts.Error(), endsErr, ends.Error(), groupErr, committed.Error()); err != nil {
		return Backlog{}, nil, fmt.Errorf("backlog: %w", err)
	}
	var backlog Backlog
	firsts := make(map[string]map[int32]kgo.Offset)
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(end.Topic, end.Partition)
		from := start.Offset
		if at, ok := committed.Lookup(end.Topic, end.Partition); ok {
			from = max(from, at.At)
		}
		if from >= end.Offset {
			return
		}
		backlog.Records += end.Offset - from
		if firsts[end.Topic] == nil {
			firsts[end.Topic] = make(map[int32]kgo.Offset)
		}
		firsts[end.Topic][end.Partition] = kgo.NewOffset().At(from)
	})
	return backlog, firsts, nil
}

// firstRecords returns one record of each partition, the first at or above an offset.
func (r *Reader) firstRecords(ctx context.Context, firsts map[string]map[int32]kgo.Offset) ([]*kgo.Record, error) {
	left := 0
	for _, partitions := range firsts {
		left += len(partitions)
	}
	consumer, err := kgo.NewClient(append(r.client.Opts(), kgo.ConsumePartitions(firsts))...)
	if err != nil {
		return nil, fmt.Errorf("backlog: %w", err)
	}
	defer consumer.Close()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	type partition struct {
		topic  string
		number int32
	}
	seen := make(map[partition]bool)
	var records []*kgo.Record
	for len(seen) < left {
		fetches := consumer.PollFetches(ctx)
		if ctx.Err() != nil {
			return records, nil // What lies above the offset is no record, or comes too late.
		}
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("backlog: %w", err)
		}
		fetches.EachPartition(func(fetched kgo.FetchTopicPartition) {
			place := partition{fetched.Topic, fetched.Partition}
			if len(fetched.Records) > 0 && !seen[place] {
				seen[place] = true
				records = append(records, fetched.Records[0])
			}
		})
	}
	return records, nil
}

// waits returns why a sink cannot take a record yet: the registry does not have the schema of an
// event. A sink makes a dead letter of any other record that it cannot take, and goes on.
func (r *Reader) waits(ctx context.Context, record *kgo.Record) (string, error) {
	id, body, err := event.ParseFrame(record.Value)
	if err != nil {
		return "", nil
	}
	_, found, err := r.schema(ctx, id)
	if err != nil {
		return "", fmt.Errorf("backlog: schema registry: %w", err)
	}
	if released, err := isReleased(body); err != nil || found || !released {
		return "", err
	}
	return fmt.Sprintf("the registry has no schema %d, which record %s/%d/%d names: is the registry empty, or another one?",
		id, record.Topic, record.Partition, record.Offset), nil
}

// isReleased reports whether a body is an event of a released version.
func isReleased(body []byte) (bool, error) {
	for version := 1; version <= event.NewestVersion; version++ {
		decoder, err := event.NewVersionDecoder(version)
		if err != nil {
			return false, err
		}
		if decoder.Decode(body, &event.Transaction{}) == nil {
			return true, nil
		}
	}
	return false, nil
}
