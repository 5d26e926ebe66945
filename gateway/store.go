package gateway

import (
	"context"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
)

// ErrNoTransfer says that there is no such transfer, or that it is another user's.
var ErrNoTransfer = fault.New(fault.NotFound, "TRANSFER_NOT_FOUND", "There is no such transfer.")

// MaxProcessing is the most transfers of a user that are processing.
const MaxProcessing = 1_000

// ErrTooMany refuses a transfer of a user who has MaxProcessing that are processing.
var ErrTooMany = fault.New(fault.ResourceExhausted, "TOO_MANY_TRANSFERS",
	"A thousand of your transfers are being processed. Send the same request again when one of them has ended.").After(5 * time.Second)

// Page asks for a part of a user's transfers, the newest first.
type Page struct {
	// Status is the only status that is wanted; empty for all.
	Status Status
	// Size is how many transfers to return at most.
	Size int
	// After is the last transfer of the page before; nil for the first page.
	After *Place
}

// Place is where a page ends: the transfer's time and, among those of one time, its id.
type Place struct {
	// CreatedAtMicros is microseconds since 1970, UTC.
	CreatedAtMicros int64
	ID              id.ID
}

// Store keeps transfers. Each call is one commit. It is safe for concurrent use. Its errors are
// fault.Unavailable when nobody knows what became of the call, and those named below.
type Store interface {
	// Accept stores a new transfer together with its command, which is sent later. If the transfer's id is
	// known, it stores nothing, and returns the stored transfer, as it is now, with known set. ErrTooMany if the
	// user has MaxProcessing transfers that are processing; of several calls at once none passes that limit.
	Accept(ctx context.Context, transfer Transfer, command outbox.Row) (stored Transfer, known bool, err error)
	// Transfer returns a transfer of a user. ErrNoTransfer if the user has no such transfer.
	Transfer(ctx context.Context, user, id id.ID) (Transfer, error)
	// Transfers returns a page of a user's transfers, the newest first.
	Transfers(ctx context.Context, user id.ID, page Page) ([]Transfer, error)
	// End ends transfers that are processing, and their commands are sent no more. Those that have ended
	// stay as they are, and those that are unknown are passed over. It returns those that it ended.
	End(ctx context.Context, endings []Ending) ([]Ending, error)
}
