package processor

import (
	"context"
	"errors"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/seal"
	"codebank.dev/checkout/sandbox"
	"codebank.dev/platform/consumer"
	"codebank.dev/schemas/command"
)

// authorizationLife is how long money that is only set aside stays so, in test mode.
const authorizationLife = 7 * 24 * time.Hour

// liveUnavailable rejects whatever is asked for in live mode: no acquirer is connected yet. 91 is ISO 8583's code for
// an acquirer that is not there.
var liveUnavailable = payment.Rejection{Code: "91", Reason: "LIVE_MODE_UNAVAILABLE", Message: "live charges are not available yet"}

// decide returns the answer to a request. Result and letter are nil if there is no answer to give: the charge was
// decided before, or the simulated acquirer does not answer this try.
func (h *Handler) decide(ctx context.Context, r *request) (*command.ChargeResult, *consumer.Letter, error) {
	switch {
	case r.Mode == command.LiveMode:
		return h.result(r, &liveUnavailable), nil, nil
	case r.Kind != command.Charge: // The simulated acquirer agrees to whatever the gateway allows.
		return h.result(r, nil), nil, nil
	}
	key, err := h.config.Cards.Key(ctx, r.charge)
	if errors.Is(err, payment.ErrNoKey) {
		h.ended.Add(1)
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	card, err := seal.Open(r.SealedCard, key, r.charge)
	if err != nil {
		return nil, letter(nil, "SEALED", "The card data cannot be opened with the key of the charge."), nil
	}
	decision, answered := sandbox.Decide(&sandbox.Request{Card: card, Amount: r.amount, Tries: r.tries}, h.config.Now())
	if !answered {
		h.unanswered.Add(1)
		return nil, nil, nil
	}
	if !decision.Approved {
		return h.result(r, &payment.Rejection{Code: decision.Code, Reason: decision.Reason, Message: decision.Message}), nil, nil
	}
	return h.result(r, nil), nil, nil
}

// result returns an answer: approved if rejection is nil.
func (h *Handler) result(r *request, rejection *payment.Rejection) *command.ChargeResult {
	now := h.config.Now().UTC()
	result := command.ChargeResult{
		RequestID: r.RequestID, ChargeID: r.ChargeID, Kind: r.Kind, MerchantID: r.MerchantID, Mode: r.Mode, Status: command.Approved,
		DecidedAtMillis: now.UnixMilli(), TraceID: r.TraceID,
	}
	switch {
	case rejection != nil:
		result.Status, result.Code, result.Reason, result.Message = command.Rejected, rejection.Code, rejection.Reason, rejection.Message
	case r.Kind == command.Charge && r.Capture != command.CaptureAtOnce:
		result.ExpiresAtMillis = now.Add(authorizationLife).UnixMilli()
	}
	return &result
}
