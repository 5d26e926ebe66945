package kafka

import (
	"context"
	"errors"
	"time"

	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

// Messages are the messages to the hub between banks, each with its topic and its MAC. They are signed when they are
// sent, so a message that waits is sent with the key of that day.
type Messages struct {
	outbox.Store
	// Topic is the one that this bank alone writes.
	Topic string
	// Key returns the bank's own key as it is now, or nil.
	Key func() *command.Key
}

var _ outbox.Store = (*Messages)(nil)

// errNoPixKey says that the bank cannot sign.
var errNoPixKey = errors.New("kafka: --pix-keys: the file has no key of this bank, so no message to the hub is sent")

// Claim implements outbox.Store.
func (m *Messages) Claim(ctx context.Context, limit int, lease time.Duration) ([]outbox.Row, error) {
	key := m.Key()
	if key == nil {
		return nil, errNoPixKey
	}
	rows, err := m.Store.Claim(ctx, limit, lease)
	for i := range rows {
		row := &rows[i]
		row.Topic, row.Folder = m.Topic, command.Folder[command.PixMessage]()
		mac := key.Sign(command.Record{Topic: m.Topic, Key: row.Key, Body: row.Body})
		row.Headers = []outbox.Header{{Key: command.HeaderKey, Value: []byte(key.ID)}, {Key: command.HeaderMAC, Value: []byte(mac)}}
	}
	return rows, err
}
