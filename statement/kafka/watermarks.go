// Package kafka tells the statement up to when it has every event, also of accounts to which nothing has
// happened since. Two things together prove it: a watermark of the bank says below which offset of a partition
// all events before a time stand, and the group of the sink has committed that offset, which it does only when
// the rows are committed.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/clientauth/kafkaauth"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/event"
	"codebank.dev/statement"
)

const (
	// lookEvery is how often the sink's offsets are read.
	lookEvery   = time.Second
	lookTimeout = 10 * time.Second
	// first is how many watermarks of a partition are read at the start. The relay writes one a second or so.
	first = 30
	// maxHeld is how many watermarks of a partition wait for the sink.
	maxHeld = 64
)

// Config says where watermarks are read. Brokers, BankCode and SinkGroup are required.
type Config struct {
	// Brokers are addresses to begin with. They may be away.
	Brokers  []string
	BankCode string
	// SinkGroup is the consumer group of the sink that writes the statement's lines.
	SinkGroup string
	// BrokerAuth says whom to trust there and how to sign in; nil for plain connections without credentials.
	BrokerAuth *clientauth.Client
	Logger     *slog.Logger
	// ClientOptions are added to those of the client.
	ClientOptions []kgo.Opt
}

// Watermarks knows up to when the statement has every event of an account. While the brokers are away it knows
// what it knew. Make one with NewWatermarks. Safe for concurrent use.
type Watermarks struct {
	config      Config
	events      string
	marks       string
	client      *kgo.Client
	admin       *kadm.Client
	partitioner kgo.TopicPartitioner

	mutex sync.RWMutex
	// partitions are those of the events, by number; empty while their number is not known.
	partitions []partition
}

// partition is a partition of the events.
type partition struct {
	// held are watermarks that the sink has not reached yet, by offset.
	held []event.Watermark
	// completeTo is the greatest one that it has reached, in milliseconds since 1970.
	completeTo int64
}

var _ statement.Watermarks = (*Watermarks)(nil)

// NewWatermarks returns watermarks that know nothing yet. The brokers need not answer. An error means that the
// configuration cannot be used. End it with Close.
func NewWatermarks(config Config) (*Watermarks, error) {
	if config.SinkGroup == "" {
		return nil, errors.New("kafka: no group of a sink")
	}
	marks, events := "bank-"+config.BankCode+".watermarks.v1", "bank-"+config.BankCode+".transactions.v1"
	client, err := kgo.NewClient(slices.Concat([]kgo.Opt{
		kgo.SeedBrokers(config.Brokers...),
		kgo.ClientID("codebank-statement-watermarks"),
		kgo.ConsumeTopics(marks),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd().Relative(-first)),
		kgo.UnknownTopicRetries(-1),
		kgo.DisableClientMetrics(),
	}, kafkaauth.Options(config.BrokerAuth), config.ClientOptions)...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return &Watermarks{
		config: config, events: events, marks: marks, client: client, admin: kadm.NewClient(client),
		// The relay chooses the partition of an event by its account, with this partitioner.
		partitioner: kgo.StickyKeyPartitioner(nil).ForTopic(events),
	}, nil
}

// Close ends the connections.
func (w *Watermarks) Close() { w.client.Close() }

// CompleteTo implements statement.Watermarks.
func (w *Watermarks) CompleteTo(account id.ID) time.Time {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	if len(w.partitions) == 0 {
		return time.Time{}
	}
	number := w.partitioner.Partition(&kgo.Record{Key: []byte(account.String())}, len(w.partitions))
	completeTo := w.partitions[number].completeTo
	if completeTo == 0 {
		return time.Time{}
	}
	return time.UnixMilli(completeTo).UTC()
}

