package audit

import (
	"time"

	"codebank.dev/schemas/event"
)

// Store is one of the five places.
type Store uint8

// The places, in the order in which an event passes them.
const (
	InLedger Store = iota
	InOutbox
	InTopic
	InStatement
	InIndex

	stores
)

var storeNames = [stores]string{"ledger", "outbox", "topic", "statement", "index"}

// String returns the place's name, for example "ledger".
func (s Store) String() string {
	if s < stores {
		return storeNames[s]
	}
	return "nowhere"
}

// MarshalText implements encoding.TextMarshaler.
func (s Store) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// omitted are the fields that a statement does not keep.
var omitted = omittedOf(event.Fields())

func omittedOf(fields []event.Field) (names []string) {
	for _, field := range fields {
		if field.Internal {
			names = append(names, field.Name)
		}
	}
	return names
}

// StatementFields returns the fields that a statement keeps, in the order of the
// event's schema.
func StatementFields() []event.Field {
	var kept []event.Field
	for _, field := range event.Fields() {
		if InStatement.keeps(field.Name) {
			kept = append(kept, field)
		}
	}
	return kept
}

// keeps reports whether the place keeps a field of the event.
func (s Store) keeps(field string) bool {
	if s != InStatement {
		return true
	}
	for _, name := range omitted {
		if name == field {
			return false
		}
	}
	return true
}

// Copy is an event as one place has it.
type Copy struct {
	// ID is the event id under which the place keeps it. It differs from Event.EventID only
	// if somebody has altered one of the two.
	ID string
	// Event is the content.
	Event event.Transaction
	// Problems are stored values that their fields cannot hold.
	Problems []Problem
	// Position tells copies of one event apart. It is zero if the place has no positions.
	Position Position
	// Waited is how long an event has waited in the outbox; 0 in every other place.
	Waited time.Duration
	// Unreadable says why a record is not an event. The other fields of such a record mean
	// nothing; it is counted and not compared.
	Unreadable string
}

// Problem is a stored value that an Event cannot hold, such as a time with
// microseconds. It makes the copy differ from every other.
type Problem struct {
	// Field is a field of the event, or something else that the place keeps with the event.
	Field string
	// Stored is the value as the place has it.
	Stored string
}

// Position is where in a place a copy is.
type Position struct {
	// Partition is the partition of a topic; 0 in other places.
	Partition int32
	// Offset is the offset in a topic, or the id of an outbox row.
	Offset int64
}
