package bank

import (
	"context"
	"slices"
	"time"
)

// MessageID is the identity of a message: it is sent again under the same one.
type MessageID struct {
	EndToEndID string
	Step       string
}

// Message is a step of a payment between banks, as it waits to be sent to the hub. The commit that it tells of
// writes it.
type Message struct {
	MessageID
	// Key is the key of its record.
	Key string
	// Body is the bare Avro body, and SchemaVersion the version of its schema.
	SchemaVersion int
	Body          []byte
	// UntilAnswered says that the message is sent again and again, until Book.Answered ends it. Another one is sent
	// once; whoever missed it asks again.
	UntilAnswered bool
}

// Send has a message sent after the commit. A message with the same identity that was sent before, or waits, is
// replaced, and is due at once.
func (b *Book) Send(message Message) {
	b.forget(message.MessageID)
	b.messages = append(b.messages, message)
}

// Answered ends a message: it is not sent again. There need not be one.
func (b *Book) Answered(endToEndID, step string) {
	message := MessageID{EndToEndID: endToEndID, Step: step}
	b.forget(message)
	b.answered = append(b.answered, message)
}

// forget takes back what the batch said of a message before, because the last word counts.
func (b *Book) forget(message MessageID) {
	b.messages = slices.DeleteFunc(b.messages, func(m Message) bool { return m.MessageID == message })
	b.answered = slices.DeleteFunc(b.answered, func(id MessageID) bool { return id == message })
}

// Sends reports whether the batch has messages to send.
func (b *Book) Sends() bool { return len(b.messages) > 0 }

// Messages reads the messages to the hub. fault.Unavailable as for Directory.
type Messages interface {
	// Waits reports whether a message waits to be sent or to be answered.
	Waits(ctx context.Context, message MessageID) (bool, error)
	// MessageBacklog returns how many messages wait to be sent or to be answered, and since when the oldest does; the
	// zero time for none.
	MessageBacklog(ctx context.Context) (waiting int64, oldest time.Time, err error)
}

// PixPayments lists payments between banks. fault.Unavailable as for Directory.
type PixPayments interface {
	// PixOf returns up to limit entries of an account with which a payment to or from another bank, or a return, began
	// here: holds, credits and returns, approved or declined. They are those with a sequence below before, or from the
	// last one on when before is 0, the newest first. None is no error.
	PixOf(ctx context.Context, account ID, before int64, limit int) ([]Entry, error)
}
