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
	// topic is the topic of the bank's events.
	topic = "bank-" + launch.BankCode + ".transactions.v1"
	// yardstickTopic is the topic for the same bytes without a bank.
	yardstickTopic = "bench.raw"
	// pipelineTimeout bounds every wait for the pipeline.
	pipelineTimeout = 10 * time.Minute
)

// broker reads and changes topics and offsets.
type broker struct {
	client *kgo.Client
	admin  *kadm.Client
	seeds  string
}

func (w *workbench) broker() (*broker, error) {
	seeds := w.stack.Addresses().Kafka()
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds), kgo.DisableClientMetrics())
	if err != nil {
		return nil, err
	}
	return &broker{client: client, admin: kadm.NewClient(client), seeds: seeds}, nil
}

func (b *broker) close() { b.client.Close() }

// endOffsets returns the end of each partition of the bank's topic. sum is their sum, which is
// how many records were ever produced.
func (b *broker) endOffsets(ctx context.Context) (ends map[int32]int64, sum int64, err error) {
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

// lastRecords returns the last record of every partition that has records.
func (b *broker) lastRecords(ctx context.Context) ([]*kgo.Record, error) {
	ends, _, err := b.endOffsets(ctx)
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

// lastEvents returns the id of the last event of every partition. A sink that reads each
// partition in order has everything when it has these.
func (b *broker) lastEvents(ctx context.Context) ([]string, error) {
	records, err := b.lastRecords(ctx)
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

// frameSize is the size of the registry's frame in front of every event.
const frameSize = 5

// eventID reads the id of an event, the first field of its Avro body: a length and that many
// bytes.
func eventID(value []byte) (string, error) {
	body := value[min(frameSize, len(value)):]
	length, n := binary.Varint(body)
	if n <= 0 || length < 1 || length > int64(len(body)-n) {
		return "", errors.New("a record on the topic is not an event")
	}
	return string(body[n : n+int(length)]), nil
}

// lag returns how many records the connectors' groups have not committed yet.
func (b *broker) lag(ctx context.Context, connectors ...string) (int64, error) {
	_, sum, err := b.endOffsets(ctx)
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

// createYardstickTopic creates an empty topic like the bank's.
func (b *broker) createYardstickTopic(ctx context.Context) error {
	if _, err := b.admin.DeleteTopic(ctx, yardstickTopic); err != nil && ctx.Err() != nil {
		return err
	}
	ends, _, err := b.endOffsets(ctx)
	if err != nil {
		return err
	}
	forever := "-1"
	return await(ctx, pipelineTimeout, func() (bool, error) {
		_, err := b.admin.CreateTopic(ctx, int32(len(ends)), 1, map[string]*string{"retention.ms": &forever}, yardstickTopic)
		return err == nil, ctx.Err() // deleting the old topic takes a moment
	})
}

// awaitPublished waits until the outbox of a ledger is empty.
func (w *workbench) awaitPublished(ctx context.Context, database string) error {
	connection, err := w.connect(ctx, database)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	err = await(ctx, pipelineTimeout, func() (bool, error) {
		var empty bool
		err := connection.QueryRow(ctx, "SELECT NOT EXISTS (SELECT FROM outbox)").Scan(&empty)
		return empty, err
	})
	if err != nil {
		return fmt.Errorf("waiting for the relay: %w", err)
	}
	return nil
}
