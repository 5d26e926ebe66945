package rpc

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/hold"
	"codebank.dev/bank/purchase"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// errNoHolds answers in a bank that places no holds, because its events are of a version that cannot say
// what a hold is.
var errNoHolds = fault.New(fault.FailedPrecondition, "EVENT_VERSION_TOO_OLD", "This bank sets nothing aside yet.")

// errNoPurchase answers for a purchase that does not exist and for one that the caller may not capture.
var errNoPurchase = fault.New(fault.NotFound, "PURCHASE_NOT_FOUND", "There is no such purchase.")

// statusesByEnd are the statuses of an approved purchase with a later capture, by the kind of what ended
// its hold.
var statusesByEnd = map[bank.Kind]bankv1.PurchaseStatus{
	0:                bankv1.PurchaseStatus_PURCHASE_STATUS_AUTHORIZED,
	bank.KindCapture: bankv1.PurchaseStatus_PURCHASE_STATUS_CAPTURED,
	bank.KindVoid:    bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED,
	bank.KindExpiry:  bankv1.PurchaseStatus_PURCHASE_STATUS_EXPIRED,
}

// statusOf returns the status of a purchase as it is now.
func statusOf(p *purchase.Purchase) bankv1.PurchaseStatus {
	if p.Entry.Kind == bank.KindHold && p.Entry.Status == bank.Approved {
		return statusesByEnd[p.EndedBy]
	}
	return statuses[p.Entry.Status]
}

// expireTime returns the time that a request names, or the zero time when it names none.
func expireTime(named *timestamppb.Timestamp) (time.Time, error) {
	if named == nil {
		return time.Time{}, nil
	}
	if !named.IsValid() || named.AsTime().IsZero() {
		return time.Time{}, fault.Invalid("expire_time", "Nothing can end at this time.")
	}
	return named.AsTime(), nil
}

// CapturePurchase implements bankv1.PurchaseServiceServer.
func (p *Purchases) CapturePurchase(ctx context.Context, in *bankv1.CapturePurchaseRequest) (*bankv1.CapturePurchaseResponse, error) {
	id, err := field.ID("name", purchasePrefix, in.GetName())
	if err = field.First(field.Word("request_id", in.GetRequestId()), err); err != nil {
		return nil, err
	}
	if p.Holds == nil {
		return nil, errNoHolds
	}
	captured, err := p.Holds.Capture(ctx, hold.CaptureRequest{
		Caller: serve.Caller(ctx), RequestID: in.GetRequestId(), TraceID: serve.TraceID(ctx),
		Principal: bank.Principal{Kind: bank.PrincipalService},
		Hold:      id, ByCard: true, AmountMinor: in.GetAmountMinor(),
	})
	if err != nil && fault.CodeOf(err) == fault.NotFound {
		return nil, errNoPurchase
	}
	if err != nil {
		return nil, err
	}
	entry := &captured.Entry
	now := purchase.Purchase{Entry: captured.Hold, EndedBy: bank.KindCapture, Captured: entry.Amount}
	return &bankv1.CapturePurchaseResponse{
		Purchase: purchaseMessage(&now, nil),
		Capture: &bankv1.Capture{
			Name:        name(capturePrefix, entry.TransactionID),
			Purchase:    name(purchasePrefix, entry.HoldID),
			AmountMinor: entry.Amount,
			Currency:    entry.Currency.String(),
			CaptureTime: timestamp(entry.OccurredAt),
		},
	}, nil
}
