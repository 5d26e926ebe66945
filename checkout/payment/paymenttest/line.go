package paymenttest

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/checkout/payment/accept"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
)

// Topic is a topic in memory. It implements outbox.Publisher.
type Topic struct {
	mutex   sync.Mutex
	records []*kgo.Record
	// Away, when set, is the error of every record.
	Away error
}

var _ outbox.Publisher = (*Topic)(nil)

// Publish implements outbox.Publisher.
func (p *Topic) Publish(_ context.Context, rows []outbox.Row) []error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	errs := make([]error, len(rows))
	for i := range rows {
		if errs[i] = p.Away; errs[i] == nil {
			p.records = append(p.records, RecordOf(&rows[i]))
		}
	}
	return errs
}

// Take returns the records since it was called last.
func (p *Topic) Take() []*kgo.Record {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	taken := p.records
	p.records = nil
	return taken
}

// RecordOf returns the record that a row becomes.
func RecordOf(row *outbox.Row) *kgo.Record {
	record := &kgo.Record{Topic: row.Topic, Key: row.Key, Value: append(event.AppendFrame(nil, 1), row.Body...)}
	for _, header := range row.Headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: header.Key, Value: header.Value})
	}
	return record
}

// Send moves the records that are due from an outbox to a topic, as a relay does.
func Send(ctx context.Context, t require.TestingT, store outbox.Store, topic *Topic) {
	const all = 1_000
	rows, err := store.Claim(ctx, all, time.Minute)
	require.NoError(t, err)
	for i, err := range topic.Publish(ctx, rows) {
		require.NoError(t, err, rows[i].ID)
	}
	for i := range rows {
		require.NoError(t, store.Sent(ctx, []id.ID{rows[i].ID}))
	}
}

// Keys returns keys of the payment gateway and of a producer that is none.
func Keys(t require.TestingT) *command.Keys {
	content := []byte(`{"keys":[]}`)
	for _, producer := range []string{accept.Producer, "stranger"} {
		parsed, err := command.ParseKeys(content)
		require.NoError(t, err)
		content, err = parsed.With(producer+"-1", producer, false)
		require.NoError(t, err)
	}
	keys, err := command.ParseKeys(content)
	require.NoError(t, err)
	return keys
}
