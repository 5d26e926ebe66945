package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
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
type Watermarks struct {
	config PublisherConfig
	topic  string
	client *kgo.Client
	admin  *kadm.Client
	ids    *schemaIDs
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
	options := []kgo.Opt{
		kgo.SeedBrokers(config.Brokers...),
		kgo.ClientID("codebank-watermarks"),
		kgo.WithLogger(clientLog{config.Logger}),
		// The k-th partition of this topic describes the k-th partition of the events' topic.
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// A late watermark is worth nothing, because the next one says more.
		kgo.RecordDeliveryTimeout(watermarkTimeout),
		kgo.DisableClientMetrics(),
	}
	if config.TLS != nil {
		options = append(options, kgo.DialTLSConfig(config.TLS))
	}
	if w.client, err = kgo.NewClient(append(options, config.ClientOptions...)...); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	w.admin = kadm.NewClient(w.client)
	return w, nil
}

// Close ends the client. A watermark that was not sent yet is dropped.
func (w *Watermarks) Close() { w.client.Close() }

// PublishWatermark implements bank.WatermarkPublisher. It asks the broker for the end of every
// partition: every event that was acknowledged before the call is below that end.
func (w *Watermarks) PublishWatermark(ctx context.Context, completeTo time.Time) error {
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
