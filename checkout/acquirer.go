package checkout

import (
	"context"
	"time"

	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
)

// Acquirer is the bank as the merchant side sees it.
//
// Every method returns a *fault.Error on failure. fault.InvalidArgument,
// fault.NotFound, fault.Aborted and fault.FailedPrecondition are refusals: the bank
// understood the request, did nothing, and will say so again. Everything else says
// that the outcome is unknown. Safe for concurrent use.
type Acquirer interface {
	// CreateToken exchanges card data for a token that is good for one purchase and its
	// repeats. It succeeds for any well-formed card data: whether the card exists shows
	// in the decision of the purchase. A call whose answer was lost leaves a token that
	// no caller has; it expires by itself.
	CreateToken(ctx context.Context, card pan.CardData) (CardToken, error)
	// Authorize has one purchase decided. Idempotent by request id: the same
	// authorization again answers the first decision, for ever; another one under the
	// same request id is a refusal. A request id that was voided before it was decided
	// answers OutcomeVoided. One that was voided after its approval goes on answering
	// the approval, so an approval does not count after a void.
	Authorize(ctx context.Context, authorization Authorization) (Decision, error)
	// Void ends a request id for good. It gives an approved purchase back. It stores a
	// request id that the bank has never seen, so that a purchase arriving later is
	// answered OutcomeVoided. Answers OutcomeVoided, or OutcomeDeclined when the purchase had
	// been declined. Idempotent.
	Void(ctx context.Context, requestID, traceID string) (Decision, error)
	// Refund gives back a part of an approved purchase, or all of it, and returns the name of the reversal,
	// reversals/{uuid}. Idempotent by request id: the same reversal again answers the first, for ever.
	// fault.FailedPrecondition says that less is left of the purchase, or nothing, and fault.NotFound that
	// there is no such purchase. Both are final, because what was given back never comes back.
	Refund(ctx context.Context, reversal Reversal) (name string, err error)
}

// Reversal is one giving back as it is sent to the bank.
type Reversal struct {
	RequestID   string // 1 to 64 characters out of A-Z a-z 0-9 . _ : -
	TraceID     string // W3C trace id to go on with, or empty; no part of the identity
	Purchase    string // purchases/{uuid}
	AmountMinor int64  // minor units of the purchase's currency, 1 or more
	Description string // for the payer's statement; empty keeps that of the purchase
}

// CardToken is what the bank gave for card data.
type CardToken struct {
	Token     Token
	Brand     string // for example VISA; UNKNOWN when the bank cannot tell
	Last4     string
	ExpiresAt time.Time
}

// Authorization is one purchase as it is sent to the bank.
type Authorization struct {
	RequestID   string // 1 to 64 characters out of A-Z a-z 0-9 . _ : -
	TraceID     string // W3C trace id to go on with, or empty; no part of the identity
	Token       Token
	Amount      money.Amount
	Merchant    Store
	Description string
	Attempt     int32
}

// Outcome is what the bank decided.
type Outcome uint8

// The outcomes.
const (
	OutcomeApproved Outcome = iota + 1
	OutcomeDeclined
	OutcomeVoided
)

// String returns the outcome in lower case, as metrics and logs name it.
func (o Outcome) String() string {
	switch o {
	case OutcomeApproved:
		return "approved"
	case OutcomeDeclined:
		return "declined"
	case OutcomeVoided:
		return "voided"
	}
	return "none"
}

// Decision is the bank's answer to a purchase or a void.
type Decision struct {
	Outcome  Outcome
	Purchase string  // purchases/{uuid}
	Decline  Decline // set when Outcome is OutcomeDeclined
}
