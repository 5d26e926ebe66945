package payment

import (
	"context"
	"time"

	"codebank.dev/platform/fault"
)

// Store keeps payments. Each call is one commit. It is safe for concurrent use, also by several processes. Its errors are
// fault.Unavailable when nobody knows what became of the call, and those that are named.
type Store interface {
	// Apply decides messages in their order, as Decide does, and returns the outcome of each. What an outcome changes
	// and sends is in the same commit: a message that waits for an answer is sent again until the payment leaves the
	// state that sends it.
	Apply(ctx context.Context, messages []Received) ([]Outcome, error)
	// Payment returns a payment and how its message waits. Error: ErrNotFound.
	Payment(ctx context.Context, payment ID) (Payment, Waiting, error)
	// Payments returns a page of payments, the newest first.
	Payments(ctx context.Context, page Page) ([]Payment, error)
	// Figures returns how many payments have no end.
	Figures(ctx context.Context) (Figures, error)
}

// Waiting is how a message waits for its answer.
type Waiting struct {
	// Attempts counts how often it was sent again.
	Attempts int
	// Next is when it is sent next; zero if no message waits.
	Next time.Time
}

// Page asks for a part of the payments.
type Page struct {
	// Bank is one of the two parties; empty for all payments.
	Bank string
	// OpenOnly leaves out those that have ended.
	OpenOnly bool
	// Size is how many payments to return at most.
	Size int
	// After is the last payment of the page before; nil for the first page.
	After *Place
}

// Place is where a page ends.
type Place struct {
	// AcceptedAtMicros is microseconds since 1970, UTC.
	AcceptedAtMicros int64
	ID               ID
}

// Place returns where a page ends whose last payment this is.
func (p *Payment) Place() Place {
	return Place{AcceptedAtMicros: p.AcceptedAt.UnixMicro(), ID: p.ID}
}

// Figures are the payments without an end.
type Figures struct {
	// Pending and Confirmed count them by state; Held are those of the Pending that are held.
	Pending, Held, Confirmed int64
	// Oldest is when the oldest of them was accepted; zero if there is none.
	Oldest time.Time
}

// ErrNotFound says that there is no such payment, or that it is not the caller's.
var ErrNotFound = fault.New(fault.NotFound, "PAYMENT_NOT_FOUND", "There is no such payment.")
