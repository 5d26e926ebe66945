package payment

import (
	"context"
	"time"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
)

// Owner is whose a charge is: a merchant in one of his modes. Charges of the other mode are not there for him.
type Owner struct {
	Merchant string // the merchant's slug
	Mode     Mode
}

// Fingerprint is a keyed hash of a request without the card's security code. Two requests under one key are the
// same if their fingerprints are.
type Fingerprint [32]byte

// Acceptance is a charge to accept, with all that its commit stores.
type Acceptance struct {
	// Charge is as New returned it, with its card. Its ID is that of the request, as RequestID makes it.
	Charge      Charge
	Fingerprint Fingerprint
	// Key is the key of the sealed card data, 32 bytes.
	Key []byte
	// Record asks the processor for a decision. Its ID is that of the charge.
	Record outbox.Row
}

// OperationRequest is a capture, a void or a refund to accept.
type OperationRequest struct {
	Owner
	// ID is that of the request, as RequestID makes it, and becomes that of the operation.
	ID          id.ID
	Fingerprint Fingerprint
	Charge      id.ID
	Kind        Kind
	// AmountMinor is as Charge.Accept takes it.
	AmountMinor int64
	At          time.Time
	// Record returns what asks the processor for a decision. Its ID is that of the operation. It is called with the
	// charge locked, so it must only calculate.
	Record func(Charge, Operation) (outbox.Row, error)
	// Audit is a record of the audit log that is committed with a refund; nil for none.
	Audit *auditlog.Record
}

// Result is the acquirer's answer to a charge, to an operation on it, to the question whether it has expired, or to a
// payout.
type Result struct {
	// Charge is zero if the answer is to a payout.
	Charge id.ID
	// Operation is zero unless the answer is to an operation.
	Operation id.ID
	// Expiry says that the answer is to the question of ExpiryID.
	Expiry bool
	// Payout is zero unless the answer is to a payout.
	Payout   id.ID
	Decision Decision
	At       time.Time
}

// Request returns the id of the request that is answered, which is that of its record.
func (r *Result) Request() id.ID {
	switch {
	case !r.Payout.IsZero():
		return r.Payout
	case r.Expiry:
		return ExpiryID(r.Charge)
	case r.Operation.IsZero():
		return r.Charge
	}
	return r.Operation
}

// Page asks for a part of an owner's charges, the newest first.
type Page struct {
	// State is the only state that is wanted; zero for all.
	State State
	// From and To are when the charges were accepted: From is inclusive, To exclusive. Zero is no bound.
	From, To time.Time
	// Size is how many charges to return at most.
	Size int
	// After is the last charge of the page before; nil for the first page.
	After *Place
}

// Place is where a page ends: the time at which the charge was accepted and, among those of one time, its id.
type Place struct {
	// CreatedAtMicros is microseconds since 1970, UTC.
	CreatedAtMicros int64
	ID              id.ID
}

// Behind returns the place behind which the page begins; nil for the newest charge.
func (p *Page) Behind() *Place {
	end := Place{CreatedAtMicros: p.To.UnixMicro()}
	if p.To.IsZero() || p.After != nil && p.After.CreatedAtMicros < end.CreatedAtMicros {
		return p.After
	}
	return &end // No id comes before the zero one, so nothing of that time is behind it.
}

// Store keeps charges. Each call is one commit. It is safe for concurrent use, also by several processes. Its errors
// are fault.Unavailable when nobody knows what became of the call, and those that are named.
type Store interface {
	// AcceptCharge stores a new charge. If the request is known, it stores nothing, and returns the stored charge as
	// it is now, with known set. Errors: ErrKeyReused, ErrRunning.
	AcceptCharge(ctx context.Context, acceptance *Acceptance) (stored Charge, known bool, err error)
	// AcceptOperation stores an operation that Charge.Accept allows. A known request is answered as AcceptCharge
	// does. Errors: ErrNoCharge, ErrKeyReused, ErrRunning, and those of Charge.Accept.
	AcceptOperation(ctx context.Context, request *OperationRequest) (stored Operation, known bool, err error)
	// Apply applies answers in their order, and returns those that changed something. An answer that comes twice,
	// and one about what is unknown, is passed over. With a charge's decision the key of its card data is gone; what
	// is answered is sent no more.
	Apply(ctx context.Context, results []Result) (applied []Result, err error)
	// Charge returns a charge and its operations, the oldest first. Error: ErrNoCharge.
	Charge(ctx context.Context, owner Owner, charge id.ID) (Charge, []Operation, error)
	// Charges returns a page of an owner's charges, the newest first.
	Charges(ctx context.Context, owner Owner, page Page) ([]Charge, error)
}

// Keys are the keys of sealed card data, for the processor. It is safe for concurrent use.
type Keys interface {
	// KeysOf returns the keys of those charges that are not decided.
	KeysOf(ctx context.Context, charges []id.ID) (map[id.ID][]byte, error)
}

// Why a request is refused, or cannot be answered yet.
var (
	ErrNoCharge = fault.New(fault.NotFound, "CHARGE_NOT_FOUND", "There is no such charge.")
	// ErrKeyReused refuses a key that named another request before. Its HTTP status is 422.
	ErrKeyReused = fault.New(fault.FailedPrecondition, "IDEMPOTENCY_KEY_REUSED",
		"The Idempotency-Key was used before, with another request.").In(KeyHeader)
	// ErrRunning says that the same request is still being accepted. Its HTTP status is 409.
	ErrRunning = fault.New(fault.Aborted, "REQUEST_RUNNING", "The same request is being worked on. Send it again in a moment.").After(time.Second)
)
