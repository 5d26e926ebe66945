// Package outbox sends rows of a table to topics. A program stores a row in the same commit as what the row is
// about, so a record is sent if and only if that commit was made, whatever happens to the program or to the
// broker.
//
//	outbox.go   rows, and the ports: where they are stored, and how they are published
//	relay.go    Relay: claims rows that are due, publishes them, and records that
//	kafka/      the port Publisher, on Kafka
//	outboxtest/ the suite that every Store passes
//
// A row is claimed for a while, so that the replicas of a program share the work. If one of them is killed with
// a row, the row is due again when its claim ends. A record may therefore be sent twice, but none is lost. The
// records of different rows have no order.
//
// The ledger's events have an order and a relay of their own, in bank/outbox.
package outbox

import (
	"context"
	"errors"
	"time"

	"codebank.dev/platform/id"
)

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Row is a record that is to be sent.
type Row struct {
	ID id.ID
	// Topic and Key say where the record goes.
	Topic string
	Key   []byte
	// Folder and Version name the schema of Body, as package schemas does.
	Folder  string
	Version int
	// Body is the Avro body, without a frame.
	Body    []byte
	Headers []Header
	// Claims counts how often the row was claimed since it was sent last, this claim included.
	Claims int
}

// Store keeps the rows. Each call is one commit. It is safe for concurrent use, also by several processes.
type Store interface {
	// Claim returns up to limit rows that are due, those first that have been due for the longest time. They
	// are not due again before the lease is over, so nobody else claims them meanwhile.
	Claim(ctx context.Context, limit int, lease time.Duration) ([]Row, error)
	// Sent says that the records of rows are on their topics. What becomes of the rows is the store's matter:
	// it deletes them, or makes them due again later if it waits for an answer. Unknown rows are passed over.
	Sent(ctx context.Context, rows []id.ID) error
	// Again says that rows were not sent, and makes them due after a while. Unknown rows are passed over.
	Again(ctx context.Context, rows []id.ID, after time.Duration) error
}

// ErrRefused says that a row cannot be sent as it is, although the broker takes others.
var ErrRefused = errors.New("outbox: the record is refused")

// Publisher puts records on topics. It is safe for concurrent use.
type Publisher interface {
	// Publish returns when every record is acknowledged or failed, at the latest soon after ctx has ended. It
	// returns an error for each row, nil if all replicas in sync have the record. An error that is no
	// ErrRefused is about the broker or the registry. A record with an error may nevertheless be on its topic.
	Publish(ctx context.Context, rows []Row) []error
}
