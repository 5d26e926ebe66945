package statement

import (
	"context"
	"time"

	"codebank.dev/platform/id"
)

// LineQuery chooses events of an account.
type LineQuery struct {
	Reader  Reader
	Account id.ID
	// Below is a sequence above those that are wanted.
	Below int64
	// Limit is how many events are wanted at most.
	Limit int
	// Holds asks for approved holds only, with Line.EndedBy.
	Holds bool
	// OldestFirst turns the order around, and asks for sequences above Above. It is not for holds.
	OldestFirst bool
	Above       int64
}

// SumQuery chooses the events of an account whose sequences are above After, up to Last.
type SumQuery struct {
	Reader      Reader
	Account     id.ID
	After, Last int64
}

// Sums are what the shown lines of a part of an account moved, in minor units.
type Sums struct {
	Credits, Debits int64
	// Count is how many lines ListLines shows, and LeftOut how many events cannot be shown. What such an
	// event moved is in the sums if its amount can be shown.
	Count, LeftOut int64
}

// PastStore is the part of Store that reads what does not change any more.
type PastStore interface {
	// StateAt returns the account as of the last event up to a sequence that can be shown. Its CompleteTo is
	// the sequence of that event, or 0 if there is none or the reader does not see the account.
	StateAt(ctx context.Context, reader Reader, account id.ID, sequence int64) (State, error)

	// Sum returns what lines moved; nothing if the reader does not see the account. The error is
	// money.ErrOverflow if a sum does not fit 64 bits.
	Sum(ctx context.Context, query SumQuery) (Sums, error)
}

// Store is the statement's database, for those who read accounts. A sink adds its rows, and rows are never
// deleted. Every method answers fault.Unavailable while the database is away or not yet migrated,
// and may be repeated. Safe for concurrent use, by any number of processes on one
// database.
type Store interface {
	PastStore

	// Advance reads at most limit events above the account's complete_to. It moves
	// complete_to up to the last event before a gap, and returns the account as of that
	// event. An event that cannot be shown is never the state of the account, but a later
	// one may be. more says that there was no gap among limit events, so there may be more to
	// read. The returned state is durable: no later call of any process returns an earlier
	// one. The error is ErrNoAccount when no event of the account is there, or the reader does not see it.
	Advance(ctx context.Context, reader Reader, account id.ID, limit int) (state State, more bool, err error)

	// AdvanceWithLines does what Advance and Lines do, for the account and the reader of the query, in one round
	// trip where it can. The lines are not older than the state.
	AdvanceWithLines(ctx context.Context, query LineQuery, limit int) (state State, more bool, lines []Line, err error)

	// Lines returns events of an account, highest sequence first unless the query says otherwise; none if the reader does not see it. Lines that are not shown, and unsound
	// ones, are among them.
	Lines(ctx context.Context, query LineQuery) ([]Line, error)

	// Boundary returns a sequence that divides the account's events at a moment: events with
	// lower sequences happened before it, and all others at it or after it. It is 0 if the reader does not
	// see the account.
	Boundary(ctx context.Context, reader Reader, account id.ID, moment time.Time) (int64, error)
}

// GapStore is the statement's database, for the check for gaps. What Store says holds here too.
type GapStore interface {
	// FindGaps examines the events that arrived in the next stretch of time, at most
	// window long and at least age ago. It stores a gap for each event that cannot be shown
	// or whose predecessor is missing. It deletes the gaps that have closed: the predecessor
	// has arrived and the event can be shown, or the event is gone. It returns how many
	// events it examined and whether it has caught up. While another process does the
	// same, it does nothing and caughtUp is true.
	FindGaps(ctx context.Context, age, window time.Duration) (examined int64, caughtUp bool, err error)

	// Gaps returns the gaps that FindGaps has stored: the number of all, and the oldest
	// ones, at most limit.
	Gaps(ctx context.Context, limit int) (Gaps, error)
}

// Position is a sequence of an account.
type Position struct {
	Account  id.ID
	Sequence int64
}

// TailStore is the statement's database, for those who wait for lines. What Store says holds here too.
type TailStore interface {
	// Followed returns the positions, by their indices, whose next event is there. One query answers for all
	// of them.
	Followed(ctx context.Context, positions []Position) ([]int, error)
}
