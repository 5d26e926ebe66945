// Package topics brings the topics of a Kafka cluster into the wanted state. The brokers
// create no topic by themselves, so this package creates every topic that a program
// produces to, the dead-letter topics included.
package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"codebank.dev/operations/failpoints"
	"codebank.dev/operations/provision"
	"codebank.dev/platform/failpoint"
)

// tryTimeout bounds one request, so that a broker that is starting gets another request
// soon.
const tryTimeout = 5 * time.Second

// ErrPartitions says that a topic exists with another number of partitions.
var ErrPartitions = errors.New("topics: the number of partitions is not the wanted one, and is never changed in place: " +
	"keys would move to other partitions, and with them the order of an account; make a topic of the next version instead")

// Topic is a wanted topic.
type Topic struct {
	Name       string
	Partitions int
	// Config holds the topic's own settings by Kafka's names. Other settings stay as they
	// are.
	Config map[string]string
}

// Admin changes topics. It is safe for concurrent use.
type Admin struct {
	client      *kgo.Client
	admin       *kadm.Client
	replication int
}

// New returns an Admin that creates topics with the given number of replicas, at least 1.
// With 3 replicas or more, a write needs all replicas but one (min.insync.replicas), so
// that the loss of one machine loses no acknowledged record. The client stays the caller's.
func New(client *kgo.Client, replication int) *Admin {
	return &Admin{client: client, admin: kadm.NewClient(client), replication: replication}
}

// Apply creates missing topics, sets the settings that differ, reports each topic, and
// waits until each new topic has leaders. It waits for brokers that are starting, until ctx
// ends. If a topic has another number of partitions, the error is ErrPartitions; Apply
// still applies the other topics. Replicas of existing topics stay as they are.
func (a *Admin) Apply(ctx context.Context, wanted []Topic, report provision.Report) error {
	if len(wanted) == 0 {
		return nil // To Kafka an empty list means every topic.
	}
	running, err := a.running(ctx, wanted)
	if err != nil {
		return err
	}
	var failures []error
	for _, topic := range wanted {
		result, err := a.applyOne(ctx, a.complete(topic), running[topic.Name])
		if err != nil {
			failures = append(failures, fmt.Errorf("topic %s: %w", topic.Name, err))
			continue
		}
		report(result)
	}
	return errors.Join(failures...)
}

// state is the present state of a topic.
type state struct {
	partitions int
	config     map[string]string
}

// complete adds the settings that follow from the number of replicas.
func (a *Admin) complete(topic Topic) Topic {
	if a.replication < 3 || topic.Config["min.insync.replicas"] != "" {
		return topic
	}
	config := map[string]string{"min.insync.replicas": strconv.Itoa(a.replication - 1)}
	for key, value := range topic.Config {
		config[key] = value
	}
	topic.Config = config
	return topic
}

// running returns the present states of the wanted topics that exist.
func (a *Admin) running(ctx context.Context, wanted []Topic) (map[string]state, error) {
	names := make([]string, len(wanted))
	for i, topic := range wanted {
		names[i] = topic.Name
	}
	running := make(map[string]state, len(wanted))
	err := await(ctx, func(ctx context.Context) error {
		metadata, err := a.metadata(ctx, names...)
		if err != nil {
			return err
		}
		clear(running)
		for _, topic := range metadata {
			switch err := kerr.ErrorForCode(topic.ErrorCode); {
			case errors.Is(err, kerr.UnknownTopicOrPartition):
			case err != nil:
				return fmt.Errorf("topic %s: %w", *topic.Topic, err)
			default:
				running[*topic.Topic] = state{partitions: len(topic.Partitions)}
			}
		}
		return a.readConfigs(ctx, running)
	})
	return running, err
}

func (a *Admin) readConfigs(ctx context.Context, running map[string]state) error {
	if len(running) == 0 {
		return nil
	}
	names := make([]string, 0, len(running))
	for name := range running {
		names = append(names, name)
	}
	resources, err := a.admin.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return err
	}
	for _, resource := range resources {
		if resource.Err != nil {
			return fmt.Errorf("settings of topic %s: %w", resource.Name, resource.Err)
		}
		topic := running[resource.Name]
		topic.config = make(map[string]string, len(resource.Configs))
		for _, config := range resource.Configs {
			topic.config[config.Key] = config.MaybeValue()
		}
		running[resource.Name] = topic
	}
	return nil
}

