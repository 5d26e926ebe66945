package deadletter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/operations/failpoints"
	"codebank.dev/platform/failpoint"
)

// ActionsTopic records what operators did with letters. A record is an action as a JSON object,
// and its key is the letter's place. The topic has one partition and keeps its records forever.
const ActionsTopic = "dead-letter-actions.v1"

// Action is something that an operator does with a letter.
type Action string

// The actions. A letter that was only shown still waits.
const (
	ActionSent      Action = "sent"
	ActionDiscarded Action = "discarded"
	ActionShown     Action = "shown"
)

// Operator says who acts, and why. Both may be empty.
type Operator struct {
	By     string
	Reason string
}

// ActionRecord is an action as it is recorded.
type ActionRecord struct {
	Letter Place `json:"letter"`
	// TopicID tells the letter's topic from another topic of the same name that was created later.
	TopicID string `json:"topic_id"`
	// Origin is where the first record is, as topic/partition/offset; empty when it is unknown.
	// The sink of the index keeps a document about each letter under this name.
	Origin string    `json:"origin,omitempty"`
	Action Action    `json:"action"`
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
}

// errNoActionsTopic says that actions cannot be recorded. Then nothing is done.
var errNoActionsTopic = errors.New("deadletter: there is no topic " + ActionsTopic +
	" to record actions in, so nothing was done; bankctl apply topics creates it")

// topicID returns the id of a topic as actions name it. It returns false if there is no such
// topic.
func topicID(known kadm.TopicDetails, topic string) (string, bool) {
	detail, ok := known[topic]
	return detail.ID.String(), ok && detail.Err == nil
}

// record records an action on letters of the present topics. The caller must have checked that
// ActionsTopic exists.
func (c *Client) record(ctx context.Context, known kadm.TopicDetails, action Action, by Operator, letters ...Letter) error {
	records := make([]*kgo.Record, len(letters))
	for i, letter := range letters {
		id, _ := topicID(known, letter.At.Topic)
		value, err := json.Marshal(ActionRecord{
			Letter: letter.At, TopicID: id, Origin: letter.first(), Action: action, At: time.Now().UTC(), By: by.By, Reason: by.Reason,
		})
		if err != nil {
			return fmt.Errorf("deadletter: %w", err)
		}
		records[i] = &kgo.Record{Topic: ActionsTopic, Key: []byte(letter.At.String()), Value: value}
	}
	producer, err := c.producer()
	if err != nil {
		return err
	}
	defer producer.Close()
	err = producer.ProduceSync(ctx, records...).FirstErr()
	failpoint.From(ctx).After(err, failpoints.ActionRecorded)
	if err != nil {
		return fmt.Errorf("deadletter: recording what was done: %w", err)
	}
	return nil
}

