package deadletter

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Outcome is what a redrive did with a letter.
type Outcome string

// The outcomes.
const (
	// Sent went to its origin again.
	Sent Outcome = "sent"
	// Due would be sent; nothing was, for it was only asked.
	Due Outcome = "due"
	// Unreadable was passed over: its value cannot be an event, so it would come back.
	Unreadable Outcome = "unreadable"
	// NoOrigin was passed over: it does not tell where it came from, or there is no
	// such topic.
	NoOrigin Outcome = "no origin"
)

// Redrive is how to redrive.
type Redrive struct {
	Selection
	// Send makes it so; without it nothing is sent or marked.
	Send bool
	// Unreadable sends letters whose value cannot be an event, too.
	Unreadable bool
}

// Redrive sends the selected letters of a topic to where they came from: the same
// bytes, key, headers and time, to the same partition. What Connect added is left
// out. It calls each for every letter in turn, after it is done with.
//
// Progress is marked after the brokers have acknowledged, in the offsets of the
// consumer group bankctl-redrive.<topic>; letters passed over are marked as well.
// So another redrive takes up where this one ended, unless Selection.All; after a
// crash in between, some letters are sent again. The brokers forget the marks of a
// group that nobody used for offsets.retention.minutes, a week by default.
func (c *Client) Redrive(ctx context.Context, topic string, how Redrive, each func(Letter, Outcome)) error {
	known, err := c.admin.ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("deadletter: %w", err)
	}
	producer, err := kgo.NewClient(append(c.client.Opts(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(kgo.AllISRAcks()))...)
	if err != nil {
		return fmt.Errorf("deadletter: %w", err)
	}
	defer producer.Close()
	return c.read(ctx, topic, how.Selection, func(letters []Letter) error {
		outcomes := make([]Outcome, len(letters))
		var records []*kgo.Record
		for i, letter := range letters {
			outcomes[i] = how.judge(letter, known)
			if outcomes[i] == Sent {
				records = append(records, original(letter))
			}
		}
		if how.Send {
			// One that fails leaves the whole batch unmarked: sending again is harmless.
			if err := producer.ProduceSync(ctx, records...).FirstErr(); err != nil {
				return fmt.Errorf("deadletter: sending from %s again: %w", topic, err)
			}
			if err := c.mark(ctx, letters); err != nil {
				return err
			}
		}
		for i, letter := range letters {
			if outcomes[i] == Sent && !how.Send {
				outcomes[i] = Due
			}
			each(letter, outcomes[i])
		}
		return nil
	})
}

// judge returns what is to become of a letter.
func (r Redrive) judge(letter Letter, known kadm.TopicDetails) Outcome {
	if letter.Origin == nil {
		return NoOrigin
	}
	topic, ok := known[letter.Origin.Topic]
	if _, there := topic.Partitions[letter.Origin.Partition]; !ok || !there {
		return NoOrigin
	}
	if !letter.Readable && !r.Unreadable {
		return Unreadable
	}
	return Sent
}

// original returns the record as it was before Connect put it aside.
func original(letter Letter) *kgo.Record {
	was := letter.record
	record := &kgo.Record{
		Topic:     letter.Origin.Topic,
		Partition: letter.Origin.Partition,
		Key:       was.Key,
		Value:     was.Value,
		Timestamp: was.Timestamp,
	}
	for _, header := range was.Headers {
		if !strings.HasPrefix(header.Key, headerPrefix) {
			record.Headers = append(record.Headers, header)
		}
	}
	return record
}

// mark writes down that the letters, and all before them, were dealt with. It never
// goes back, which dealing with all letters once more would otherwise do.
func (c *Client) mark(ctx context.Context, letters []Letter) error {
	topic := letters[0].At.Topic
	offsets, err := c.marks(ctx, topic)
	if err != nil {
		return fmt.Errorf("deadletter: sent, but not marked: %w", err)
	}
	for _, letter := range letters {
		offsets.AddOffset(topic, letter.At.Partition, letter.At.Offset+1, -1)
	}
	if err := c.admin.CommitAllOffsets(ctx, groupPrefix+topic, offsets); err != nil {
		return fmt.Errorf("deadletter: sent, but not marked: %w", err)
	}
	return nil
}
