package deadletter

import (
	"context"
	"fmt"
	"slices"
	"strconv"
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
	// Sent is a letter that was sent to its sink again.
	Sent Outcome = "sent"
	// Due is a letter that Redrive.Send would send.
	Due Outcome = "due"
	// Shared is a letter that was not sent, because another letter of the same sink and origin was or
	// would be sent. A sink may report a record more than once.
	Shared Outcome = "shared"
	// Unreadable is a letter that was not sent, because its value cannot be an event and would come
	// back.
	Unreadable Outcome = "unreadable"
	// NoOrigin is a letter that was not sent, because it does not say where it came from or because
	// that topic does not exist.
	NoOrigin Outcome = "no origin"
)

// Redrive says which letters to redrive, and how.
type Redrive struct {
	Selection
	// Send sends the letters; without it nothing is sent or marked.
	Send bool
	// Unreadable also sends letters whose value cannot be an event.
	Unreadable bool
	// AllSinks sends the letters to every sink. It is for letters whose connector no longer exists.
	AllSinks bool
	// Operator is who sends them.
	Operator Operator
}

// Redrive sends the selected letters of topics to the sinks that refused them: the same bytes, key
// and headers, to the partition that they came from, each origin once for each sink. It leaves out
// the headers that Connect added, and adds HeaderTo. The record has the present time, and the time
// of the first record is in a header. It does not read letters that arrive after the call began, so
// it does not read a letter that comes back. It calls each for every letter, after the letter is
// dealt with.
//
// After the brokers have acknowledged, each sent letter is recorded in ActionsTopic. Progress is
// also marked in the offsets of the consumer group bankctl-redrive.<topic>; letters that are not
// sent are marked as well, unless Selection.Only is set. So the next redrive goes on where this one
// ended, unless Selection.All is set. After a crash in between, some letters are sent again. The
// brokers forget the marks of a group that is not used for offsets.retention.minutes, a week by
// default. A letter that was discarded is sent only if Selection.All and Selection.Only name it.
func (c *Client) Redrive(ctx context.Context, topics []string, how Redrive, each func(Letter, Outcome)) error {
	known, err := c.actionable(ctx)
	if err != nil {
		return err
	}
	dealt, err := c.dealt(ctx, known)
	if err != nil {
		return err
	}
	readings := make([]reading, len(topics))
	for i, topic := range topics {
		spans, err := c.spans(ctx, topic, how.Selection)
		if err != nil {
			return err
		}
		readings[i] = reading{spans, how.Selection, dealt}
	}
	producer, err := c.producer()
	if err != nil {
		return err
	}
	defer producer.Close()
	run := redrive{client: c, producer: producer, how: how, known: known, done: make(map[addressed]bool)}
	for i, topic := range topics {
		err := c.read(ctx, topic, readings[i], func(letters []Letter) error { return run.batch(ctx, letters, each) })
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
	done     map[addressed]bool
}

// addressed is a record of an origin for one sink, or for all.
type addressed struct {
	to     string // a connector; empty for all
	origin Place
}

// to returns the connector that gets a letter; empty for all sinks. It comes from the name of the
// letter's topic, because anybody may write headers.
func (r *redrive) to(letter Letter) string {
	if r.how.AllSinks {
		return ""
	}
	return strings.TrimPrefix(letter.At.Topic, Prefix)
}

func (r *redrive) addressed(letter Letter) addressed { return addressed{r.to(letter), *letter.Origin} }

// batch redrives some letters of one topic.
func (r *redrive) batch(ctx context.Context, letters []Letter, each func(Letter, Outcome)) error {
	if r.how.Only == nil {
		letters = slices.DeleteFunc(letters, func(l Letter) bool { return l.State == Discarded })
	}
	if len(letters) == 0 {
		return nil
	}
	outcomes := make([]Outcome, len(letters))
	var records []*kgo.Record
	var sent []Letter
	for i, letter := range letters {
		outcomes[i] = r.outcomeOf(letter)
		if outcomes[i] == Due {
			r.done[r.addressed(letter)] = true
			records, sent = append(records, again(letter, r.to(letter))), append(sent, letter)
		}
	}
	if r.how.Send {
		if err := r.send(ctx, letters, records, sent); err != nil {
			return err
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

// send sends the records of some letters of one topic. Then it records the action and marks the
// letters.
func (r *redrive) send(ctx context.Context, letters []Letter, records []*kgo.Record, sent []Letter) error {
	topic := letters[0].At.Topic
	// If one record fails, the whole batch stays unmarked, because it is harmless to send it again.
	if err := r.producer.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("deadletter: sending from %s again: %w", topic, err)
	}
	failpoint.From(ctx).At(failpoints.RedriveProduced)
	if err := r.client.record(ctx, r.known, ActionSent, r.how.Operator, sent...); err != nil {
		return fmt.Errorf("deadletter: sent from %s, but not recorded: %w", topic, err)
	}
	if r.how.Only != nil {
		return nil // Letters before this one still wait.
	}
	if err := r.client.mark(ctx, topic, letters); err != nil {
		return fmt.Errorf("deadletter: sent from %s, but not marked: %w", topic, err)
	}
	return nil
}

// outcomeOf returns the outcome of a letter. Due means that it is to be sent.
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
	if r.done[r.addressed(letter)] {
		return Shared
	}
	return Due
}

// again returns the record that sends a letter to a connector, or to all sinks if to is empty.
func again(letter Letter, to string) *kgo.Record {
	was := letter.record
	record := &kgo.Record{Topic: letter.Origin.Topic, Partition: letter.Origin.Partition, Key: was.Key, Value: was.Value}
	for _, header := range was.Headers {
		if !strings.HasPrefix(header.Key, headerPrefix) && !strings.HasPrefix(header.Key, redrivePrefix) {
			record.Headers = append(record.Headers, header)
		}
	}
	record.Headers = append(record.Headers,
		kgo.RecordHeader{Key: headerTime, Value: []byte(letter.Time.Format(timeFormat))},
		kgo.RecordHeader{Key: headerFirst, Value: []byte(letter.first())},
		kgo.RecordHeader{Key: headerCount, Value: []byte(strconv.Itoa(letter.Redrives + 1))})
	if to != "" {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: HeaderTo, Value: []byte(to)})
	}
	return record
}

// mark records that the letters and all letters before them are dealt with. A mark never goes back,
// not even if old letters are sent once more.
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
