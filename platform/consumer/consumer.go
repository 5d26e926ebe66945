// Package consumer reads one topic of Kafka on behalf of a program that keeps its own offsets. The replicas of
// the program share the partitions as a consumer group. The group's offsets are not used: the program stores
// the offset of a partition beside what the records have changed, so that a database that is restored has
// the records read again.
//
// A record is handled at least once, and more than once after a crash, a rebalance or a restore. The records of a
// partition are handled in the order of their offsets, in batches. The offset of a batch is stored after the
// whole batch is dealt with, so it never leads. A batch that fails is tried again after a backoff, and only its
// partition waits. A record that cannot be dealt with is a Letter: it is put into a dead-letter topic, and the
// partition goes on.
//
// The files, in reading order:
//
//	consumer.go   Consumer, its configuration and its ports
//	session.go    one membership in the group: which partitions are read, and from where
//	partition.go  the batches of one partition
//	letters.go    Letters: the dead-letter topic
//	suspects.go   Suspects: when a handler gives a message up that meets an internal error at every try
//	stats.go      the figures, and what Prometheus sees of them
package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/clientauth/kafkaauth"
	"codebank.dev/platform/id"
)

// Handler deals with records.
type Handler interface {
	// Handle deals with some records of one partition, in the order of their offsets. It returns after
	// everything that the records have changed is durable. Those it cannot deal with are letters. An error
	// means that the same records are handled again later, from the first. It is called for several partitions
	// at once.
	Handle(ctx context.Context, batch []*kgo.Record) ([]Letter, error)
}

// Offsets keeps, for each partition of a topic, the offset of the next record to read. A topic that is
// created again has another id, and begins without offsets.
type Offsets interface {
	// LoadOffsets returns the offset of each partition that has one.
	LoadOffsets(ctx context.Context, topic id.ID) (map[int32]int64, error)
	// StoreOffset stores that all records before next are dealt with. from is what the caller has loaded or
	// stored last, or 0. The greatest offset wins. ok is false, and nothing is stored, if the stored offset is less
	// than from: the store was restored to an earlier state, and the records since then have to be read again.
	StoreOffset(ctx context.Context, topic id.ID, partition int32, from, next int64) (ok bool, err error)
}

// DeadLetters takes the records that nobody can deal with.
type DeadLetters interface {
	// Put returns after all the letters are durable. A letter may be put more than once.
	Put(ctx context.Context, letters []Letter) error
}

// Config says what is read, and who deals with it. Brokers, Topic, Group, Handler, Offsets and DeadLetters are
// required.
type Config struct {
	// Brokers are addresses to begin with. They may be away.
	Brokers []string
	Topic   string
	// Group is the name of the consumer group that the replicas share.
	Group       string
	Handler     Handler
	Offsets     Offsets
	DeadLetters DeadLetters
	// MaxBatch is the most records of a batch; 0 means 256.
	MaxBatch int
	// Backoff is the shortest time after which a batch that failed is tried again; 0 means 100 ms. It doubles with
	// each failure up to MaxBackoff; 0 means 15 s.
	Backoff, MaxBackoff time.Duration
	Logger              *slog.Logger
	// BrokerAuth says whom to trust there and how to sign in; nil for plain connections without credentials.
	BrokerAuth *clientauth.Client
	// ClientOptions are added to those of the client.
	ClientOptions []kgo.Opt
}

// Consumer reads a topic. Run does the work.
type Consumer struct {
	config Config
	stats  counters
}

// New returns a consumer. The brokers need not answer. An error means that the configuration cannot be used.
func New(config Config) (*Consumer, error) {
	config.MaxBatch = cmpOr(config.MaxBatch, 256)
	config.Backoff = cmpOr(config.Backoff, 100*time.Millisecond)
	config.MaxBackoff = cmpOr(config.MaxBackoff, 15*time.Second)
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Topic == "" || config.Group == "" || config.Handler == nil || config.Offsets == nil || config.DeadLetters == nil {
		return nil, errors.New("consumer: topic, group, handler, offsets and dead letters are required")
	}
	config.Logger = config.Logger.With(slog.String("topic", config.Topic))
	c := &Consumer{config: config}
	if err := kgo.ValidateOpts(c.options(&session{})...); err != nil {
		return nil, fmt.Errorf("consumer: %w", err)
	}
	return c, nil
}

func cmpOr[T int | time.Duration](value, standard T) T {
	if value <= 0 {
		return standard
	}
	return value
}

// leaveTimeout bounds how long a reader that ends waits for the brokers. Without its farewell they share out its
// partitions after the session timeout.
const leaveTimeout = 2 * time.Second

// Run reads until ctx ends. What is being handled then is abandoned, and read again by whoever reads next. It
// returns within a few seconds, whatever the brokers do, once the handler has returned.
func (c *Consumer) Run(ctx context.Context) {
	wait := backoff{shortest: c.config.Backoff, longest: c.config.MaxBackoff}
	for ctx.Err() == nil {
		if err := c.session(ctx); err != nil && ctx.Err() == nil {
			c.config.Logger.Warn("reading begins again at the stored offsets", slog.Any("error", err))
			wait.sleep(ctx)
		}
	}
}

// options returns the options of the client of a session.
func (c *Consumer) options(s *session) []kgo.Opt {
	return slices.Concat([]kgo.Opt{
		kgo.SeedBrokers(c.config.Brokers...),
		kgo.ClientID("codebank-" + c.config.Group),
		kgo.ConsumeTopics(c.config.Topic),
		kgo.ConsumerGroup(c.config.Group),
		// A reader that was killed keeps its partitions for this long. Brokers allow no shorter time by default.
		kgo.SessionTimeout(6 * time.Second),
		kgo.HeartbeatInterval(1500 * time.Millisecond),
		// Who shares out the partitions waits for this long for a reader that does not join again. Nothing keeps a
		// reader from that but its death.
		kgo.RebalanceTimeout(10 * time.Second),
		// The group only shares out the partitions.
		kgo.DisableAutoCommit(),
		kgo.AdjustFetchOffsetsFn(s.begin),
		kgo.OnPartitionsRevoked(s.revoked),
		kgo.OnPartitionsLost(s.revoked),
		// No records of a partition are returned between its loss and its return: a poll is over before the
		// callbacks run.
		kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(8 << 20),
		// A fetch that is under way leaves out the partitions that were paused when it began. If the others have no
		// records, those partitions wait until it ends.
		kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.DisableClientMetrics(),
	}, kafkaauth.Options(c.config.BrokerAuth), c.config.ClientOptions)
}

// backoff waits for times that double from the shortest to the longest, each changed at random by up to a
// quarter.
type backoff struct{ shortest, longest, current time.Duration }

// sleep waits, or returns when ctx ends.
func (b *backoff) sleep(ctx context.Context) {
	b.current = min(max(2*b.current, b.shortest), b.longest)
	timer := time.NewTimer(b.current*3/4 + rand.N(b.current/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
