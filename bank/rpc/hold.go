package rpc

import (
	"context"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// errNoHolds answers until this bank places holds.
var errNoHolds = fault.New(fault.FailedPrecondition, "NO_HOLDS", "This bank sets nothing aside.")

// CapturePurchase implements bankv1.PurchaseServiceServer.
func (p *Purchases) CapturePurchase(_ context.Context, in *bankv1.CapturePurchaseRequest) (*bankv1.CapturePurchaseResponse, error) {
	_, err := field.ID("name", purchasePrefix, in.GetName())
	if err = field.First(field.Word("request_id", in.GetRequestId()), err); err != nil {
		return nil, err
	}
	return nil, errNoHolds
}
