package checkout

import (
	"errors"
	"slices"
	"time"

	"codebank.dev/platform/fault"
)

// RefundState is where a refund stands. It starts RefundPending and ends, once, as RefundDone or
// RefundRefused. The numbers are stored: append only.
type RefundState uint8

// The states of a refund.
const (
	RefundPending RefundState = iota + 1
	RefundDone
	RefundRefused
)

// String returns the state as the wire names it.
func (s RefundState) String() string {
	switch s {
	case RefundPending:
		return "PENDING"
	case RefundDone:
		return "DONE"
	case RefundRefused:
		return "REFUSED"
	}
	return "UNSPECIFIED"
}

// Refund gives a paid order back, or a part of it. While it is pending its amount is reserved: no other
// refund of the order gets it.
type Refund struct {
	// ID is the request id at the bank: a refund is one reversal at most, however often it is sent.
	ID ID
	RefundRequest
	State    RefundState
	Amount   int64  // minor units of the order's currency, 1 or more
	Reversal string // reversals/{uuid} at the bank, once done
	// Refusal is why the bank gave nothing back; zero unless RefundRefused.
	Refusal Refusal

	Tries  int32     // finished attempts to reach the bank
	NextAt time.Time // when the Reconciler may take the refund up; zero once ended

	CreatedAt time.Time // UTC, whole milliseconds
	EndedAt   time.Time // zero while pending
}

// RefundRequest is what somebody asks for.
type RefundRequest struct {
	// Caller and RequestID identify the request; together they are unique among refunds.
	Caller    string
	RequestID string
	AskedBy   string // the name of the principal: a program, an operator, user:{uuid}
	AskedAs   string // the kind of the principal; only the audit log keeps it
	TraceID   string // W3C trace id of the request, or empty
	// Asked is how much to give back in minor units; 0 means all that is left.
	Asked  int64
	Reason string // for the payer's statement; may be empty
}

// Refusal is the bank's no to a refund.
type Refusal struct {
	Reason  string
	Message string
}

// The refusals of a refund. Nothing is stored then.
var (
	// ErrNotPaid says that the order was not paid, or not yet.
	ErrNotPaid = fault.New(fault.FailedPrecondition, "ORDER_NOT_PAID", "Only an order that was paid can be refunded.")
	// ErrNothingLeft says that all of the order was given back, or is about to be.
	ErrNothingLeft = fault.New(fault.FailedPrecondition, "ORDER_REFUNDED", "Nothing of the order is left to be refunded.")
	// ErrAboveLeft says that less is left than the refund asks for.
	ErrAboveLeft = fault.New(fault.FailedPrecondition, "REFUND_TOO_LARGE", "Less of the order is left than the refund asks for.")
	// ErrRefundReused says that the caller has used the request id for another refund.
	ErrRefundReused = fault.New(fault.Aborted, "REQUEST_ID_REUSED", "This request id was used before with another request.")
)

// The refusals of a change of a refund.
var (
	// ErrNoRefund says that the order has no such refund.
	ErrNoRefund = errors.New("checkout: the order has no such refund")
	// ErrRefundEnded says that the refund has ended: its state is final.
	ErrRefundEnded = errors.New("checkout: the refund has ended")
)

// MayRefund reports whether the requester may have an order refunded that it sees: an operator any, a program
// those that were placed under its request ids, a merchant and his members those of his stores, and any other user
// none.
func (r *Requester) MayRefund(o *Order) bool {
	return r.User == "" && r.Sees(o) || r.ActsFor(o.Store.Slug)
}

// Refunded returns how much of the order was given back, in minor units.
func (o *Order) Refunded() int64 { return o.sumOfRefunds(RefundDone) }

// Refundable returns how much of a paid order is left: neither given back nor reserved by a pending refund.
func (o *Order) Refundable() int64 {
	return o.Total.Minor - o.sumOfRefunds(RefundDone) - o.sumOfRefunds(RefundPending)
}

