package processor

import (
	"context"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/seal"
	"codebank.dev/checkout/sandbox"
	"codebank.dev/platform/field"
	"codebank.dev/schemas/command"
)

// authorizationLife is how long money that is only set aside stays so, in test mode.
const authorizationLife = 7 * 24 * time.Hour

// decide tries to decide a request. If the acquirer may be away, the task is not done, and away says why.
func (h *Handler) decide(ctx context.Context, t *task) {
	var card field.RawCardData
	if t.Kind == command.Charge {
		var err error
		if card, err = seal.Open(t.SealedCard, t.key, t.charge); err != nil {
			h.write(t, "SEALED", "The card data cannot be opened with the key of the charge.")
			return
		}
	}
	switch {
	case t.Mode == command.LiveMode:
		h.decideLive(ctx, t, &card)
	case t.Kind == command.Charge:
		h.simulate(t, &card)
	case t.Kind == command.Payout:
		h.answerWith(t, decisionOf(sandbox.Payout(t.amount)))
	default: // The simulated acquirer agrees to whatever the gateway allows, and every authorization ends at its time.
		h.answerWith(t, &payment.Decision{Approved: true, Lapsed: t.Kind == command.Expire})
	}
}

// simulate decides a charge by the rules of test mode.
func (h *Handler) simulate(t *task, card *field.RawCardData) {
	now := h.config.Now()
	decision, answered := sandbox.Decide(&sandbox.Request{Card: *card, Amount: t.amount, Tries: t.tries}, now)
	switch {
	case !answered: // It is lost on purpose.
		t.done = true
		h.unanswered.Add(1)
	case !decision.Approved:
		h.answerWith(t, decisionOf(decision))
	default:
		h.answerWith(t, &payment.Decision{Approved: true, ExpiresAt: now.Add(authorizationLife)})
	}
}

func decisionOf(decision sandbox.Decision) *payment.Decision {
	if decision.Approved {
		return &payment.Decision{Approved: true}
	}
	return &payment.Decision{Rejection: rejectionOf(decision)}
}

func rejectionOf(decision sandbox.Decision) payment.Rejection {
	return payment.Rejection{Code: decision.Code, Reason: decision.Reason, Message: decision.Message}
}

// result returns the answer that a decision is.
func (h *Handler) result(r *request, decision *payment.Decision) *command.ChargeResult {
	now := h.config.Now().UTC()
	result := command.ChargeResult{
		RequestID: r.RequestID, ChargeID: r.ChargeID, Kind: r.Kind, MerchantID: r.MerchantID, Mode: r.Mode, Status: command.Approved,
		Purchase: decision.Purchase, DecidedAtMillis: now.UnixMilli(), TraceID: r.TraceID,
	}
	if decision.Lapsed {
		result.LapsedAtMillis = now.UnixMilli()
	}
	switch {
	case !decision.Approved:
		why := &decision.Rejection
		result.Status, result.Code, result.Reason, result.Message = command.Rejected, why.Code, why.Reason, why.Message
	case r.Kind == command.Charge && r.Capture != command.CaptureAtOnce:
		result.ExpiresAtMillis = decision.ExpiresAt.UnixMilli()
	}
	return &result
}
