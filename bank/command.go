package bank

import (
	"time"

	"codebank.dev/platform/fault"
)

// Command is one request to change the ledger. It is pure: Decide sees the Book
// and the time it is given, nothing else (only a purchase's risk, which decides nothing,
// comes from what the process has seen before), and may be called again on a fresh Book
// when the first attempt did not commit.
type Command interface {
	// Key identifies the command: of two with the same key in flight in one process,
	// the second waits for the first.
	Key() ID
	// Keys names what Decide reads. It may rest on immutable facts only.
	Keys() Keys
	// Decide changes the Book and says what came out. An Outcome with Err must have left the Book as it was.
	Decide(book *Book, now time.Time) Outcome
}

// Outcome is what a command came to.
type Outcome struct {
	// Entry is the decision: a new one, or the first one when the request is a repeat.
	// It must not be changed. Nil for commands that make none.
	Entry *Entry
	// Original is the entry that Entry gives back, when there is one.
	Original *Entry
	// Card is the card after the command, when the command is about one.
	Card Card
	// Account is the account after the command, when the command is about one.
	Account Account
	// Err is why the command was refused; nothing was stored then.
	Err error
}

// The refusals that commands of every kind share.
var (
	// ErrRequestIDReused says that the request id was used before with another request.
	ErrRequestIDReused = fault.New(fault.Aborted, "REQUEST_ID_REUSED", "This request id was used before with another request.")
	// ErrStale says that a fact resolved before the lock no longer holds: resolve and submit again.
	// It never leaves the process.
	ErrStale = fault.New(fault.Internal, "STALE", "Something went wrong on our side.")
)

// Repeat returns the first outcome's entry when the request was decided before:
// nil when it was not, ErrRequestIDReused when that was another request or the id
// was voided unseen.
func (b *Book) Repeat(transaction ID, request *Request) (*Entry, error) {
	first := b.Entry(transaction)
	switch {
	case first == nil:
		return nil, nil
	case first.Request.Fingerprint == request.Fingerprint && first.Status != Voided:
		return first, nil
	default:
		return nil, ErrRequestIDReused
	}
}
