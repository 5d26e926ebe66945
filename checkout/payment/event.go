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
	// ChargeExpired: the authorization has ended without a capture.
	ChargeExpired
)

var eventKinds = [...]string{"UNSPECIFIED", "CHARGE_ACCEPTED", "CHARGE_DECIDED", "OPERATION_ACCEPTED", "OPERATION_ENDED",
	"CHARGE_EXPIRED"}

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
	// Version, State, Captured, Refunded and Reserved are those of the charge after the change.
	Version                      int64
	State                        State
	Captured, Refunded, Reserved int64
	At                           time.Time
}

// EventOf returns the event of a change, without its sequence: the charge is as it is after the change.
func EventOf(kind EventKind, c *Charge, operation id.ID) Event {
	return Event{
		Owner: c.Owner(), Kind: kind, Charge: c.ID, Operation: operation,
		Version: c.Version, State: c.State, Captured: c.Captured, Refunded: c.Refunded, Reserved: c.Reserved, At: c.ChangedAt,
	}
}

// AsOf returns a change as it was, from its event, and from the charge and the operation as they are now; the operation
// is not read if the event is about the charge itself.
func AsOf(e *Event, c Charge, o Operation) Change {
	c.Version, c.State, c.Captured, c.Refunded, c.Reserved, c.ChangedAt = e.Version, e.State, e.Captured, e.Refunded, e.Reserved, e.At
	c.Ending = NoOperation
	if c.State != Rejected {
		c.Rejection = Rejection{}
	}
	if c.State == Pending {
		c.DecidedAt, c.ExpiresAt = time.Time{}, time.Time{}
	}
	switch {
	case e.Operation.IsZero():
		o = Operation{}
	case e.Kind == OperationAccepted:
		o = o.AsAccepted()
		if o.Kind != Refund {
			c.Ending = o.Kind
		}
	}
	return Change{Charge: c, Operation: o, Event: *e}
}

// Feed has the events of merchants. It is safe for concurrent use.
type Feed interface {
	// Changes returns up to limit events of an owner that come behind a sequence, in their order, with the charge, and
	// with the operation that the event is about, as they were after each. A reader that goes on behind the last one
	// misses none.
	Changes(ctx context.Context, owner Owner, after int64, limit int) ([]Change, error)
	// Newest returns the sequence of the last event of each of these owners. An owner without events is not there.
	Newest(ctx context.Context, owners []Owner) (map[Owner]int64, error)
}
