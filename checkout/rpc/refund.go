package rpc

import (
	"context"

	"codebank.dev/checkout"
	"codebank.dev/checkout/refund"
	"codebank.dev/platform/serve"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// RefundOrder implements checkoutv1.CheckoutServiceServer.
func (s *Server) RefundOrder(ctx context.Context, in *checkoutv1.RefundOrderRequest) (*checkoutv1.RefundOrderResponse, error) {
	by, err := s.merchantly(ctx, requester(ctx))
	if err != nil {
		return nil, err
	}
	subject := serve.Principal(ctx)
	if by.User != "" { // A user has refunded what his stores have sold.
		if by.Stores, err = s.Stores.StoresFor(ctx, actor(ctx)); err != nil {
			return nil, err
		}
	}
	order, made, err := s.Refunds.Refund(ctx, refund.Request{
		By: by, Order: in.GetName(),
		RefundRequest: checkout.RefundRequest{
			Caller: by.Caller, RequestID: in.GetRequestId(), AskedBy: subject.Namespace(), TraceID: serve.TraceID(ctx),
			Asked: in.GetAmountMinor(), Reason: in.GetReason(), AskedAs: subject.Kind.String(),
		},
	})
	if err != nil {
		return nil, err
	}
	return &checkoutv1.RefundOrderResponse{Order: orderMessage(&order), Refund: refundMessage(order.ID, &made)}, nil
}

func refundMessages(o *checkout.Order) []*checkoutv1.Refund {
	var messages []*checkoutv1.Refund
	for i := range o.Refunds {
		messages = append(messages, refundMessage(o.ID, &o.Refunds[i]))
	}
	return messages
}

func refundMessage(order checkout.ID, r *checkout.Refund) *checkoutv1.Refund {
	message := &checkoutv1.Refund{
		Name:           checkout.OrderPrefix + order.String() + checkout.RefundInfix + r.ID.String(),
		RequestId:      r.RequestID,
		State:          checkoutv1.RefundState(r.State), // The numbers are those of the contract.
		AmountMinor:    r.Amount,
		Reason:         r.Reason,
		Reversal:       r.Reversal,
		RefusalReason:  r.Refusal.Reason,
		RefusalMessage: r.Refusal.Message,
		CreateTime:     timestamppb.New(r.CreatedAt),
	}
	if !r.EndedAt.IsZero() {
		message.EndTime = timestamppb.New(r.EndedAt)
	}
	return message
}
