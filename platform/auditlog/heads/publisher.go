package heads

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/clientauth/kafkaauth"
)

// DefaultInterval is how often a head is published.
const DefaultInterval = time.Minute

// produceTimeout limits the publishing of one head. The next one says more.
const produceTimeout = 10 * time.Second

// Config says whose heads are published, and where. Service, BankCode, Head and Brokers are required.
type Config struct {
	// Service and BankCode are those of Published.
	Service, BankCode string
	// Head reads the committed head of the log.
	Head func(ctx context.Context) (auditlog.Head, error)
	// Brokers are addresses to begin with. They may be away.
	Brokers []string
	// Interval is how often the head is published; 0 means DefaultInterval.
	Interval time.Duration
	Logger   *slog.Logger
	// BrokerAuth says whom to trust there and how to sign in; nil for plain connections without
	// credentials.
	BrokerAuth *clientauth.Client
	// ClientOptions are added to those of the client.
	ClientOptions []kgo.Opt
}

// Publisher publishes the head of an audit log. A head that has not changed is published too: what is old
// on the topic then means that nobody publishes.
type Publisher struct {
	config    Config
	client    *kgo.Client
	published atomic.Int64 // Unix seconds
	failures  atomic.Int64
}

// NewPublisher returns a publisher. The brokers need not answer. An error means that the configuration
// cannot be used. End it with Close.
func NewPublisher(config Config) (*Publisher, error) {
	if config.Interval == 0 {
		config.Interval = DefaultInterval
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Interval < 0 {
		return nil, errors.New("heads: the interval is negative")
	}
	client, err := kgo.NewClient(slices.Concat([]kgo.Opt{
		kgo.SeedBrokers(config.Brokers...),
		kgo.ClientID("codebank-audit-heads"),
		kgo.DefaultProduceTopic(Topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordDeliveryTimeout(produceTimeout),
		kgo.DisableClientMetrics(),
	}, kafkaauth.Options(config.BrokerAuth), config.ClientOptions)...)
	if err != nil {
		return nil, fmt.Errorf("heads: %w", err)
	}
	return &Publisher{config: config, client: client}, nil
}

// Close ends the connections.
func (p *Publisher) Close() { p.client.Close() }

// Run publishes the head at once and then in every interval, until ctx ends. What fails is logged, once
// until it succeeds again.
func (p *Publisher) Run(ctx context.Context) {
	ticks := time.NewTicker(p.config.Interval)
	defer ticks.Stop()
	for failing := false; ; {
		err := p.publish(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failing = false
			p.published.Store(time.Now().Unix())
		default:
			p.failures.Add(1)
			if !failing {
				p.config.Logger.WarnContext(ctx, "the head of the audit log was not published; it is tried again", "topic", Topic, "error", err)
			}
			failing = true
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// publish publishes the head once.
func (p *Publisher) publish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, produceTimeout)
	defer cancel()
	now := time.Now()
	head, err := p.config.Head(ctx)
	if err != nil {
		return err
	}
	published := Published{Service: p.config.Service, BankCode: p.config.BankCode, Head: head, At: now}
	text, err := published.Encode()
	if err != nil {
		return err
	}
	err = p.client.ProduceSync(ctx, &kgo.Record{Key: []byte(published.Service), Value: text}).FirstErr()
	return kafkaauth.Explain(p.config.BrokerAuth, err)
}

var (
	publishedAt = prometheus.NewDesc("codebank_audit_head_published_timestamp_seconds",
		"When this process last published the head of the audit log; 0 for not yet. The greatest of all processes of a service counts.", nil, nil)
	failures = prometheus.NewDesc("codebank_audit_head_errors_total", "Heads of the audit log that could not be read or published.", nil, nil)
)

var _ prometheus.Collector = (*Publisher)(nil)

// Describe implements prometheus.Collector.
func (p *Publisher) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(p, out) }

// Collect implements prometheus.Collector.
func (p *Publisher) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.MustNewConstMetric(publishedAt, prometheus.GaugeValue, float64(p.published.Load())) // tidy:float the metrics library counts in floats
	out <- prometheus.MustNewConstMetric(failures, prometheus.CounterValue, float64(p.failures.Load()))   // tidy:float the metrics library counts in floats
}
