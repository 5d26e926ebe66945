package event

import (
	"strconv"
	"time"
)

// Optional is a value that may be null on the wire. The zero value is null. A null
// always has the Value zero, so that == compares two Transactions.
type Optional[T any] struct {
	// Value is valid only if Present is true.
	Value T
	// Present is false for null.
	Present bool
}

// Some returns a value that is not null. The value may be zero.
func Some[T any](value T) Optional[T] { return Optional[T]{Value: value, Present: true} }

// OccurredAt returns OccurredAtMillis as a UTC time.
func (t *Transaction) OccurredAt() time.Time { return time.UnixMilli(t.OccurredAtMillis).UTC() }

// Key returns the key of the record on the topic. It is the account id, or the
// transaction id of a decline that belongs to no account. The key decides the
// partition, which keeps the events of an account in order.
func (t *Transaction) Key() string {
	if t.AccountID == "" {
		return t.TransactionID
	}
	return t.AccountID
}

// ID returns the event_id of an account's event. The event_id of a decline that belongs
// to no account is its transaction id.
func ID(accountID string, sequence int64) string {
	return accountID + ":" + strconv.FormatInt(sequence, 10)
}
