package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

const (
	// topic is where the bank's events go.
	topic = "bank-" + launch.BankCode + ".transactions.v1"
	// rawTopic is where the same bytes go without a bank.
	rawTopic = "bench.raw"
	// patience bounds every wait for the pipeline.
	patience = 10 * time.Minute
)

// broker asks the broker what is on the topic.
type broker struct {
	client *kgo.Client
	admin  *kadm.Client
	seeds  string
}

func (w *world) broker() (*broker, error) {
	seeds := w.stack.Addresses().Kafka()
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds), kgo.DisableClientMetrics())
	if err != nil {
		return nil, err
	}
	return &broker{client: client, admin: kadm.NewClient(client), seeds: seeds}, nil
}

func (b *broker) close() { b.client.Close() }

// ends returns the end of each partition of the bank's topic, and their sum, which is
// how many records were ever produced.
func (b *broker) ends(ctx context.Context) (ends map[int32]int64, sum int64, err error) {
	listed, err := b.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, 0, err
	}
	ends = map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) {
		ends[o.Partition] = o.Offset
		sum += o.Offset
	})
	return ends, sum, nil
}

// last returns the last record of every partition that has any.
func (b *broker) last(ctx context.Context) ([]*kgo.Record, error) {
	ends, _, err := b.ends(ctx)
	if err != nil {
		return nil, err
	}
	offsets := map[int32]kgo.Offset{}
	for partition, end := range ends {
		if end > 0 {
			offsets[partition] = kgo.NewOffset().At(end - 1)
		}
	}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(b.seeds), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}))
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	var records []*kgo.Record
	for len(records) < len(offsets) {
		fetched := consumer.PollFetches(ctx)
		if err := fetched.Err0(); err != nil {
			return nil, err
		}
		records = append(records, fetched.Records()...)
	}
	return records, nil
}

// lastEvents returns the ids of the last event of every partition: whoever takes each
// partition in order has everything when it has these.
func (b *broker) lastEvents(ctx context.Context) ([]string, error) {
	records, err := b.last(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(records))
	for i, record := range records {
		if ids[i], err = eventID(record.Value); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// frameSize is the registry's frame ahead of every event.
const frameSize = 5

// eventID reads an event's id, the first field of its Avro body: a length and as many bytes.
func eventID(value []byte) (string, error) {
	body := value[min(frameSize, len(value)):]
	length, n := binary.Varint(body)
	if n <= 0 || length < 1 || length > int64(len(body)-n) {
		return "", errors.New("a record on the topic is no event")
	}
	return string(body[n : n+int(length)]), nil
}

// lag is how many records the connectors' groups have not committed yet.
func (b *broker) lag(ctx context.Context, connectors ...string) (int64, error) {
	_, sum, err := b.ends(ctx)
	if err != nil {
		return 0, err
	}
	var behind int64
	for _, connector := range connectors {
		offsets, err := b.admin.FetchOffsets(ctx, pipes.Group(connector))
		if err != nil {
			return 0, err
		}
		behind += sum
		offsets.Each(func(o kadm.OffsetResponse) {
			if o.Topic == topic {
				behind -= o.At
			}
		})
	}
	return behind, nil
}

// makeRawTopic makes an empty topic like the bank's.
func (b *broker) makeRawTopic(ctx context.Context) error {
	if _, err := b.admin.DeleteTopic(ctx, rawTopic); err != nil && ctx.Err() != nil {
		return err
	}
	ends, _, err := b.ends(ctx)
	if err != nil {
		return err
	}
	forever := "-1"
	return await(ctx, patience, func() (bool, error) {
		_, err := b.admin.CreateTopic(ctx, int32(len(ends)), 1, map[string]*string{"retention.ms": &forever}, rawTopic)
		return err == nil, ctx.Err() // the old one takes a moment to go
	})
}

// awaitPublished waits until the outbox of a ledger is empty.
func (w *world) awaitPublished(ctx context.Context, database string) error {
	connection, err := w.connect(ctx, database)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	err = await(ctx, patience, func() (bool, error) {
		var empty bool
		err := connection.QueryRow(ctx, "SELECT NOT EXISTS (SELECT FROM outbox)").Scan(&empty)
		return empty, err
	})
	if err != nil {
		return fmt.Errorf("waiting for the relay: %w", err)
	}
	return nil
}
