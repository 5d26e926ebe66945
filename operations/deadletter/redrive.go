package deadletter

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/operations/failpoints"
	"codebank.dev/platform/failpoint"
)

// Outcome is what a redrive did with a letter.
type Outcome string

// The outcomes.
const (
	// Sent went to its origin again.
	Sent Outcome = "sent"
	// Due is a letter that Redrive.Send would send.
	Due Outcome = "due"
	// Shared was not sent, because another letter of the same origin was or would be. All
	// sinks read the origin, so one record often has a letter from each of them.
	Shared Outcome = "shared"
	// Unreadable was not sent: its value cannot be an event, so it would come back.
	Unreadable Outcome = "unreadable"
	// NoOrigin was not sent: it does not say where it came from, or there is no such topic.
	NoOrigin Outcome = "no origin"
)

// Redrive says which letters to redrive, and how.
type Redrive struct {
	Selection
	// Send sends the letters; without it nothing is sent or marked.
	Send bool
	// Unreadable sends letters too whose value cannot be an event.
	Unreadable bool
}

// Redrive sends the selected letters of topics to where they came from: the same
// bytes, key, headers and time, to the same partition, each origin once. It leaves out the
// headers that Connect added. It does not read letters that arrive after the call began,
// so none that comes back. It calls each for every letter, after the letter is dealt with.
//
// Progress is marked after the brokers have acknowledged, in the offsets of the
// consumer group bankctl-redrive.<topic>; letters that are not sent are marked as well.
// So another redrive takes up where this one ended, unless Selection.All; after a
// crash in between, some letters are sent again. The brokers forget the marks of a
// group that is not used for offsets.retention.minutes, a week by default.
func (c *Client) Redrive(ctx context.Context, topics []string, how Redrive, each func(Letter, Outcome)) error {
	known, err := c.admin.ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("deadletter: %w", err)
	}
	all := make([]map[int32]span, len(topics))
	for i, topic := range topics {
		if all[i], err = c.spans(ctx, topic); err != nil {
			return err
		}
	}
	producer, err := kgo.NewClient(append(c.client.Opts(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(kgo.AllISRAcks()))...)
	if err != nil {
		return fmt.Errorf("deadletter: %w", err)
	}
	defer producer.Close()
	run := redrive{client: c, producer: producer, how: how, known: known, done: make(map[Place]bool)}
	for i, topic := range topics {
		err := c.read(ctx, topic, all[i], how.Selection, func(letters []Letter) error {
			return run.batch(ctx, letters, each)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// redrive is one call of Redrive.
type redrive struct {
	client   *Client
	producer *kgo.Client
	how      Redrive
	known    kadm.TopicDetails
	done     map[Place]bool // origins
}

// batch redrives some letters of one topic.
func (r *redrive) batch(ctx context.Context, letters []Letter, each func(Letter, Outcome)) error {
	outcomes := make([]Outcome, len(letters))
	var records []*kgo.Record
	for i, letter := range letters {
		outcomes[i] = r.outcomeOf(letter)
		if outcomes[i] == Due {
			r.done[*letter.Origin] = true
			records = append(records, original(letter))
		}
	}
	if r.how.Send {
		topic := letters[0].At.Topic
		// When one fails, the whole batch stays unmarked: sending it again is harmless.
		if err := r.producer.ProduceSync(ctx, records...).FirstErr(); err != nil {
			return fmt.Errorf("deadletter: sending from %s again: %w", topic, err)
		}
		failpoint.From(ctx).At(failpoints.RedriveProduced)
		if err := r.client.mark(ctx, topic, letters); err != nil {
			return fmt.Errorf("deadletter: sent from %s, but not marked: %w", topic, err)
		}
	}
	for i, letter := range letters {
		if outcomes[i] == Due && r.how.Send {
			outcomes[i] = Sent
		}
		each(letter, outcomes[i])
	}
	return nil
}

// outcomeOf returns what to do with a letter; Due is to send it.
func (r *redrive) outcomeOf(letter Letter) Outcome {
	if letter.Origin == nil {
		return NoOrigin
	}
	topic, ok := r.known[letter.Origin.Topic]
	if _, there := topic.Partitions[letter.Origin.Partition]; !ok || !there {
		return NoOrigin
	}
	if !letter.Readable && !r.how.Unreadable {
		return Unreadable
	}
	if r.done[*letter.Origin] {
		return Shared
	}
	return Due
}

// original returns the record as it was before Connect wrote it to the dead-letter topic.
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

// mark records that the letters, and all before them, are dealt with. A mark never goes
// back, even when old letters are redriven once more.
func (c *Client) mark(ctx context.Context, topic string, letters []Letter) error {
	offsets, err := c.marks(ctx, topic)
	if err != nil {
		return err
	}
	for _, letter := range letters {
		offsets.AddOffset(topic, letter.At.Partition, letter.At.Offset+1, -1)
	}
	err = c.admin.CommitAllOffsets(ctx, groupPrefix+topic, offsets)
	failpoint.From(ctx).After(err, failpoints.RedriveMarked)
	return err
}
