package chaos

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// judgeLetters holds every dead-letter topic against what was put on the topic that
// is no event: each of those is there, and nothing else.
func (r *run) judgeLetters(ctx context.Context) error {
	for _, connector := range sinkNames {
		found, err := r.sinks.letters(ctx, "dlq."+connector)
		if err != nil {
			return err
		}
		for at, count := range found {
			r.log.addFigure("dead letters", count)
			if r.sinks.poisoned[at] == "" {
				r.load.seen.report(deadLetters, "%s could not take the event at %d/%d", connector, at.partition, at.offset)
			}
			if count > 1 {
				r.log.addFigure("dead letters told more than once", count-1)
			}
		}
		for at, name := range r.sinks.poisoned {
			if found[at] == 0 {
				r.load.seen.report(deadLetters, "%s told nobody of %s at %d/%d", connector, name, at.partition, at.offset)
			}
		}
	}
	return nil
}

// letters counts the records of a dead-letter topic by where they came from.
func (s *sinks) letters(ctx context.Context, topic string) (map[place]int64, error) {
	found := make(map[place]int64)
	return found, s.readAll(ctx, topic, func(record *kgo.Record) { found[originOf(record)]++ })
}

// partitions is how many the topic of the bank's events has, and that of its watermarks.
func (s *sinks) partitions(ctx context.Context) (int, error) {
	topics, err := s.admin.ListTopics(ctx, transactions)
	if err == nil {
		err = topics.Error()
	}
	return len(topics[transactions].Partitions), err
}

// readAll reads a topic from its beginning to where it ends now.
func (s *sinks) readAll(ctx context.Context, topic string, each func(*kgo.Record)) error {
	starts, err := s.admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return err
	}
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	left := make(map[int32]int64)
	offsets := map[string]map[int32]kgo.Offset{topic: {}}
	ends.Each(func(end kadm.ListedOffset) {
		if start, ok := starts.Lookup(topic, end.Partition); ok && end.Offset > start.Offset {
			left[end.Partition] = end.Offset
			offsets[topic][end.Partition] = kgo.NewOffset().At(start.Offset)
		}
	})
	if len(left) == 0 {
		return nil
	}
	// Control records are kept, for the last record of a partition may be one.
	reader, err := kgo.NewClient(kgo.SeedBrokers(s.broker), kgo.ConsumePartitions(offsets), kgo.KeepControlRecords())
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
			each(record)
			if record.Offset+1 >= left[record.Partition] {
				delete(left, record.Partition)
			}
		})
	}
	return nil
}

// originOf is where a dead letter came from; a place that cannot be for one that
// does not say so.
func originOf(record *kgo.Record) place {
	at := place{-1, -1}
	for _, header := range record.Headers {
		number, err := strconv.ParseInt(string(header.Value), 10, 64)
		if err != nil {
			continue
		}
		switch header.Key {
		case "__connect.errors.partition":
			at.partition = int32(number)
		case "__connect.errors.offset":
			at.offset = number
		}
	}
	return at
}

// lettersLooked says what was looked at.
func (r *run) lettersLooked() string {
	return fmt.Sprintf("%d records that are no events, in each of %d dead-letter topics; and whether anything else is there", len(r.sinks.poisoned), len(sinkNames))
}
