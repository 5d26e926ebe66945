// Package kafka publishes the rows of an outbox on Kafka, with the Confluent frame that the schema registry gives.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/clientauth/kafkaauth"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/outbox"
	"codebank.dev/platform/registry"
	"codebank.dev/schemas/event"
)

// RowsPublished is the failpoint of Publish: the records are on their topics, and the store does not know it.
const RowsPublished failpoint.Point = "outbox-rows-published"

// Config is the configuration of a Publisher. ClientID, Brokers and Registry are required.
type Config struct {
	// ClientID is the name that the brokers' logs and quotas show.
	ClientID string
	// Brokers are host:port of some brokers; they may be away.
	Brokers []string
	// Registry gives the numbers of the schemas; it may be away.
	Registry *registry.Registry
	// BrokerAuth says whom to trust and how to sign in; nil for plain connections without credentials.
	BrokerAuth *clientauth.Client
	// ClientOptions are added to the options of the producer, for tests.
	ClientOptions []kgo.Opt
	// Logger receives the lines of the broker's client; default none.
	Logger *slog.Logger
	// Failpoint is called at the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Publisher implements outbox.Publisher with an idempotent producer that waits for all replicas in sync. A
// producer that does not finish in time is closed, which answers its records, and replaced. Make one with New, end
// it with Close. It publishes one batch at a time; a second caller waits.
type Publisher struct {
	config Config

	mutex  sync.Mutex
	client *kgo.Client
}

var _ outbox.Publisher = (*Publisher)(nil)

// New returns a Publisher. Broker and registry need not answer. An error means that the configuration cannot be
// used.
func New(config Config) (*Publisher, error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Publisher{config: config}
	return p, p.renew()
}

// renew takes a new producer, which connects when it is used.
func (p *Publisher) renew() error {
	client, err := kgo.NewClient(slices.Concat([]kgo.Opt{
		kgo.SeedBrokers(p.config.Brokers...),
		kgo.ClientID(p.config.ClientID),
		// Idempotence, acks=all and unlimited retries are the client's defaults. The caller's deadline ends
		// them. A topic that does not exist yet is waited for until then.
		kgo.UnknownTopicRetries(-1),
		kgo.ProducerLinger(0),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()),
		kgo.DisableClientMetrics(),
	}, kafkaauth.Options(p.config.BrokerAuth), p.config.ClientOptions)...)
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	if p.client != nil {
		p.client.Close()
	}
	p.client = client
	return nil
}

// Close ends the producer. A Publish that goes on is answered with errors.
func (p *Publisher) Close() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.client.Close()
}

// Publish implements outbox.Publisher.
func (p *Publisher) Publish(ctx context.Context, rows []outbox.Row) []error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	errs := make([]error, len(rows))
	records := make([]*kgo.Record, len(rows))
	missing := map[registry.Schema]error{}
	for i := range rows {
		if records[i], errs[i] = p.record(ctx, &rows[i], missing); errs[i] != nil {
			records[i] = nil
		}
	}
	p.send(ctx, records, errs)
	p.alone(ctx, records, errs)
	return errs
}

// record returns the record of a row. Missing remembers which schemas the registry did not give, so that it is
// asked once for a batch.
func (p *Publisher) record(ctx context.Context, row *outbox.Row, missing map[registry.Schema]error) (*kgo.Record, error) {
	schema := registry.Schema{Topic: row.Topic, Folder: row.Folder, Version: row.Version}
	if err := missing[schema]; err != nil {
		return nil, err
	}
	number, err := p.config.Registry.ID(ctx, schema)
	if err != nil {
		missing[schema] = err
		return nil, err
	}
	record := &kgo.Record{Topic: row.Topic, Key: row.Key, Value: append(event.AppendFrame(nil, number), row.Body...)}
	for _, header := range row.Headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: header.Key, Value: header.Value})
	}
	return record, nil
}

// send produces the records that are not nil, and fills in their errors. When ctx ends, the producer is closed:
// only then is it certain that no answer comes any more. After an outage it is replaced.
func (p *Publisher) send(ctx context.Context, records []*kgo.Record, errs []error) {
	var unanswered sync.WaitGroup
	for i, record := range records {
		if record == nil {
			continue
		}
		unanswered.Add(1)
		p.client.Produce(context.WithoutCancel(ctx), record, func(_ *kgo.Record, err error) {
			errs[i] = p.explain(err)
			unanswered.Done()
		})
	}
	answered := make(chan struct{})
	go func() {
		unanswered.Wait()
		close(answered)
	}()
	select {
	case <-answered:
	case <-ctx.Done():
		p.client.Close()
		<-answered
	}
	p.config.Failpoint.At(RowsPublished)
	if slices.ContainsFunc(errs, isOutage) {
		if err := p.renew(); err != nil {
			p.config.Logger.Error("a new producer could not be made; trying again", "error", err)
		}
	}
}

// isOutage reports whether a record failed for another reason than its size.
func isOutage(err error) bool { return err != nil && !errors.Is(err, outbox.ErrRefused) }

// errNoAnswer says that the producer was closed before the brokers had answered.
var errNoAnswer = errors.New("outbox: the brokers have not acknowledged the records in time")

// explain tells a record that the broker refuses from a broker that is away.
func (p *Publisher) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case isTooLarge(err):
		return fmt.Errorf("%w: %w", outbox.ErrRefused, err)
	case errors.Is(err, kgo.ErrClientClosed):
		return errNoAnswer
	}
	return kafkaauth.Explain(p.config.BrokerAuth, err)
}

func isTooLarge(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge)
}

// alone sends each record again alone that was refused by the size of its batch: the others of the batch fit.
func (p *Publisher) alone(ctx context.Context, records []*kgo.Record, errs []error) {
	if len(records) == 1 {
		return
	}
	for i, record := range records {
		if errors.Is(errs[i], outbox.ErrRefused) && ctx.Err() == nil {
			errs[i] = nil
			again := &kgo.Record{Topic: record.Topic, Key: record.Key, Value: record.Value, Headers: record.Headers}
			p.send(ctx, []*kgo.Record{again}, errs[i:i+1])
		}
	}
}
