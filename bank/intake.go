package bank

import (
	"context"
	"time"
)

// CommandOutcome is why a command that came by the topic ended without a decision. Its request id is
// ended by a Tombstone, which has no room for the reason.
type CommandOutcome struct {
	// TransactionID is what the command would have decided.
	TransactionID ID
	// Reason is a stable word, as in a fault. Field is the field of the request that it is about, or empty.
	Reason, Field string
	// DecidedAt is in whole milliseconds, UTC.
	DecidedAt time.Time
}

// CommandStore keeps what the bank must remember of the commands that came by the topic.
// fault.Unavailable as for Directory.
type CommandStore interface {
	// StoreOutcome stores an outcome unless the transaction has one, and returns the one that it has then.
	StoreOutcome(ctx context.Context, outcome CommandOutcome) (CommandOutcome, error)
	// LoadOffsets returns, for each partition of a topic that has one, the offset of the next record to read.
	LoadOffsets(ctx context.Context, topic ID) (map[int32]int64, error)
	// StoreOffset stores that all records before next are dealt with. The greatest offset wins. It returns false
	// and stores nothing if the stored offset, 0 for none, is less than from: the ledger was restored to an
	// earlier state.
	StoreOffset(ctx context.Context, topic ID, partition int32, from, next int64) (bool, error)
}