// producer returns a producer that waits for all replicas and takes the partition from the record.
func (c *Client) producer() (*kgo.Client, error) {
	producer, err := kgo.NewClient(append(c.client.Opts(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(kgo.AllISRAcks()))...)
	if err != nil {
		return nil, fmt.Errorf("deadletter: %w", err)
	}
	return producer, nil
}

// actions calls each for every recorded action on a letter of an existing topic, oldest first. If
// ActionsTopic does not exist, there are no actions.
func (c *Client) actions(ctx context.Context, known kadm.TopicDetails, each func(ActionRecord)) error {
	spans, err := c.offsets(ctx, ActionsTopic)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.consume(ctx, ActionsTopic, spans, true, func(records []*kgo.Record) (more bool, err error) {
		for _, record := range records {
			if action, ok := parseAction(record.Value); ok {
				if id, there := topicID(known, action.Letter.Topic); there && id == action.TopicID {
					each(action)
				}
			}
		}
		return true, nil
	})
}

// parseAction reads a record of ActionsTopic. It returns false if the record is not an action.
func parseAction(value []byte) (ActionRecord, bool) {
	var action ActionRecord
	if json.Unmarshal(value, &action) != nil {
		return ActionRecord{}, false
	}
	action.By, action.Reason = showable(action.By, wordWidth), showable(action.Reason, messageWidth)
	return action, slices.Contains([]Action{ActionSent, ActionDiscarded, ActionShown}, action.Action)
}

// dealt returns the last action on each letter that was sent again or discarded.
func (c *Client) dealt(ctx context.Context, known kadm.TopicDetails) (map[Place]Action, error) {
	dealt := make(map[Place]Action)
	err := c.actions(ctx, known, func(action ActionRecord) {
		if action.Action != ActionShown {
			dealt[action.Letter] = action.Action
		}
	})
	return dealt, err
}

// Discard records that nobody needs a letter. The letter stays in its topic but no longer waits,
// and a redrive passes it over unless it names the letter. A second Discard of a letter changes
// nothing.
func (c *Client) Discard(ctx context.Context, letter Place, by Operator) error {
	known, err := c.actionable(ctx)
	if err != nil {
		return err
	}
	found, err := c.letter(ctx, known, letter)
	if err != nil {
		return err
	}
	dealt, err := c.dealt(ctx, known)
	if err != nil || dealt[letter] == ActionDiscarded {
		return err
	}
	return c.record(ctx, known, ActionDiscarded, by, found)
}

// actionable returns the topics of the cluster, or errNoActionsTopic if actions cannot be
// recorded.
func (c *Client) actionable(ctx context.Context) (kadm.TopicDetails, error) {
	known, err := c.admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("deadletter: %w", err)
	}
	if _, there := topicID(known, ActionsTopic); !there {
		return nil, errNoActionsTopic
	}
	return known, nil
}

// Shown is one letter with everything that may be shown of it.
type Shown struct {
	Letter
	// Headers are the headers of the record in the dead-letter topic.
	Headers map[string]string `json:"headers"`
	// ValueBytes is the length of the value. Value is the beginning of the value as text, with card
	// numbers masked.
	ValueBytes int    `json:"value_bytes"`
	Value      string `json:"value"`
	// Actions are what operators did with the letter, oldest first, without the present call.
	Actions []ActionRecord `json:"actions"`
}

// Show returns one letter with its value, and records who saw it.
func (c *Client) Show(ctx context.Context, place Place, by Operator) (Shown, error) {
	known, err := c.actionable(ctx)
	if err != nil {
		return Shown{}, err
	}
	letter, err := c.letter(ctx, known, place)
	if err != nil {
		return Shown{}, err
	}
	shown := Shown{Letter: letter, Headers: make(map[string]string), ValueBytes: len(letter.record.Value), Actions: []ActionRecord{}}
	for _, header := range letter.record.Headers {
		shown.Headers[showable(header.Key, wordWidth)] = showable(string(header.Value), valueWidth)
	}
	shown.Value = showable(string(letter.record.Value), valueWidth)
	err = c.actions(ctx, known, func(action ActionRecord) {
		if action.Letter == place {
			shown.Actions = append(shown.Actions, action)
		}
	})
	if err != nil {
		return Shown{}, err
	}
	return shown, c.record(ctx, known, ActionShown, by, letter)
}

// letter returns the letter at a place.
func (c *Client) letter(ctx context.Context, known kadm.TopicDetails, place Place) (Letter, error) {
	dealt, err := c.dealt(ctx, known)
	if err != nil {
		return Letter{}, err
	}
	selection := Selection{All: true, Only: &place}
	spans, err := c.spans(ctx, place.Topic, selection)
	if err != nil {
		return Letter{}, err
	}
	var found *Letter
	err = c.read(ctx, place.Topic, reading{spans, selection, dealt}, func(letters []Letter) error {
		found = &letters[0]
		return nil
	})
	if err == nil && found == nil {
		err = noLetter(place)
	}
	if err != nil {
		return Letter{}, err
	}
	return *found, nil
}

func noLetter(place Place) error { return fmt.Errorf("deadletter: there is no letter %s", place) }
