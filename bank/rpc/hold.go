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
		return nil, bank.ErrEventVersion
	}
	at, err := requestTime(in.GetRequestTime())
	if err != nil {
		return nil, err
	}
	captured, err := p.Holds.Capture(ctx, hold.CaptureRequest{
		Caller: serve.Caller(ctx), RequestID: in.GetRequestId(), TraceID: serve.TraceID(ctx),
		Subject: p.Principals.of(ctx), Hold: id, ByCard: true, AmountMinor: in.GetAmountMinor(), At: at,
	})
	switch {
	case err != nil && fault.CodeOf(err) == fault.NotFound:
		return nil, errNoPurchase
	case err != nil:
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

// PlaceHold implements bankv1.WalletServiceServer.
func (w *Wallets) PlaceHold(ctx context.Context, in *bankv1.PlaceHoldRequest) (*bankv1.PlaceHoldResponse, error) {
	call, err := w.callAt(ctx, in.GetRequestId(), in.GetRequestTime())
	if err != nil {
		return nil, err
	}
	expiresAt, err := expireTime(in.GetExpireTime())
	if err != nil {
		return nil, err
	}
	placed, err := w.Service.Holds.Place(ctx, hold.PlaceRequest{
		Caller: call.Caller, RequestID: call.RequestID, TraceID: call.TraceID, Subject: call.Subject,
		Account: in.GetAccount(), AmountMinor: in.GetAmountMinor(), Currency: in.GetCurrency(),
		Merchant: merchantOf(in.GetMerchant()), MerchantReference: in.GetMerchantReference(), Description: in.GetDescription(),
		ExpiresAt: expiresAt, At: call.At,
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.PlaceHoldResponse{Transaction: transactionMessage(&bank.TransactionDetails{Entry: placed})}, nil
}

// CaptureHold implements bankv1.WalletServiceServer.
func (w *Wallets) CaptureHold(ctx context.Context, in *bankv1.CaptureHoldRequest) (*bankv1.CaptureHoldResponse, error) {
	id, err := field.ID("name", transactionPrefix, in.GetName())
	if err = field.First(field.Word("request_id", in.GetRequestId()), err); err != nil {
		return nil, err
	}
	call, err := w.callAt(ctx, in.GetRequestId(), in.GetRequestTime())
	if err != nil {
		return nil, err
	}
	captured, err := w.Service.Holds.Capture(ctx, hold.CaptureRequest{
		Caller: call.Caller, RequestID: call.RequestID, TraceID: call.TraceID, Subject: call.Subject,
		Hold: id, AmountMinor: in.GetAmountMinor(), At: call.At,
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.CaptureHoldResponse{Transaction: transactionMessage(&bank.TransactionDetails{Entry: captured.Entry})}, nil
}

// VoidHold implements bankv1.WalletServiceServer.
func (w *Wallets) VoidHold(ctx context.Context, in *bankv1.VoidHoldRequest) (*bankv1.VoidHoldResponse, error) {
	id, err := field.ID("name", transactionPrefix, in.GetName())
	if err != nil {
		return nil, err
	}
	call, err := w.callAt(ctx, "", in.GetRequestTime())
	if err != nil {
		return nil, err
	}
	state, err := w.Service.Holds.Void(ctx, hold.VoidRequest{
		Caller: call.Caller, TraceID: call.TraceID, Subject: call.Subject, Hold: id, At: call.At,
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.VoidHoldResponse{Transaction: transactionMessage(&bank.TransactionDetails{Entry: state.Hold, Released: state.Released})}, nil
}
