package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/clientauth/kafkaauth"
	"codebank.dev/schemas"
	"codebank.dev/schemas/event"
)

// watermarkFolder is the folder of the schema of watermarks.
const watermarkFolder = "watermarks"

// watermarkTimeout limits the publishing of one watermark.
const watermarkTimeout = 5 * time.Second

// Watermarks implements bank.WatermarkPublisher with a client of its own, so that no event waits
// for a watermark. It takes the configuration of the Publisher. It allows one call at a time; end
// it with Close.
//
// After a failure it takes a new client. A client keeps the identity and the partitions of a topic,
// and never publishes into a topic that was deleted and made again.
type Watermarks struct {
	config  PublisherConfig
	topic   string
	options []kgo.Opt
	client  *kgo.Client
	admin   *kadm.Client
	ids     *schemaIDs
}

var _ bank.WatermarkPublisher = (*Watermarks)(nil)

// WatermarkTopic returns the topic that tells up to which time a bank's transaction events are
// complete.
func WatermarkTopic(code bank.Code) string { return "bank-" + string(code) + ".watermarks.v1" }

// NewWatermarks returns a publisher of watermarks. Broker and registry need not answer. An error
// means that the configuration cannot be used.
func NewWatermarks(config PublisherConfig) (*Watermarks, error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	w := &Watermarks{config: config, topic: WatermarkTopic(config.Code)}
	var err error
	if w.ids, err = newSchemaIDs(&config, watermarkFolder, schemas.Subject(w.topic)); err != nil {
		return nil, err
	}
	w.options = []kgo.Opt{
		kgo.SeedBrokers(config.Brokers...),
		kgo.ClientID("codebank-watermarks"),
		kgo.WithLogger(newClientLog(&config)),
		// The k-th partition of this topic describes the k-th partition of the events' topic.
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// A late watermark is worth nothing, because the next one says more.
		kgo.RecordDeliveryTimeout(watermarkTimeout),
		kgo.DisableClientMetrics(),
	}
	w.options = slices.Concat(w.options, kafkaauth.Options(config.BrokerAuth), config.ClientOptions)
	if err := w.connect(); err != nil {
		return nil, err
	}
	return w, nil
}

// connect takes a new client, which connects when it is used.
func (w *Watermarks) connect() error {
	client, err := kgo.NewClient(w.options...)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	if w.client != nil {
		w.client.Close()
	}
	w.client, w.admin = client, kadm.NewClient(client)
	return nil
}

// Close ends the client. A watermark that was not sent yet is dropped.
func (w *Watermarks) Close() { w.client.Close() }

// PublishWatermark implements bank.WatermarkPublisher. It asks the broker for the end of every
// partition: every event that was acknowledged before the call is below that end.
func (w *Watermarks) PublishWatermark(ctx context.Context, completeTo time.Time) error {
	err := kafkaauth.Explain(w.config.BrokerAuth, w.publish(ctx, completeTo))
	if err != nil {
		err = errors.Join(err, w.connect())
	}
	return err
}

func (w *Watermarks) publish(ctx context.Context, completeTo time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, watermarkTimeout)
	defer cancel()
	id, ok := w.ids.known[event.WatermarkVersion]
	if !ok {
		var err error
		if id, err = w.ids.lookUp(ctx, event.WatermarkVersion); err != nil {
			return fmt.Errorf("kafka: watermarks: %s: %w", whyMissing(err), err)
		}
	}
	records, err := w.records(ctx, id, completeTo)
	if err != nil {
		return err
	}
	err = w.client.ProduceSync(ctx, records...).FirstErr()
	w.config.Failpoint.After(err, failpoints.WatermarkPublished)
	if err != nil {
		return fmt.Errorf("kafka: watermarks: %w", err)
	}
	return nil
}

// records makes one watermark for every partition.
func (w *Watermarks) records(ctx context.Context, schemaID uint32, completeTo time.Time) ([]*kgo.Record, error) {
	topic := Topic(w.config.Code)
	ends, err := w.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("kafka: the ends of %s: %w", topic, err)
	}
	if len(ends[topic]) == 0 {
		return nil, errors.New("kafka: " + topic + " has no partitions yet")
	}
	own, err := w.admin.ListTopics(ctx, w.topic)
	if err == nil {
		err = own[w.topic].Err
	}
	if err != nil {
		return nil, fmt.Errorf("kafka: the partitions of %s: %w", w.topic, err)
	}
	if have, need := len(own[w.topic].Partitions), len(ends[topic]); have < need {
		return nil, fmt.Errorf("kafka: %s has %d partitions and %s has %d: delete the first and run bankctl apply topics", w.topic, have, topic, need)
	}
	records := make([]*kgo.Record, 0, len(ends[topic]))
	for partition, end := range ends[topic] {
		mark := event.Watermark{
			BankCode: string(w.config.Code), Partition: partition, Offset: end.Offset,
			CompleteToMillis: completeTo.UnixMilli(), PublishedAtMillis: time.Now().UnixMilli(),
		}
		value, err := event.AppendWatermark(event.AppendFrame(nil, schemaID), &mark)
		if err != nil {
			return nil, err
		}
		records = append(records, &kgo.Record{Topic: w.topic, Partition: partition, Key: []byte(mark.Key()), Value: value})
	}
	return records, nil
}
