package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// backlogSeconds is how many seconds' worth of events may wait while the bank is at full load.
const backlogSeconds = 5

// relay measures publishing: how far the relay falls behind a bank at full load, and how fast
// it drains an outbox, compared with producing the same bytes. The sinks are stopped.
func (w *workbench) relay(ctx context.Context) (figures []Figure, err error) {
	broker, err := w.broker()
	if err != nil {
		return nil, err
	}
	defer broker.close()
	if err := w.stopSinks(ctx, statementSink, indexSink); err != nil {
		return nil, err
	}
	backlog, err := w.measureBacklog(ctx, broker)
	if err != nil {
		return nil, err
	}
	relay := Series{Name: fmt.Sprintf("the relay, %d events, from the first on the topic to the last", w.options.Drain), Unit: "relay-events/s"}
	yardstick := Series{Name: "produced by franz-go, same bytes, keys, partitions and compression, acks=all", Unit: "raw-events/s"}
	for range w.options.longRounds() {
		rate, events, err := w.drain(ctx, broker)
		if err != nil {
			return nil, err
		}
		relay.Values = append(relay.Values, rate)
		if rate, err = w.produce(ctx, broker, events); err != nil {
			return nil, err
		}
		yardstick.Values = append(yardstick.Values, rate)
	}
	return []Figure{backlog, ratio("RelayDrain", "other events in every round, all distinct", relay, yardstick)}, nil
}

// measureBacklog keeps the bank at full load over the stream while its relay runs. At the end
// it counts the answered purchases whose events are not on the topic.
func (w *workbench) measureBacklog(ctx context.Context, broker *broker) (f Figure, err error) {
	bank, err := w.startPublisher(ctx, true)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, bank.stop(ctx)) }()
	if err := w.awaitPublished(ctx, publishedDatabase); err != nil {
		return f, err
	}
	_, before, err := broker.endOffsets(ctx)
	if err != nil {
		return f, err
	}
	load := bank.bulkTerm()
	answers := Series{Name: "purchases answered", Unit: "bank/s"}
	waiting := Series{Name: "events not on the topic at the end", Unit: "events"}
	var failure error
	began := time.Now()
	err = load.runWhile(ctx, func(ctx context.Context, count *counter) {
		wait(ctx, w.options.Soak)
		// The topic is read first, so purchases answered meanwhile count as waiting.
		_, after, err := broker.endOffsets(ctx)
		answered := count.n.Load()
		failure = err
		answers.Values = append(answers.Values, float64(answered)/time.Since(began).Seconds())
		waiting.Values = append(waiting.Values, float64(max(0, answered-(after-before))))
	})
	if err = errors.Join(err, failure); err != nil {
		return f, err
	}
	if err := w.awaitPublished(ctx, publishedDatabase); err != nil {
		return f, err
	}
	return Figure{
		Name:    "RelayBacklog",
		Setting: fmt.Sprintf("%s of the stream with the relay running, against the events of %d s", w.options.Soak, backlogSeconds),
		Terms:   []Series{waiting, answers},
		Values:  []float64{waiting.Values[0] / (backlogSeconds * answers.Values[0])}, Unit: "ratio",
	}, nil
}

// outboxEvent is one row of an outbox.
type outboxEvent struct {
	key  [16]byte
	body []byte
}

// drain fills the outbox while nothing publishes, and then lets the relay publish it. It
// returns how many events a second reached the topic, and the events.
func (w *workbench) drain(ctx context.Context, broker *broker) (rate float64, events []outboxEvent, err error) {
	bank, err := w.startPublisher(ctx, false)
	if err != nil {
		return 0, nil, err
	}
	if err := errors.Join(bank.buy(ctx, w.options.Drain), bank.stop(ctx)); err != nil {
		return 0, nil, err
	}
	if events, err = w.readOutbox(ctx); err != nil {
		return 0, nil, err
	}
	if err := w.vacuum(ctx, publishedDatabase); err != nil {
		return 0, nil, err
	}
	_, before, err := broker.endOffsets(ctx)
	if err != nil {
		return 0, nil, err
	}
	if bank, err = w.startPublisher(ctx, true); err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, bank.stop(ctx)) }()
	arrived := func() (int64, error) {
		_, sum, err := broker.endOffsets(ctx)
		return sum - before, err
	}
	p, err := w.awaitProgress(ctx, "", arrived, func() (bool, error) {
		n, err := arrived()
		return n >= int64(len(events)), err
	})
	if err != nil {
		return 0, nil, err
	}
	return p.rate(), events, w.awaitPublished(ctx, publishedDatabase)
}

// readOutbox reads all rows of the outbox in their order.
func (w *workbench) readOutbox(ctx context.Context) ([]outboxEvent, error) {
	connection, err := w.connect(ctx, publishedDatabase)
	if err != nil {
		return nil, err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	rows, err := connection.Query(ctx, "SELECT key, body FROM outbox ORDER BY id")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e outboxEvent, err error) {
		return e, row.Scan(&e.key, &e.body)
	})
}

// produce sends the same events to a topic like the bank's, with the registry's frame. It uses
// the client's defaults: idempotent, acks=all, snappy, automatic batches.
func (w *workbench) produce(ctx context.Context, broker *broker, events []outboxEvent) (float64, error) {
	if err := broker.createYardstickTopic(ctx); err != nil {
		return 0, err
	}
	last, err := broker.lastRecords(ctx)
	if err != nil || len(last) == 0 {
		return 0, fmt.Errorf("no record on the topic to copy the frame from: %w", err)
	}
	frame := last[0].Value[:frameSize]
	records := make([]*kgo.Record, len(events))
	for i, e := range events {
		key := []byte(uuid.UUID(e.key).String())
		records[i] = &kgo.Record{Key: key, Value: append(append(make([]byte, 0, frameSize+len(e.body)), frame...), e.body...)}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.seeds), kgo.DefaultProduceTopic(yardstickTopic),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.MaxBufferedRecords(1<<16), kgo.DisableClientMetrics())
	if err != nil {
		return 0, err
	}
	defer client.Close()
	// The client connects and reads the topic's metadata before the clock starts.
	if err := client.ProduceSync(ctx, &kgo.Record{Key: records[0].Key, Value: records[0].Value}).FirstErr(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began := time.Now()
	for _, record := range records {
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil {
				cancel(err)
			}
		})
	}
	if err := errors.Join(client.Flush(ctx), context.Cause(ctx)); err != nil {
		return 0, err
	}
	return float64(len(records)) / time.Since(began).Seconds(), nil
}
