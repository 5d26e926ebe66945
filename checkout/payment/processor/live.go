package processor

import (
	"cmp"
	"context"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/checkout/sandbox"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/schemas/command"
)

// refusedCode is ISO 8583's code for a transaction that is not allowed: of what the bank refused without deciding it.
const refusedCode = "12"

// Why an operation or a question is answered with no.
var (
	expired    = payment.Rejection{Code: refusedCode, Reason: "AUTHORIZATION_EXPIRED", Message: "the authorization has expired"}
	voided     = payment.Rejection{Code: refusedCode, Reason: "AUTHORIZATION_VOIDED", Message: "the bank has released the authorization"}
	notExpired = payment.Rejection{Code: refusedCode, Reason: "AUTHORIZATION_OPEN", Message: "the authorization has not expired"}
)

// isRefusal reports whether the acquirer understood a request and did nothing.
func isRefusal(err error) bool {
	switch fault.CodeOf(err) {
	case fault.InvalidArgument, fault.NotFound, fault.Aborted, fault.FailedPrecondition:
		return true
	}
	return false
}

// isFinal reports whether the acquirer will refuse an operation for ever, because of what became of the charge.
func isFinal(err error) bool {
	code := fault.CodeOf(err)
	return code == fault.FailedPrecondition || code == fault.NotFound
}

// reasonOf returns a refusal as a merchant reads it.
func reasonOf(err error) payment.Rejection {
	known := fault.Of(err)
	return payment.Rejection{Code: refusedCode, Reason: known.Reason, Message: known.Message}
}

// decideLive has a request decided by the bank.
func (h *Handler) decideLive(ctx context.Context, t *task, card *field.RawCardData) {
	switch t.Kind {
	case command.Charge:
		h.authorize(ctx, t, card)
	case command.Capture:
		h.capture(ctx, t)
	case command.Void:
		h.void(ctx, t)
	case command.Refund:
		h.refund(ctx, t)
	case command.Expire:
		h.expire(ctx, t)
	case command.Payout:
		h.payOut(ctx, t)
	}
}

// authorize has a charge decided. Card data that no card has is not sent.
func (h *Handler) authorize(ctx context.Context, t *task, card *field.RawCardData) {
	data, err := card.Check("card")
	if err != nil {
		h.end(ctx, t, rejectionOf(sandbox.Malformed(fault.Of(err).Field)))
		return
	}
	decision, err := h.config.Acquirer.Authorize(ctx, &payment.Authorization{
		Charge: t.charge, TraceID: t.TraceID, Merchant: t.MerchantID, Amount: t.amount, CaptureNow: t.Capture == command.CaptureAtOnce,
		Profile: t.profile(), Description: t.Description, Card: data,
	})
	h.heard(err)
	switch {
	case err == nil:
		h.config.Failpoint.At(failpoints.ChargeAuthorized)
		h.answerWith(t, &decision)
	case isRefusal(err):
		h.config.Logger.Warn("the bank refused a charge", "charge", t.ChargeID, "error", err)
		h.end(ctx, t, reasonOf(err))
	default:
		h.postpone(t, err)
	}
}

// profile returns the merchant as the record shows him.
func (t *task) profile() payment.Profile {
	return payment.Profile{
		Name: cmp.Or(t.MerchantName, t.MerchantID), CategoryCode: t.MerchantCategoryCode, City: t.MerchantCity, Country: t.MerchantCountry,
	}
}

// end rejects a charge that the bank has not decided. A refusal is not stored there, so a try that is still under way,
// or a later one, might find its reason gone and be approved. The void makes the refusal final there too.
func (h *Handler) end(ctx context.Context, t *task, why payment.Rejection) {
	_, err := h.config.Acquirer.Void(ctx, t.charge, t.TraceID)
	h.heard(err)
	if err != nil {
		h.postpone(t, err)
		return
	}
	h.config.Failpoint.At(failpoints.ChargeVoided)
	h.answerWith(t, &payment.Decision{Rejection: why})
}

// operation returns what is sent to the bank for an operation.
func (t *task) operation() *payment.Task {
	return &payment.Task{ID: t.id, Purchase: t.Purchase, TraceID: t.TraceID, AmountMinor: t.AmountMinor}
}

