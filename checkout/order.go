package checkout

import (
	"errors"
	"time"

	"codebank.dev/platform/money"
)

// OrderState is where an order stands. An order starts Pending and ends, once, as
// Approved or Declined. An approved order becomes PartiallyRefunded and Refunded as it is
// given back. The numbers are stored: append only.
type OrderState uint8

// The states.
const (
	Pending OrderState = iota + 1
	Approved
	Declined
	PartiallyRefunded
	Refunded
)

// String returns the state as the wire names it.
func (s OrderState) String() string {
	switch s {
	case Pending:
		return "PENDING"
	case Approved:
		return "APPROVED"
	case Declined:
		return "DECLINED"
	case PartiallyRefunded:
		return "PARTIALLY_REFUNDED"
	case Refunded:
		return "REFUNDED"
	}
	return "UNSPECIFIED"
}

// Order is what was bought, for how much, and whether it was paid. It is a value:
// the methods below return the order after a change and leave the receiver as it is.
type Order struct {
	ID ID
	// Caller and RequestID identify the request that made it; together they are unique.
	Caller    string
	RequestID string
	// Owner is whose the order is, see Requester.Owner; empty for an order from before owners were recorded.
	Owner       string
	Fingerprint [32]byte // of that request, see Fingerprint
	TraceID     string   // W3C trace id of that request, or empty
	// SecretHash is the hash of the secret with which a guest reads the order; zero for all other orders.
	SecretHash [32]byte
	State      OrderState

	// Store, Items, Total and Description are as they were when the order was placed,
	// so that every try sends the bank the same request, word for word.
	Store       Store
	Items       []Item
	Total       money.Amount
	Description string
	Attempt     int32 // which try of the payer this is, from 1; 0 = not told

	CardBrand string
	CardLast4 string

	// Purchase is purchases/{uuid} at the bank; empty while undecided, and afterwards
	// when the bank never saw the purchase.
	Purchase string
	Decline  Decline // zero unless Declined

	PendingCharge PendingCharge // zero once ended
	Refunds       []Refund      // in the order of their requests; nil when there is none

	CreatedAt time.Time // UTC, whole milliseconds
	EndedAt   time.Time // zero while Pending
}

// PendingCharge is the work that an open order still needs. It is deleted when the
// order ends, and the token with it.
type PendingCharge struct {
	Token          Token
	TokenExpiresAt time.Time
	// Tries counts the finished attempts to reach the bank.
	Tries int32
	// NextAt is when the Reconciler may take the order up. It is set while the order is open.
	NextAt time.Time
	// Voiding is why the order is being voided; NotVoiding while it may still be
	// charged. Once it is set it stays, and only the void is sent.
	Voiding VoidReason
}

// VoidReason is why an order is ended without waiting for the bank's decision. The
// numbers are stored: append only.
type VoidReason uint8

// The reasons.
const (
	NotVoiding VoidReason = iota
	// TimedOut: the bank's answer did not come while the order was young enough.
	TimedOut
	// Refused: the bank does not accept the request as it is, for example because the
	// card's account is in another currency.
	Refused
)

// Decline is why an order was not paid.
type Decline struct {
	Code    string // ISO 8583 response code
	Reason  string // the bank's reason, or TIMED_OUT, REFUSED, VOIDED
	Message string // may be shown to the payer
}

// The reasons of a decline that are not the bank's own.
const (
	ReasonTimedOut = "TIMED_OUT"
	ReasonRefused  = "REFUSED"
	// ReasonVoided: the purchase was voided at the bank, but not by a decision of ours.
	ReasonVoided = "VOIDED"
)

// decline returns what an order that was voided for this reason shows.
func (r VoidReason) decline() Decline {
	switch r {
	case TimedOut:
		return Decline{Code: "68", Reason: ReasonTimedOut, Message: "The bank did not answer in time. Nothing was charged."}
	case Refused:
		return Decline{Code: "12", Reason: ReasonRefused, Message: "The bank does not accept this purchase. Nothing was charged."}
	default:
		return Decline{Code: "21", Reason: ReasonVoided, Message: "The purchase was taken back. Nothing was charged."}
	}
}

