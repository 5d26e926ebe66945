package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/clientauth/kafkaauth"
	"codebank.dev/platform/consumer"
	"codebank.dev/schemas"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
)

// resultsTimeout limits one try to publish results. Whoever publishes them tries again.
const resultsTimeout = 30 * time.Second

// Results publishes how commands ended. It takes the configuration of the Publisher, is safe for concurrent
// use, and ends with Close.
type Results struct {
	config PublisherConfig
	topic  string
	client *kgo.Client
	// mutex guards ids.
	mutex sync.Mutex
	ids   *schemaIDs
}

// NewResults returns a publisher of results. Broker and registry need not answer. An error means that the
// configuration cannot be used.
func NewResults(config PublisherConfig, topic string) (*Results, error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Results{config: config, topic: topic}
	var err error
	if r.ids, err = newSchemaIDs(&config, command.Folder[command.Result](), schemas.Subject(topic)); err != nil {
		return nil, err
	}
	r.client, err = kgo.NewClient(slices.Concat([]kgo.Opt{
		kgo.SeedBrokers(config.Brokers...),
		kgo.ClientID("codebank-command-results"),
		kgo.WithLogger(newClientLog(&config)),
		kgo.DefaultProduceTopic(topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordDeliveryTimeout(resultsTimeout),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.DisableClientMetrics(),
	}, kafkaauth.Options(config.BrokerAuth), config.ClientOptions)...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return r, nil
}

// Close ends the client.
func (r *Results) Close() { r.client.Close() }

// PublishResults implements intake.Results. After an error some of the results may be published.
func (r *Results) PublishResults(ctx context.Context, answers []command.Answer) error {
	ctx, cancel := context.WithTimeout(ctx, resultsTimeout)
	defer cancel()
	id, err := r.schemaID(ctx)
	if err != nil {
		return fmt.Errorf("kafka: results: %s: %w", whyMissing(err), err)
	}
	records, now := make([]*kgo.Record, len(answers)), time.Now().UnixMilli()
	for i, answer := range answers {
		result := answer.Result
		result.PublishedAtMillis = now
		body, err := command.Encode(&result)
		if err != nil {
			return err
		}
		mac := answer.Signer.Sign(command.Record{Topic: r.topic, Key: answer.RecordKey, Body: body})
		records[i] = &kgo.Record{
			Key: answer.RecordKey, Value: append(event.AppendFrame(nil, id), body...),
			Headers: []kgo.RecordHeader{{Key: command.HeaderKey, Value: []byte(answer.Signer.ID)}, {Key: command.HeaderMAC, Value: []byte(mac)}},
		}
	}
	err = consumer.ProduceSync(ctx, r.client, records...).FirstErr()
	r.config.Failpoint.After(err, failpoints.CommandResultsPublished)
	if err != nil {
		return fmt.Errorf("kafka: results: %w", kafkaauth.Explain(r.config.BrokerAuth, err))
	}
	return nil
}

// schemaID returns the registry's id of the schema of results.
func (r *Results) schemaID(ctx context.Context) (uint32, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if id, known := r.ids.known[command.Version]; known {
		return id, nil
	}
	return r.ids.lookUp(ctx, command.Version)
}
