// Package kafka is the bank's way to the broker: the encoding of entries as Avro
// events, which the ledger does in its commit, and the publisher, which the relay
// hands the committed events to. The schema registry is asked by the publisher
// alone and only for ids, so the bank decides with broker and registry away. Beside
// the events, watermarks tell the readers how far they are complete.
package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"codebank.dev/bank"
	"codebank.dev/platform/failpoint"
	"codebank.dev/schemas"
)

// The errors of Publish. None of them says that the event is not on the topic: it
// may be when the publisher was closed meanwhile.
var (
	// ErrClosed says that the publisher was closed before the event was acknowledged.
	ErrClosed = errors.New("kafka: publisher closed")
	// ErrRefused says that an earlier event was not taken and Flush was not called since.
	ErrRefused = errors.New("kafka: refused after an earlier failure, until flushed")
	// ErrTooLarge says that an event is longer than any record may be.
	ErrTooLarge = errors.New("kafka: event too large")
)

// maxBody bounds an event: well below what a broker takes by default, a megabyte.
const maxBody = 512 << 10

// PublisherConfig is what a Publisher is made of. Code, Brokers and RegistryURL
// are required; a zero in any other field means its default.
type PublisherConfig struct {
	// Code is the bank's: it names the topic.
	Code bank.Code
	// Brokers are host:port of some brokers; they may be away.
	Brokers []string
	// RegistryURL is the root of the schema registry's Confluent interface; it may be away.
	RegistryURL string
	// TLS secures the connections to the brokers; nil leaves them plain.
	TLS *tls.Config
	// ClientOptions add to the producer's, for credentials or another compression. They
	// must not name a dialer. RegistryOptions add to the registry client's.
	ClientOptions   []kgo.Opt
	RegistryOptions []sr.ClientOpt
	// MaxWaiting is how many events may wait for their turn before Publish blocks, those
	// being sent not counted; default 16,384.
	MaxWaiting int
	// MaxGroup is the most events that are sent at a time; default 8192.
	MaxGroup int
	// Logger is told of outages and recoveries; default none.
	Logger *slog.Logger
	// Failpoint is told of the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Publisher implements bank.Publisher over an idempotent producer that waits for
// all replicas in sync, tries without end and knows no deadline.
//
// Events are sent in groups: while one is on its way the next one gathers, so an
// idle publisher sends at once and a busy one shares requests among thousands, with
// no timer. A group is handed to the producer whole before its first byte is sent
// (see gate), and the producer fails what it holds for a partition together. So when
// something fails, for each key a head of the group is on the topic and the rest is
// not: the rest is sent again, in order, by a new producer, before anything later.
// Repeats are possible then, gaps are not.
//
// Make one with NewPublisher, end it with Close. It is safe for concurrent use; the
// order of events is that of the calls.
type Publisher struct {
	config PublisherConfig
	topic  string
	ids    *schemaIDs
	logger *slog.Logger

	// The sending goroutine's own.
	producer   *producer
	parcels    []parcel
	arena      []byte
	unanswered sync.WaitGroup

	life  context.Context
	end   context.CancelFunc
	ended chan struct{}
	slots chan struct{} // one for each event that waits

	mutex    sync.Mutex
	waiting  []publication
	pending  int           // published and not answered
	idle     chan struct{} // closed while nothing is pending
	refusing bool
	arrived  chan struct{}

	stats publisherCounters
}

// publication is an event with its answer.
type publication struct {
	event bank.Event
	done  func(error)
}

var _ bank.Publisher = (*Publisher)(nil)

// Topic returns the topic of a bank's transaction events.
func Topic(code bank.Code) string { return "bank-" + string(code) + ".transactions.v1" }

// NewPublisher returns a running Publisher. Broker and registry need not be there;
// an error means that the configuration cannot be right.
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
	}
	close(p.idle)
	p.life, p.end = context.WithCancel(context.Background())
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

// Publish implements bank.Publisher. It blocks while too many events wait, until
// ctx ends. done is called from another goroutine once all replicas in sync have
// the event, or from this one when the event is not taken: because ctx ended, the
// publisher is closed or the event is too large. After that every event is refused
// until Flush has returned nil, so that none overtakes another. The event's body
// must not change before done is called. done must not block.
func (p *Publisher) Publish(ctx context.Context, event bank.Event, done func(error)) {
	select {
	case p.slots <- struct{}{}:
	default:
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			p.refuse(ctx.Err(), done)
			return
		case <-p.life.Done():
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
	case p.life.Err() != nil:
		return ErrClosed
	case p.refusing:
		return ErrRefused
	case len(publication.event.Body) > maxBody:
		p.logger.Error("an event is too large for any record; nothing is published until it is gone",
			slog.String("transaction_id", publication.event.TransactionID.String()),
			slog.Int("bytes", len(publication.event.Body)))
		p.refusing = true
		return ErrTooLarge
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

// Flush implements bank.Publisher: it waits until done was called for every event
// that was taken. It returns nil then, and events are taken again after a failure;
// else the error of ctx.
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

// Close ends the publisher without waiting for the broker: what is not acknowledged
// is answered with ErrClosed. Flush first. Calling it twice is harmless.
func (p *Publisher) Close() {
	p.end()
	<-p.ended
}

// publisherCounters is written by the publisher and read by anyone.
type publisherCounters struct {
	acknowledged, bytes, groups, recoveries, losses atomic.Int64
	brokerAway, schemaMissing                       atomic.Bool
}

// PublisherStats is what a Publisher has done since it was made, and its state.
type PublisherStats struct {
	// Acknowledged and Bytes count events that all replicas in sync have, and their
	// length with the frame. Groups counts the sendings that they shared.
	Acknowledged, Bytes, Groups int64
	// Recoveries counts new producers after a failure: repeats may follow each.
	Recoveries int64
	// Losses counts times that a broker had forgotten what it had acknowledged.
	Losses int64
	// BrokerAway says that a group has been waiting for the broker for a while;
	// SchemaMissing that the registry is away or does not know the schema yet.
	BrokerAway, SchemaMissing bool
	// Pending is how many events were published and not answered.
	Pending int
}

// Stats returns the counters; each is exact, together they are of about one moment.
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

// away is how long a group may be on its way before the broker counts as away.
const away = 10 * time.Second
