package payment

import (
	"context"

	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
)

// Acquirer is the bank as the processor sees it, for live charges.
//
// Every method returns a *fault.Error on failure. fault.InvalidArgument, fault.NotFound, fault.Aborted and
// fault.FailedPrecondition are refusals: the acquirer understood the request and did nothing. After fault.Internal
// nobody knows what became of this one request, and after every other code the acquirer may be away for all: the same
// request again finds out. No error holds card data. It is safe for concurrent use.
type Acquirer interface {
	// Authorize has a charge decided. It is idempotent by charge: the same authorization again gets the first
	// decision, for ever. A charge that Void ended before it was decided is rejected.
	Authorize(ctx context.Context, authorization *Authorization) (Decision, error)
	// Void ends a charge for good and returns what became of it: Voided, Rejected, or Expired. What was set aside or
	// taken is given back. A charge that the acquirer has never seen is remembered, and never approved. It is
	// idempotent.
	Void(ctx context.Context, charge id.ID, traceID string) (State, error)
	// Capture takes what was set aside, or a part of it, once. It is idempotent by task.ID. A refusal is
	// fault.FailedPrecondition or fault.NotFound; Find then says what became of the charge.
	Capture(ctx context.Context, task *Task) error
	// Refund gives a part of what was captured back, or all of it. It is idempotent by task.ID. A refusal is
	// fault.FailedPrecondition or fault.NotFound. Both are final, because what was given back never comes back.
	Refund(ctx context.Context, task *Task) error
	// Find returns what became of an approved charge: Authorized, Approved, Voided or Expired. Error: fault.NotFound.
	Find(ctx context.Context, purchase, traceID string) (State, error)
}

// Profile is a merchant as the payer's statement shows him. All but Name may be empty.
type Profile struct {
	Name         string
	CategoryCode string // ISO 18245, four digits
	City         string
	Country      string // ISO 3166-1 alpha-2
}

// Authorization is a live charge as it is sent to the acquirer. It depends on the charge's record alone, so each try
// is the same.
type Authorization struct {
	Charge      id.ID
	TraceID     string // W3C trace id to go on with, or empty; no part of the identity
	Merchant    string // the merchant's slug
	Profile     Profile
	Amount      money.Amount
	CaptureNow  bool
	Description string
	Card        pan.CardData
}

// Task is an operation on an approved live charge as it is sent to the acquirer.
type Task struct {
	ID       id.ID  // that of the operation
	Purchase string // purchases/{uuid}
	TraceID  string
	// AmountMinor is in minor units of the charge's currency, 1 or more.
	AmountMinor int64
}
