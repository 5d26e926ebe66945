// Package kafka publishes the bank's events on Kafka. It encodes entries as Avro events, which the
// ledger does in its commit, and it publishes the committed events that the relay hands over. Only
// the publisher uses the schema registry, and only for ids, so the bank decides even when broker
// and registry are away. It also publishes watermarks, which tell readers up to which time the
// topic is complete.
//
// The files, in reading order:
//
//	event.go       an entry as an Avro event, in one version of the schema
//	publisher.go   Publish, Flush, Close: events in, answers out
//	produce.go     groups of events as records, sent until they are acknowledged
//	size.go        smaller groups after a broker has refused one by its size
//	producer.go    the Kafka client, replaced after a failure
//	gate.go        no record of a group leaves before the producer has the whole group
//	registry.go    the ids of our schemas
//	results.go     how the commands of the topic ended
//	watermarks.go  up to which time each partition is complete
package kafka

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/bank"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/failpoint"
	"codebank.dev/schemas"
)

// The errors of Publish. None of them says that the event is not on the topic: it may be, if the
// publisher was closed meanwhile.
var (
	// ErrClosed says that the publisher was closed before the event was acknowledged.
	ErrClosed = errors.New("kafka: publisher closed")
	// ErrRefused says that an earlier event failed and that Flush was not called since.
	ErrRefused = errors.New("kafka: refused after an earlier failure, until flushed")
)

// maxBody is the longest body of an event: well below a broker's default limit of a megabyte. A
// longer one is bank.ErrEventTooLarge.
const maxBody = 512 << 10

// PublisherConfig is the configuration of a Publisher. Code, Brokers and RegistryURL are required;
// a zero in any other field means its default.
type PublisherConfig struct {
	// Code is the code of the bank; it is part of the topic's name.
	Code bank.Code
	// Brokers are host:port of some brokers; they may be away.
	Brokers []string
	// RegistryURL is the root of the schema registry's Confluent API; it may be away.
	RegistryURL string
	// BrokerAuth and RegistryAuth say whom to trust there and how to sign in; nil for plain
	// connections without credentials.
	BrokerAuth, RegistryAuth *clientauth.Client
	// ClientOptions are added to the producer's options, for example for another compression. They
	// must not set a dialer.
	ClientOptions []kgo.Opt
	// MaxWaiting is how many events may wait before Publish blocks, without those that are being
	// sent; default 16,384.
	MaxWaiting int
	// MaxGroup is the largest number of events that are sent at a time; default 8192.
	MaxGroup int
	// Logger receives outages and recoveries; default none.
	Logger *slog.Logger
	// Failpoint is called at the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Publisher implements bank.Publisher with an idempotent producer that waits for all replicas in
// sync and retries without a limit or a deadline.
//
// Events are sent in groups. While one group is being sent, the next one gathers. There is no
// timer: an idle publisher sends at once, and a busy one sends thousands of events per request. The
// producer gets a whole group before its first byte is sent (see gate), and it fails all records of
// a partition together. So after a failure, for each key the first part of the group is on the
// topic and the rest is not. A new producer sends the rest again, in order, before any later event.
// Events may repeat then, but none is missing.
//
// A group whose batch the broker refuses by its size is sent again in smaller ones, down to single
// events. A single event that does not fit is answered with bank.ErrEventTooLarge.
//
// Make one with NewPublisher, end it with Close. It is safe for concurrent use; the order of events
// is the order of the calls.
type Publisher struct {
	config PublisherConfig
	topic  string
	ids    *schemaIDs
	logger *slog.Logger
	// clientLog is the log of the producers.
	clientLog clientLog

	// These belong to the sending goroutine.
	producer   *producer
	records    []pendingRecord
	arena      []byte
	unanswered sync.WaitGroup
	limit      sizeLimit
	// blocked are the keys whose next event was too large, until the publisher is flushed.
	blocked map[bank.ID]struct{}

	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{}
	slots  chan struct{} // one for each waiting event

	mutex    sync.Mutex
	waiting  []publication
	pending  int           // published and not answered
	idle     chan struct{} // closed while no event is pending
	refusing bool
	arrived  chan struct{}

	stats publisherCounters
}

// publication is an event with the function that receives its answer.
type publication struct {
	event bank.Event
	done  func(error)
}

var _ bank.Publisher = (*Publisher)(nil)

// Topic returns the topic of a bank's transaction events.
func Topic(code bank.Code) string { return "bank-" + string(code) + ".transactions.v1" }

// NewPublisher returns a running Publisher. Broker and registry need not answer. An error means
// that the configuration cannot be used.
func NewPublisher(config PublisherConfig) (*Publisher, error) {
	if config.MaxWaiting <= 0 {
		config.MaxWaiting = 16_384
	}
	if config.MaxGroup <= 0 {
		config.MaxGroup = 8192
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Publisher{
		config:  config,
		topic:   Topic(config.Code),
		logger:  config.Logger,
		ended:   make(chan struct{}),
		slots:   make(chan struct{}, config.MaxWaiting),
		idle:    make(chan struct{}),
		arrived: make(chan struct{}, 1),
		blocked: make(map[bank.ID]struct{}),
	}
	close(p.idle)
	p.clientLog = newClientLog(&config)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	var err error
	if p.ids, err = newSchemaIDs(&config, schemaFolder, schemas.Subject(p.topic)); err != nil {
		return nil, err
	}
	if p.producer, err = p.newProducer(); err != nil {
		return nil, err
	}
	go p.run()
	return p, nil
}

// Publish implements bank.Publisher. It blocks while too many events wait, until ctx ends. It calls
// done from another goroutine once all replicas in sync have the event. It calls done from the
// caller's goroutine when it refuses the event because ctx ended, the publisher is closed or the
// event is too large. After that it refuses every event until Flush has returned nil, so that no
// event overtakes another. The body of the event must not change before done is called. done must
// not block.
func (p *Publisher) Publish(ctx context.Context, event bank.Event, done func(error)) {
	select {
	case p.slots <- struct{}{}:
	default:
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			p.refuse(ctx.Err(), done)
			return
		case <-p.ctx.Done():
			p.refuse(ErrClosed, done)
			return
		}
	}
	if err := p.enqueue(publication{event, done}); err != nil {
		<-p.slots
		p.refuse(err, done)
	}
}

func (p *Publisher) enqueue(publication publication) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	switch {
	case p.ctx.Err() != nil:
		return ErrClosed
	case p.refusing:
		return ErrRefused
	case len(publication.event.Body) > maxBody:
		p.refusing = true
		return bank.ErrEventTooLarge
	}
	if p.pending == 0 {
		p.idle = make(chan struct{})
	}
	p.pending++
	p.waiting = append(p.waiting, publication)
	if len(p.waiting) == 1 {
		select {
		case p.arrived <- struct{}{}:
		default:
		}
	}
	return nil
}

