package payment

import (
	"context"
	"time"

	"codebank.dev/platform/id"
)

// EventKind is what happened to a charge. The numbers are stored: append only.
type EventKind uint8

// The kinds of events.
const (
	ChargeAccepted EventKind = iota + 1
	ChargeDecided
	OperationAccepted
	OperationEnded
)

var eventKinds = [...]string{"UNSPECIFIED", "CHARGE_ACCEPTED", "CHARGE_DECIDED", "OPERATION_ACCEPTED", "OPERATION_ENDED"}

// String returns the kind as the wire names it.
func (k EventKind) String() string { return nameOf(eventKinds[:], int(k)) }

// Event is one change of a charge.
type Event struct {
	Owner
	// Sequence counts the events of the owner from 1, without gaps.
	Sequence int64
	Kind     EventKind
	Charge   id.ID
	// Operation is what the event is about; zero if it is the charge itself.
	Operation id.ID
	// Version, State, Captured and Refunded are those of the charge after the change.
	Version            int64
	State              State
	Captured, Refunded int64
	At                 time.Time
}

// EventOf returns the event of a change, without its sequence: the charge is as it is after the change.
func EventOf(kind EventKind, c *Charge, operation id.ID) Event {
	return Event{
		Owner: c.Owner(), Kind: kind, Charge: c.ID, Operation: operation,
		Version: c.Version, State: c.State, Captured: c.Captured, Refunded: c.Refunded, At: c.ChangedAt,
	}
}

// Feed has the events of merchants. It is safe for concurrent use.
type Feed interface {
	// Events returns up to limit events of an owner that come behind a sequence, in their order. A reader that goes
	// on behind the last one misses none.
	Events(ctx context.Context, owner Owner, after int64, limit int) ([]Event, error)
}
