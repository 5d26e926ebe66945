package intake

import (
	"context"
	"log/slog"

	"codebank.dev/codepix/payment"
	"codebank.dev/platform/fault"
)

// givenUp is why a message is a letter that meets an internal error at every try. Its payment stays as it is. Who has made
// the message repeats it, or is asked again by the hub, so the payment goes on when the fault is repaired.
var givenUp = &payment.Letter{
	Cause: "INTERNAL",
	Text:  "The hub met an internal error at every try. Its log says more; send the letter again when the fault is repaired.",
}

// apply decides messages in one commit, and tells of what was decided. After an internal error each of them has a commit of
// its own, so that one which nobody can decide holds up no payment but its own.
func (h *Handler) apply(ctx context.Context, messages []payment.Received) ([]payment.Outcome, error) {
	outcomes, err := h.config.Store.Apply(ctx, messages)
	switch {
	case err == nil:
		for i := range outcomes {
			h.decided(&messages[i], &outcomes[i])
		}
		return outcomes, nil
	case fault.CodeOf(err) != fault.Internal:
		return nil, err
	}
	return h.applyEach(ctx, messages)
}

// applyEach decides messages one by one, in their order. A message that fails is tried again with the whole batch until it
// is given up; those of the same payment wait for it, and the others have been decided.
func (h *Handler) applyEach(ctx context.Context, messages []payment.Received) ([]payment.Outcome, error) {
	outcomes, waiting := make([]payment.Outcome, len(messages)), map[payment.ID]bool{}
	var failed error
	for i := range messages {
		message := &messages[i]
		of := payment.Names(messages[i : i+1])[0] // A return waits with its original.
		if waiting[of] {
			continue
		}
		applied, err := h.config.Store.Apply(ctx, messages[i:i+1])
		switch {
		case err == nil:
			outcomes[i] = applied[0]
			h.decided(message, &outcomes[i])
			h.config.Wake()
		case fault.CodeOf(err) != fault.Internal:
			return nil, err
		case h.suspects.Failed(nameOf(message)):
			outcomes[i].Letter = givenUp
			h.log(ctx, message, err)
		default:
			failed, waiting[of] = err, true
		}
	}
	return outcomes, failed
}

func nameOf(message *payment.Received) string {
	return string(message.ID) + " " + message.Step.String()
}

// decided says that a message has an outcome, which is committed.
func (h *Handler) decided(message *payment.Received, outcome *payment.Outcome) {
	h.suspects.Dealt(nameOf(message))
	h.tell(outcome)
}

func (h *Handler) log(ctx context.Context, message *payment.Received, err error) {
	if h.config.Logger != nil {
		h.config.Logger.ErrorContext(ctx, "a message of a bank meets an internal error at every try; it is a dead letter",
			slog.String("bank", h.bank), slog.String("end_to_end_id", string(message.ID)), slog.String("step", message.Step.String()), slog.Any("error", err))
	}
}
