package consumer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/clientauth/kafkaauth"
)

// WithPoint returns letters after whose Put point is called, unless it has failed. It is the failpoint of a program.
func WithPoint(letters DeadLetters, point func()) DeadLetters {
	return lettersWithPoint{letters, point}
}

type lettersWithPoint struct {
	DeadLetters
	point func()
}

// Put implements DeadLetters.
func (l lettersWithPoint) Put(ctx context.Context, letters []Letter) error {
	err := l.DeadLetters.Put(ctx, letters)
	if err == nil {
		l.point()
	}
	return err
}

// Letter is a record that nobody can deal with, and why.
type Letter struct {
	Record *kgo.Record
	// Cause is a stable word for programs, such as FORGED. Message is a sentence for people; it repeats nothing of
	// the record.
	Cause, Message string
}

// The headers that a letter has beside those of its record. Kafka Connect uses the same, so one tool reads all
// letters.
const (
	headerPrefix    = "__connect.errors."
	headerTopic     = headerPrefix + "topic"
	headerPartition = headerPrefix + "partition"
	headerOffset    = headerPrefix + "offset"
	headerReader    = headerPrefix + "connector.name"
	headerStage     = headerPrefix + "stage"
	headerCause     = headerPrefix + "exception.class.name"
	headerMessage   = headerPrefix + "exception.message"
)

// HeaderTo names the one reader that a record is for which was sent again: the name of its dead-letter
// topic without LettersPrefix.
const HeaderTo = "codebank.redrive.to"

// LettersPrefix begins the name of every dead-letter topic.
const LettersPrefix = "dlq."

// Letters puts letters into a dead-letter topic. It is safe for concurrent use.
type Letters struct {
	client *kgo.Client
	auth   *clientauth.Client
	topic  string
	reader string
}

var _ DeadLetters = (*Letters)(nil)

// LettersConfig says where letters go. Brokers and Reader are required.
type LettersConfig struct {
	Brokers []string
	// Reader names who could not deal with the records. The topic is LettersPrefix and this name.
	Reader string
	// BrokerAuth and ClientOptions are as in Config.
	BrokerAuth    *clientauth.Client
	ClientOptions []kgo.Opt
}

// NewLetters returns a writer of letters. The brokers need not answer. End it with Close.
func NewLetters(config LettersConfig) (*Letters, error) {
	if config.Reader == "" {
		return nil, errors.New("consumer: dead letters need the name of their reader")
	}
	l := &Letters{auth: config.BrokerAuth, topic: LettersPrefix + config.Reader, reader: config.Reader}
	var err error
	l.client, err = kgo.NewClient(slices.Concat([]kgo.Opt{
		kgo.SeedBrokers(config.Brokers...),
		kgo.ClientID("codebank-letters"),
		kgo.DefaultProduceTopic(l.topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.UnknownTopicRetries(-1),
		kgo.DisableClientMetrics(),
	}, kafkaauth.Options(config.BrokerAuth), config.ClientOptions)...)
	if err != nil {
		return nil, fmt.Errorf("consumer: %w", err)
	}
	return l, nil
}

// Close ends the connections.
func (l *Letters) Close() { l.client.Close() }

// ProduceSync is the method of the client, but it also returns when ctx ends while the brokers do not answer. Then
// nobody knows whether the records arrive, and the first result says so.
func ProduceSync(ctx context.Context, client *kgo.Client, records ...*kgo.Record) kgo.ProduceResults {
	answered := make(chan kgo.ProduceResults, 1)
	go func() { answered <- client.ProduceSync(ctx, records...) }()
	select {
	case results := <-answered:
		return results
	case <-ctx.Done():
		return kgo.ProduceResults{{Record: records[0], Err: ctx.Err()}}
	}
}

// Put implements DeadLetters. A letter that is too large for the topic is put without the key, value and headers of
// its record; they stay at the place that it names.
func (l *Letters) Put(ctx context.Context, letters []Letter) error {
	records := make([]*kgo.Record, len(letters))
	for i := range letters {
		records[i] = l.record(&letters[i], true)
	}
	var large []*kgo.Record
	for i, result := range ProduceSync(ctx, l.client, records...) {
		switch {
		case errors.Is(result.Err, kerr.MessageTooLarge):
			// The results are in the order of the answers.
			at := slices.Index(records, result.Record)
			large = append(large, l.record(&letters[max(at, 0)], false))
		case result.Err != nil:
			return fmt.Errorf("consumer: letter %d of %d: %w", i+1, len(letters), kafkaauth.Explain(l.auth, result.Err))
		}
	}
	if len(large) == 0 {
		return nil
	}
	if err := ProduceSync(ctx, l.client, large...).FirstErr(); err != nil {
		return fmt.Errorf("consumer: letters that are too large: %w", kafkaauth.Explain(l.auth, err))
	}
	return nil
}

// record returns the record of a letter, whole or without what the letter's record holds.
func (l *Letters) record(letter *Letter, whole bool) *kgo.Record {
	was := letter.Record
	record := &kgo.Record{Timestamp: was.Timestamp}
	if whole {
		record.Key, record.Value = was.Key, was.Value
		record.Headers = slices.Clone(was.Headers)
	}
	for _, header := range [][2]string{
		{headerTopic, was.Topic}, {headerPartition, strconv.Itoa(int(was.Partition))}, {headerOffset, strconv.FormatInt(was.Offset, 10)},
		{headerReader, l.reader}, {headerStage, "HANDLER"}, {headerCause, letter.Cause}, {headerMessage, letter.Message},
	} {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: header[0], Value: []byte(header[1])})
	}
	return record
}

// Header returns the value of the last header of a record with this name; nil if there is none.
func Header(record *kgo.Record, name string) []byte {
	for i := len(record.Headers) - 1; i >= 0; i-- {
		if record.Headers[i].Key == name {
			return record.Headers[i].Value
		}
	}
	return nil
}