// The refusals of a change. The order is then as it was.
var (
	// ErrEnded says that the order has ended: its state is final.
	ErrEnded = errors.New("checkout: the order has ended")
	// ErrVoiding says that the order is being voided: only the void's answer counts now.
	ErrVoiding = errors.New("checkout: the order is being voided")
	// ErrKept says that the bank answered a void and kept the purchase all the same.
	ErrKept = errors.New("checkout: the bank kept a voided purchase")
	// ErrNotVoiding says that there is no decision to void the order.
	ErrNotVoiding = errors.New("checkout: the order is not being voided")
)

// Answered returns the order after the bank decided its purchase. An approval that
// comes after the decision to void does not count, because the void will give it back.
// Errors: ErrEnded, ErrVoiding.
func (o Order) Answered(decision Decision, now time.Time) (Order, error) {
	if o.State != Pending {
		return o, ErrEnded
	}
	if o.PendingCharge.Voiding != NotVoiding {
		return o, ErrVoiding
	}
	return o.end(decision, now), nil
}

// GivenUp returns the order after the decision to void it for a reason, to be
// stored before the bank is told. A second decision keeps the first reason. The caller
// voids at once; if that fails, the void is due at next. Error: ErrEnded.
func (o Order) GivenUp(reason VoidReason, next time.Time) (Order, error) {
	if o.State != Pending {
		return o, ErrEnded
	}
	if o.PendingCharge.Voiding == NotVoiding {
		o.PendingCharge.Voiding = reason
		o.PendingCharge.Tries = 0
		o.PendingCharge.NextAt = moment(next)
	}
	return o, nil
}

// Voided returns the order after the bank answered its void: declined, for the
// bank's own reason when it had declined the purchase before. Errors: ErrEnded,
// ErrNotVoiding, ErrKept.
func (o Order) Voided(decision Decision, now time.Time) (Order, error) {
	if o.State != Pending {
		return o, ErrEnded
	}
	if o.PendingCharge.Voiding == NotVoiding {
		return o, ErrNotVoiding
	}
	if decision.Outcome == OutcomeApproved {
		return o, ErrKept
	}
	return o.end(decision, now), nil
}

// Postponed returns the order after an attempt whose outcome is unknown. The next
// attempt is due at next. Error: ErrEnded.
func (o Order) Postponed(next time.Time) (Order, error) {
	if o.State != Pending {
		return o, ErrEnded
	}
	o.PendingCharge.Tries++
	o.PendingCharge.NextAt = moment(next)
	return o, nil
}

func (o Order) end(decision Decision, now time.Time) Order {
	reason := o.PendingCharge.Voiding
	o.PendingCharge = PendingCharge{}
	o.EndedAt = moment(now)
	o.Purchase = decision.Purchase
	switch decision.Outcome {
	case OutcomeApproved:
		o.State = Approved
	case OutcomeDeclined:
		o.State, o.Decline = Declined, decision.Decline
	case OutcomeVoided:
		o.State, o.Decline = Declined, reason.decline()
	default:
		panic("checkout: a decision without an outcome")
	}
	return o
}

// moment is a time as it is stored and shown: UTC, whole milliseconds.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// UpdatedAt returns when a payer last saw the order change: when it was placed, when it ended, or when money
// was given back.
func (o *Order) UpdatedAt() time.Time {
	latest := o.CreatedAt
	if !o.EndedAt.IsZero() {
		latest = o.EndedAt
	}
	for i := range o.Refunds {
		if r := &o.Refunds[i]; r.State == RefundDone && r.EndedAt.After(latest) {
			latest = r.EndedAt
		}
	}
	return latest
}

// Authorization returns what the bank is asked for, the same at every try. The
// request id at the bank is the order's own id, so an order is one purchase at most.
func (o *Order) Authorization() Authorization {
	return Authorization{
		RequestID:   o.ID.String(),
		TraceID:     o.TraceID,
		Token:       o.PendingCharge.Token,
		Amount:      o.Total,
		Merchant:    o.Store,
		Description: o.Description,
		Attempt:     o.Attempt,
	}
}
