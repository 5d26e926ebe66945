package chaos

import (
	"context"
	"fmt"
	"strconv"

	"codebank.dev/stack/pipes"
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
	return found, pipes.ReadAll(ctx, s.broker, func(record *kgo.Record) { found[originOf(record)]++ }, topic)
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