func (a *Admin) applyOne(ctx context.Context, topic Topic, running state) (provision.Result, error) {
	result := provision.Result{
		Kind: "topic", Name: topic.Name, Action: provision.Unchanged,
		Detail: fmt.Sprintf("%d partitions", topic.Partitions)}
	if topic.Partitions == 1 {
		result.Detail = "1 partition"
	}
	if running.partitions == 0 {
		result.Action = provision.Created
		return result, a.create(ctx, topic)
	}
	if running.partitions != topic.Partitions {
		return result, fmt.Errorf("%w (there are %d, wanted %d)", ErrPartitions, running.partitions, topic.Partitions)
	}
	var changes []kadm.AlterConfig
	var described []string
	for key, value := range topic.Config {
		if was := running.config[key]; was != value {
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: &value})
			described = append(described, fmt.Sprintf("%s %s → %s", key, was, value))
		}
	}
	if len(changes) == 0 {
		return result, nil
	}
	slices.Sort(described)
	result.Action, result.Detail = provision.Updated, strings.Join(described, ", ")
	return result, a.alter(ctx, topic.Name, changes)
}

// create creates the topic and waits until every partition has a leader, so that a producer
// or connector that starts next can use it.
func (a *Admin) create(ctx context.Context, topic Topic) error {
	config := make(map[string]*string, len(topic.Config))
	for key, value := range topic.Config {
		config[key] = &value
	}
	err := await(ctx, func(ctx context.Context) error {
		_, err := a.admin.CreateTopic(ctx, int32(topic.Partitions), int16(a.replication), config, topic.Name)
		if errors.Is(err, kerr.TopicAlreadyExists) {
			return nil // Another apply created it, or an earlier try whose answer was lost.
		}
		return err
	})
	if err != nil {
		return err
	}
	failpoint.From(ctx).At(failpoints.TopicCreated)
	return await(ctx, func(ctx context.Context) error {
		metadata, err := a.metadata(ctx, topic.Name)
		if err != nil {
			return err
		}
		return checkLeaders(metadata[0], topic.Partitions)
	})
}

// checkLeaders returns nil when the topic has the wanted partitions and each has a leader.
func checkLeaders(topic kmsg.MetadataResponseTopic, wanted int) error {
	if is := len(topic.Partitions); is > 0 && is != wanted {
		return fmt.Errorf("%w (there are %d, wanted %d)", ErrPartitions, is, wanted)
	}
	leaders := 0
	for _, partition := range topic.Partitions {
		if partition.ErrorCode == 0 && partition.Leader >= 0 {
			leaders++
		}
	}
	if leaders < wanted {
		return provision.NotReady(fmt.Errorf("%d of %d partitions have a leader", leaders, wanted))
	}
	return nil
}

// metadata requests the metadata of the named topics and returns one answer for each. It
// does not use the client's cache, which may be some seconds old.
func (a *Admin) metadata(ctx context.Context, names ...string) ([]kmsg.MetadataResponseTopic, error) {
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		request.Topics = append(request.Topics, topic)
	}
	response, err := request.RequestWith(ctx, a.client)
	if err != nil {
		return nil, err
	}
	if len(response.Topics) != len(names) {
		return nil, provision.NotReady(fmt.Errorf("requested %d topics, and the answer has %d", len(names), len(response.Topics)))
	}
	return response.Topics, nil
}

func (a *Admin) alter(ctx context.Context, name string, changes []kadm.AlterConfig) error {
	err := await(ctx, func(ctx context.Context) error {
		responses, err := a.admin.AlterTopicConfigs(ctx, changes, name)
		if err != nil {
			return err
		}
		response, err := responses.On(name, nil)
		if err == nil && response.Err != nil {
			err = response.Err
			if response.ErrMessage != "" {
				err = fmt.Errorf("%s: %w", response.ErrMessage, err)
			}
		}
		return err
	})
	failpoint.From(ctx).After(err, failpoints.TopicAltered)
	return err
}

// await calls try until the brokers give a final answer.
func await(ctx context.Context, try func(context.Context) error) error {
	return provision.Await(ctx, "Kafka", func(ctx context.Context) error {
		once, cancel := context.WithTimeout(ctx, tryTimeout)
		defer cancel()
		err := try(once)
		if err != nil && ctx.Err() == nil && mayPass(err) {
			return provision.NotReady(err)
		}
		return err
	})
}

// mayPass reports whether another try may succeed. That is always so, except after a
// refusal that the broker does not call retriable.
func mayPass(err error) bool {
	if errors.Is(err, ErrPartitions) {
		return false
	}
	if refusal := (*kerr.Error)(nil); errors.As(err, &refusal) {
		return refusal.Retriable
	}
	return true
}