func (p *Publisher) refuse(err error, done func(error)) {
	p.mutex.Lock()
	p.refusing = true
	p.mutex.Unlock()
	done(err)
}

// answered notes that done was called for n publications.
func (p *Publisher) answered(n int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.pending -= n; p.pending == 0 {
		close(p.idle)
	}
}

// Flush implements bank.Publisher. It waits until done was called for every accepted event. Then it
// returns nil, and Publish accepts events again after a failure. When ctx ends first, it returns
// the error of ctx.
func (p *Publisher) Flush(ctx context.Context) error {
	for {
		p.mutex.Lock()
		if p.pending == 0 {
			p.refusing = false
			p.mutex.Unlock()
			return nil
		}
		idle := p.idle
		p.mutex.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close ends the publisher without waiting for the broker: unacknowledged events are answered with
// ErrClosed. Call Flush first. A second call is harmless.
func (p *Publisher) Close() {
	p.cancel()
	<-p.ended
}

// publisherCounters is written by the publisher and read by any goroutine.
type publisherCounters struct {
	acknowledged, bytes, groups, recoveries, losses atomic.Int64
	brokerAway, schemaMissing                       atomic.Bool
}

// PublisherStats is the state of a Publisher and what it has done since it was made.
type PublisherStats struct {
	// Acknowledged counts the events that all replicas in sync have, Bytes their length with the
	// frame, Groups the groups in which they were sent.
	Acknowledged, Bytes, Groups int64
	// Recoveries counts new producers after a failure: repeats may follow each.
	Recoveries int64
	// Losses counts how often a broker had lost events that it had acknowledged.
	Losses int64
	// BrokerAway says that a group has been waiting for the broker for a while; SchemaMissing that
	// the registry is away or does not know the schema yet.
	BrokerAway, SchemaMissing bool
	// Pending is how many events were published and not answered.
	Pending int
}

// Stats returns the counters. Each is exact; together they are of about one moment.
func (p *Publisher) Stats() PublisherStats {
	p.mutex.Lock()
	pending := p.pending
	p.mutex.Unlock()
	return PublisherStats{
		Acknowledged: p.stats.acknowledged.Load(), Bytes: p.stats.bytes.Load(), Groups: p.stats.groups.Load(),
		Recoveries: p.stats.recoveries.Load(), Losses: p.stats.losses.Load(),
		BrokerAway: p.stats.brokerAway.Load(), SchemaMissing: p.stats.schemaMissing.Load(),
		Pending: pending,
	}
}

// brokerAwayAfter is how long a group may take before the broker counts as away.
const brokerAwayAfter = 10 * time.Second
