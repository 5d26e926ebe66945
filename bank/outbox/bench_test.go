package outbox

import (
	"context"
	"testing"
	"time"

	"codebank.dev/bank"
)

// instantOutbox has rows 1 to n of many accounts and answers at once.
type instantOutbox struct {
	next, n, deleted int64
	body             []byte
	done             chan struct{}
}

func (o *instantOutbox) Acquire(context.Context, string, time.Duration) (int64, error) { return 1, nil }

func (o *instantOutbox) Fetch(_ context.Context, limit int, _ []int64) ([]bank.OutboxRow, error) {
	rows := make([]bank.OutboxRow, 0, limit)
	for len(rows) < limit && o.next < o.n {
		account := bank.ID{byte(o.next), byte(o.next >> 8)}
		event := bank.Event{AccountID: account, Key: account, Sequence: o.next>>16 + 1, Body: o.body}
		o.next++
		rows = append(rows, bank.OutboxRow{ID: o.next, Event: event})
	}
	return rows, nil
}

func (o *instantOutbox) Delete(_ context.Context, _ int64, ids []int64) error {
	if o.deleted += int64(len(ids)); o.deleted == o.n {
		close(o.done)
	}
	return nil
}

func (o *instantOutbox) Backlog(context.Context) (int64, time.Time, error) {
	return 0, time.Time{}, nil
}

type instantPublisher struct{}

func (instantPublisher) Publish(_ context.Context, _ bank.Event, done func(error)) { done(nil) }
func (instantPublisher) Flush(context.Context) error                               { return nil }

// BenchmarkRelay measures the cost of the relay itself per event.
func BenchmarkRelay(b *testing.B) {
	b.ReportAllocs()
	store := &instantOutbox{n: int64(b.N), body: make([]byte, 300), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	relay := New(Config{Outbox: store, Publisher: instantPublisher{}, Holder: "bench"})
	go func() {
		defer close(ended)
		relay.Run(ctx)
	}()
	<-store.done
	b.StopTimer()
	cancel()
	<-ended
}
