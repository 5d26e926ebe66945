package chaos

import (
	"context"
	"fmt"
	"strconv"

	"codebank.dev/stack/pipes"
	"github.com/twmb/franz-go/pkg/kgo"
)

// checkDeadLetters compares every dead-letter topic with the poison that was put on the topic.
// It must hold each poison record, and nothing else.
func (r *run) checkDeadLetters(ctx context.Context) error {
	for _, connector := range sinkNames {
		found, err := r.sinks.readDeadLetters(ctx, "dlq."+connector)
		if err != nil {
			return err
		}
		for at, count := range found {
			r.journal.addFigure("dead letters", count)
			if r.sinks.poisoned[at] == "" {
				r.load.observed.report(deadLetters, "%s put the event at %d/%d on its dead-letter topic", connector, at.partition, at.offset)
			}
			if count > 1 {
				r.journal.addFigure("dead letters reported more than once", count-1)
			}
		}
		for at, name := range r.sinks.poisoned {
			if found[at] == 0 {
				r.load.observed.report(deadLetters, "%s has no dead letter for %s at %d/%d", connector, name, at.partition, at.offset)
			}
		}
	}
	return r.checkChargeLetters(ctx)
}

// readDeadLetters counts the records of a dead-letter topic by their original position.
func (s *sinks) readDeadLetters(ctx context.Context, topic string) (map[recordPosition]int64, error) {
	found := make(map[recordPosition]int64)
	return found, pipes.ReadAll(ctx, s.broker, func(record *kgo.Record) { found[originOf(record)]++ }, topic)
}

// originOf returns the original position of a dead letter. It returns an impossible position if
// the headers do not name one.
func originOf(record *kgo.Record) recordPosition {
	at := recordPosition{-1, -1}
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

// deadLettersChecked describes what was checked.
func (r *run) deadLettersChecked() string {
	return fmt.Sprintf("%d records that are not events, in each of %d dead-letter topics, and %d that are not charges in theirs; nothing else may be there",
		len(r.sinks.poisoned), len(sinkNames), len(r.poisonedCharges))
}
