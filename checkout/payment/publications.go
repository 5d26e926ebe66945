package payment

import (
	"context"
	"time"
)

// Announced is how far the events of an owner were published.
type Announced struct {
	Owner
	// Sequence is that of the last event that was published; all below it were published too.
	Sequence int64
}

// Publications are the changes that others are to be told of, by a topic. The events are their own outbox: what is
// behind an owner's last published event is still to be published. It is safe for concurrent use, also by several
// processes.
type Publications interface {
	// ClaimEvents returns changes that are to be published, of a few owners, as AsOf returns them: those of each owner
	// in their order and without gaps, at most limit of an owner. Nobody else claims events of these owners before the
	// lease is over or they were announced.
	ClaimEvents(ctx context.Context, limit int, lease time.Duration) ([]Change, error)
	// Announce says how far events were published, and ends the claim of their owners. It never goes back. An owner
	// of whom nothing could be published is announced with what was published before.
	Announce(ctx context.Context, announced []Announced) error
}