// Oldest returns the time before which every event of every account has arrived. It is the zero time while that is not
// known, for example because a partition has had no watermark yet.
func (w *Watermarks) Oldest() time.Time {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	oldest := int64(0)
	for i := range w.partitions {
		completeTo := w.partitions[i].completeTo
		if completeTo == 0 {
			return time.Time{}
		}
		if oldest == 0 || completeTo < oldest {
			oldest = completeTo
		}
	}
	if oldest == 0 {
		return time.Time{}
	}
	return time.UnixMilli(oldest).UTC()
}

// Run reads watermarks and compares them with the sink's offsets until ctx ends. What fails is logged, once
// until it succeeds again.
func (w *Watermarks) Run(ctx context.Context) {
	for failing := false; ctx.Err() == nil; {
		err := w.look(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			w.config.Logger.WarnContext(ctx, "watermarks or the offsets of the sink cannot be read; states of the past are provisional meanwhile, and it is tried again",
				"group", w.config.SinkGroup, "error", err)
		}
		failing = err != nil
		timer, cancel := context.WithTimeout(ctx, lookEvery)
		if failing {
			<-timer.Done()
		} else {
			w.collect(timer)
		}
		cancel()
	}
}

// collect takes the watermarks that come until ctx ends.
func (w *Watermarks) collect(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := w.client.PollFetches(ctx)
		fetches.EachRecord(func(record *kgo.Record) { w.take(record.Partition, record.Value) })
		if madeAgain(fetches) {
			// The client keeps to the topic that it began with. Watermarks that come twice change nothing.
			w.client.PurgeTopicsFromConsuming(w.marks)
			w.client.AddConsumeTopics(w.marks)
		}
	}
}

// madeAgain reports whether a topic was deleted and created again.
func madeAgain(fetches kgo.Fetches) (again bool) {
	fetches.EachError(func(_ string, _ int32, err error) {
		again = again || errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.InconsistentTopicID)
	})
	return again
}

// take keeps a watermark until the sink has reached it. A record that is none is passed over, because the index's sink reports it.
func (w *Watermarks) take(number int32, value []byte) {
	_, body, err := event.ParseFrame(value)
	if err != nil {
		return
	}
	mark, err := event.DecodeWatermark(body)
	if err != nil || mark.BankCode != w.config.BankCode || mark.Partition != number {
		return
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if int(number) >= len(w.partitions) {
		return
	}
	of := &w.partitions[number]
	last := len(of.held) - 1
	switch {
	case mark.CompleteToMillis <= of.completeTo || last >= 0 && mark.CompleteToMillis <= of.held[last].CompleteToMillis:
		// A replica that was frozen may send an older one late.
	case last >= 0 && mark.Offset <= of.held[last].Offset, len(of.held) == maxHeld:
		// The new one is reached as soon as the last one, or there is no room. The sink reaches the earlier ones first, so they stay.
		of.held[last] = mark
	default:
		of.held = append(of.held, mark)
	}
}

// look reads how far the sink is.
func (w *Watermarks) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if err := w.count(ctx); err != nil {
		return err
	}
	committed, err := w.admin.FetchOffsets(ctx, w.config.SinkGroup)
	if err == nil {
		err = committed.Error()
	}
	if err != nil {
		return err
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for number := range w.partitions {
		offset := int64(0)
		if response, known := committed.Lookup(w.events, int32(number)); known {
			offset = max(offset, response.At)
		}
		w.partitions[number].reach(offset)
	}
	return nil
}

// count asks once how many partitions there are. Their number never changes in place.
func (w *Watermarks) count(ctx context.Context) error {
	if len(w.partitions) > 0 { // Only Run writes it.
		return nil
	}
	topics, err := w.admin.ListTopics(ctx, w.events)
	if err == nil {
		err = topics.Error()
	}
	if err != nil {
		return err
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.partitions = make([]partition, len(topics[w.events].Partitions))
	return nil
}

// reach takes in the watermarks up to an offset that the sink has committed.
func (p *partition) reach(offset int64) {
	for len(p.held) > 0 && p.held[0].Offset <= offset {
		p.completeTo = max(p.completeTo, p.held[0].CompleteToMillis)
		p.held = p.held[1:]
	}
}
