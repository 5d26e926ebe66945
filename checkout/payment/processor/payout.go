package processor

import (
	"context"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/platform/fault"
)

// payOut pays what charges have brought in to the merchant's account. What the bank declines has failed. What it refuses
// is not stored there, so the payout's id is ended at the bank before it fails here: no try pays later what the merchant
// has back in his balance.
func (h *Handler) payOut(ctx context.Context, t *task) {
	decision, err := h.config.Payer.PayOut(ctx, &payment.PayoutOrder{
		ID: t.id, TraceID: t.TraceID, Merchant: t.MerchantID, Profile: t.profile(), Amount: t.amount, Account: t.PayoutAccount,
	})
	h.heard(err)
	switch {
	case err == nil:
		h.config.Failpoint.At(failpoints.PayoutDone)
		h.answerWith(t, &decision)
	case isRefusal(err):
		h.endPayout(ctx, t, err)
	case fault.CodeOf(err) == fault.PermissionDenied: // The bank lets the processor do less than it should: charges go on.
		h.later(t, err)
	default:
		h.postpone(t, err)
	}
}

// endPayout fails a payout that the bank has refused, unless another try was decided meanwhile: then the next one is
// told of that.
func (h *Handler) endPayout(ctx context.Context, t *task, refusal error) {
	h.config.Logger.Warn("the bank refused a payout", "payout", t.RequestID, "merchant", t.MerchantID, "error", refusal)
	_, err := h.config.Acquirer.Void(ctx, t.id, t.TraceID)
	h.heard(err)
	switch {
	case err == nil:
		h.config.Failpoint.At(failpoints.PayoutEnded)
		h.answerWith(t, &payment.Decision{Rejection: reasonOf(refusal)})
	case isRefusal(err):
		h.later(t, err)
	default:
		h.postpone(t, err)
	}
}
