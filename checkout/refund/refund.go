// Package refund is the use case of giving a paid order back, or a part of it. A refund is stored first, and
// its amount is reserved under the order's lock. Then the bank is asked, again and again under the same
// request id: the refund's own. So the bank gives back once, however calls are lost, repeated, delayed or made
// by two replicas, and all refunds of an order are together no more than its total.
package refund

import (
	"context"
	"errors"
	"io"

	"codebank.dev/checkout"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
)

// Service takes requests for refunds. All fields but Failpoint are required; it is safe for concurrent use.
type Service struct {
	Orders   checkout.Orders
	Refunder *Refunder
	// Random is where the ids of refunds come from; crypto/rand.Reader but for tests.
	Random io.Reader
	// Failpoint is called at the points where a crash is most instructive; nil for none.
	Failpoint failpoint.Hook
}

// Request asks for a refund of an order.
type Request struct {
	By    checkout.Requester
	Order string // orders/{uuid}
	checkout.RefundRequest
}

// errRepeated ends a change whose request has its refund already.
var errRepeated = errors.New("refund: the request was made before")

// Refund gives an order back, or a part of it. It returns the order, and the refund as it stands when the
// bank has answered, or when the time is up: then it is pending, and the Reconciler ends it.
//
// Idempotent by (caller, request id), for ever: an equal request gets the refund in its present state.
// Another request under the same id is fault.Aborted REQUEST_ID_REUSED.
//
// Errors: fault.InvalidArgument naming the field; checkout.ErrNoOrder when there is none that the requester
// may refund; checkout.ErrNotPaid, checkout.ErrNothingLeft, checkout.ErrAboveLeft; fault.Unavailable when the
// store is away. After any but the last, nothing is stored.
func (s *Service) Refund(ctx context.Context, request Request) (checkout.Order, checkout.Refund, error) {
	none := checkout.Refund{}
	order, err := s.find(ctx, &request)
	if err != nil {
		return checkout.Order{}, none, err
	}
	refund, err := id.New(s.Random)
	if err != nil {
		return checkout.Order{}, none, err
	}
	now := s.Refunder.Clock.Now()
	next := now.Add(s.Refunder.Limits.Deadline + s.Refunder.work())
	order, err = s.Refunder.Pending.Change(ctx, order, func(o checkout.Order) (checkout.Order, error) {
		if earlier := o.RefundOf(request.Caller, request.RequestID); earlier != nil {
			if !earlier.Repeats(request.RefundRequest) {
				return o, checkout.ErrRefundReused
			}
			return o, errRepeated
		}
		return o.Refunding(refund, request.RefundRequest, now, next)
	})
	switch {
	case errors.Is(err, errRepeated):
		return order, *order.RefundOf(request.Caller, request.RequestID), nil
	case err != nil:
		return checkout.Order{}, none, err
	}
	s.Failpoint.At(failpoints.RefundStored)
	order = s.Refunder.Refund(ctx, order, refund)
	return order, *order.Refund(refund), nil
}

// find returns the order that a well-formed request names, if the requester may have it refunded.
func (s *Service) find(ctx context.Context, request *Request) (checkout.Order, error) {
	name, err := checkout.ParseOrderName("name", request.Order)
	if err != nil {
		return checkout.Order{}, err
	}
	if err := field.First(
		field.Word("request_id", request.RequestID), field.Limit("amount_minor", request.Asked),
		field.OptionalText("reason", request.Reason, field.MaxDescription),
	); err != nil {
		return checkout.Order{}, err
	}
	order, err := s.Orders.ByID(ctx, request.By, name)
	if err == nil && !request.By.MayRefund(&order) {
		err = checkout.ErrNoOrder
	}
	return order, err
}