// capture takes what was set aside. If the bank refuses, it is asked what became of the charge.
func (h *Handler) capture(ctx context.Context, t *task) {
	err := h.config.Acquirer.Capture(ctx, t.operation())
	h.heard(err)
	if err == nil {
		h.done(t, &payment.Decision{Approved: true})
		return
	}
	if !isFinal(err) {
		h.postpone(t, err)
		return
	}
	state, findErr := h.config.Acquirer.Find(ctx, t.Purchase, t.TraceID)
	h.heard(findErr)
	switch {
	case findErr != nil && isFinal(findErr):
		h.done(t, &payment.Decision{Rejection: reasonOf(err)})
	case findErr != nil:
		h.postpone(t, findErr)
	case state == payment.Expired:
		h.done(t, &payment.Decision{Rejection: expired, Lapsed: true})
	case state == payment.Voided:
		h.done(t, &payment.Decision{Rejection: voided, Lapsed: true})
	case state == payment.Approved:
		h.done(t, &payment.Decision{Rejection: reasonOf(err)})
	default: // Its time is over, and the bank has not ended it yet.
		h.later(t, err)
	}
}

// void releases what was set aside, unless that has ended by itself.
func (h *Handler) void(ctx context.Context, t *task) {
	state, err := h.config.Acquirer.Void(ctx, t.charge, t.TraceID)
	h.heard(err)
	switch {
	case err != nil:
		h.postpone(t, err)
	case state == payment.Voided:
		h.done(t, &payment.Decision{Approved: true})
	case state == payment.Expired:
		h.done(t, &payment.Decision{Rejection: expired, Lapsed: true})
	default:
		h.write(t, "NOT_AUTHORIZED", "The bank has never approved the charge.")
	}
}

// refund gives back. A refusal is final, because what was given back never comes back.
func (h *Handler) refund(ctx context.Context, t *task) {
	err := h.config.Acquirer.Refund(ctx, t.operation())
	h.heard(err)
	switch {
	case err == nil:
		h.done(t, &payment.Decision{Approved: true})
	case isFinal(err):
		h.done(t, &payment.Decision{Rejection: reasonOf(err)})
	default:
		h.postpone(t, err)
	}
}

// expire answers whether an authorization has ended without a capture.
func (h *Handler) expire(ctx context.Context, t *task) {
	state, err := h.config.Acquirer.Find(ctx, t.Purchase, t.TraceID)
	h.heard(err)
	switch {
	case err != nil && isFinal(err):
		h.config.Logger.Error("the bank does not know an authorization; the charge stays as it is", "charge", t.ChargeID, "purchase", t.Purchase, "error", err)
		h.answerWith(t, &payment.Decision{Rejection: reasonOf(err)})
	case err != nil:
		h.postpone(t, err)
	case state == payment.Expired || state == payment.Voided:
		h.answerWith(t, &payment.Decision{Approved: true, Lapsed: true})
	default:
		h.answerWith(t, &payment.Decision{Rejection: notExpired})
	}
}

// done answers an operation that the bank has done or refused for good.
func (h *Handler) done(t *task, decision *payment.Decision) {
	h.config.Failpoint.At(failpoints.OperationDone)
	h.answerWith(t, decision)
}

// heard counts a sign of life of the acquirer.
func (h *Handler) heard(err error) {
	if err == nil || isRefusal(err) {
		h.bankAnswers.Add(1)
	} else {
		h.unknown.Add(1)
	}
}

// postpone leaves a task for another try, as its error demands: in a moment if the acquirer may be away, later if
// only this request is in trouble, and never if its own content is wrong.
func (h *Handler) postpone(t *task, err error) {
	switch {
	case isRefusal(err):
		h.config.Logger.Error("the bank refuses a request of the payment gateway; it goes to the dead letters", "charge", t.ChargeID, "request", t.RequestID, "error", err)
		h.write(t, "REFUSED", "The bank refuses the request: "+fault.Of(err).Reason+".")
	case fault.CodeOf(err) == fault.Internal:
		h.later(t, err)
	default:
		t.away = err
	}
}

// later ends a task without an answer: the gateway sends it again.
func (h *Handler) later(t *task, err error) {
	t.done = true
	h.unanswered.Add(1)
	h.config.Logger.Warn("the bank has not answered a request; it is left until it is sent again", "charge", t.ChargeID, "request", t.RequestID, "error", err)
}