// sumOfRefunds adds amounts that are together no more than the total.
func (o *Order) sumOfRefunds(state RefundState) (sum int64) {
	for i := range o.Refunds {
		if o.Refunds[i].State == state {
			sum += o.Refunds[i].Amount
		}
	}
	return sum
}

// Refund returns the refund with an id; nil when the order has none.
func (o *Order) Refund(id ID) *Refund {
	return o.refundThat(func(r *Refund) bool { return r.ID == id })
}

// RefundOf returns the refund that a request made; nil when the order has none.
func (o *Order) RefundOf(caller, requestID string) *Refund {
	return o.refundThat(func(r *Refund) bool { return r.Caller == caller && r.RequestID == requestID })
}

func (o *Order) refundThat(is func(*Refund) bool) *Refund {
	for i := range o.Refunds {
		if is(&o.Refunds[i]) {
			return &o.Refunds[i]
		}
	}
	return nil
}

// Repeats reports whether a request is the one that made the refund. The trace and the kind of who asks are no part of it.
func (r *Refund) Repeats(request RefundRequest) bool {
	request.TraceID, request.AskedAs = r.TraceID, r.AskedAs
	return r.RefundRequest == request
}

// Refunding returns the order with a new refund, which reserves its amount. id is random, and the refund is
// due at next. Errors: ErrNotPaid, ErrNothingLeft, ErrAboveLeft.
func (o Order) Refunding(id ID, request RefundRequest, now, next time.Time) (Order, error) {
	if o.State != Approved && o.State != PartiallyRefunded && o.State != Refunded {
		return o, ErrNotPaid
	}
	left := o.Refundable()
	amount := request.Asked
	switch {
	case left <= 0:
		return o, ErrNothingLeft
	case amount == 0:
		amount = left
	case amount < 0 || amount > left:
		return o, ErrAboveLeft
	}
	o.Refunds = append(slices.Clone(o.Refunds), Refund{
		ID: id, RefundRequest: request, State: RefundPending, Amount: amount, NextAt: moment(next), CreatedAt: moment(now),
	})
	return o, nil
}

// RefundAnswered returns the order after the bank gave a refund back by a reversal. Errors: ErrNoRefund,
// ErrRefundEnded.
func (o Order) RefundAnswered(id ID, reversal string, now time.Time) (Order, error) {
	o, err := o.changeRefund(id, func(r *Refund) { r.State, r.Reversal = RefundDone, reversal; r.end(now) })
	if err != nil {
		return o, err
	}
	o.State = PartiallyRefunded
	if o.Refunded() == o.Total.Minor {
		o.State = Refunded
	}
	return o, nil
}

// RefundRefused returns the order after the bank refused a refund for good: its amount is free again. Errors:
// ErrNoRefund, ErrRefundEnded.
func (o Order) RefundRefused(id ID, why Refusal, now time.Time) (Order, error) {
	return o.changeRefund(id, func(r *Refund) { r.State, r.Refusal = RefundRefused, why; r.end(now) })
}

// RefundPostponed returns the order after an attempt of a refund whose outcome is unknown. Errors:
// ErrNoRefund, ErrRefundEnded.
func (o Order) RefundPostponed(id ID, next time.Time) (Order, error) {
	return o.changeRefund(id, func(r *Refund) { r.Tries++; r.NextAt = moment(next) })
}

func (r *Refund) end(now time.Time) { r.NextAt, r.Tries, r.EndedAt = time.Time{}, 0, moment(now) }

// changeRefund returns the order with a changed copy of a pending refund.
func (o Order) changeRefund(id ID, change func(*Refund)) (Order, error) {
	known := o.Refund(id)
	if known == nil {
		return o, ErrNoRefund
	}
	if known.State != RefundPending {
		return o, ErrRefundEnded
	}
	o.Refunds = slices.Clone(o.Refunds)
	change(o.Refund(id))
	return o, nil
}

// Reversal returns what the bank is asked for, the same at every try.
func (o *Order) Reversal(r *Refund) Reversal {
	return Reversal{
		RequestID: r.ID.String(), TraceID: r.TraceID, Purchase: o.Purchase, AmountMinor: r.Amount, Description: r.Reason,
	}
}
