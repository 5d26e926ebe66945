package announce

import (
	"fmt"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

// Topic is the topic of what became of charges.
const Topic = "checkout.charge-events.v1"

// rowOf returns the record of an event. Its key is the owner, so the events of an owner are in one partition. The row
// has no id, because no row of an outbox stands behind it.
func rowOf(change *payment.Change) (outbox.Row, error) {
	event := eventOf(change)
	body, err := command.Encode(&event)
	if err != nil {
		return outbox.Row{}, fmt.Errorf("%w: event %s: %w", outbox.ErrRefused, event.EventID, err)
	}
	return outbox.Row{
		Topic: Topic, Key: []byte(event.MerchantID + "/" + event.Mode), Folder: command.Folder[command.ChargeEvent](), Version: command.Version, Body: body,
	}, nil
}

// eventOf returns an event in the words of the topic.
func eventOf(change *payment.Change) command.ChargeEvent {
	c, happened := &change.Charge, &change.Event
	event := command.ChargeEvent{
		EventID: fmt.Sprintf("%s/%d", c.ID, happened.Version), MerchantID: happened.Merchant, Mode: happened.Mode.String(), Sequence: happened.Sequence, Kind: happened.Kind.String(),
		ChargeID: c.ID.String(), Version: happened.Version, Status: happened.State.String(), AmountMinor: c.Amount.Minor, Currency: c.Amount.Currency.String(),
		CapturedMinor: happened.Captured, RefundedMinor: happened.Refunded, CardLast4: c.Card.Last4, OperationKind: command.NoOperation,
		OperationStatus: command.NoOperation, Code: c.Rejection.Code, Reason: c.Rejection.Reason,
		AcceptedAtMillis: c.CreatedAt.UnixMilli(), OccurredAtMillis: happened.At.UnixMilli(),
	}
	if c.Card.Last4 != "" {
		event.CardBrand = c.Card.Brand.String()
	}
	if !c.DecidedAt.IsZero() {
		event.DecidedAtMillis = c.DecidedAt.UnixMilli()
	}
	if happened.Kind == payment.ChargeDecided {
		event.DecisionMillis = max(c.DecidedAt.Sub(c.CreatedAt).Milliseconds(), 1)
	}
	if o := &change.Operation; !o.ID.IsZero() {
		event.OperationID, event.OperationKind, event.OperationStatus = o.ID.String(), o.Kind.String(), o.Outcome.String()
		event.OperationAmountMinor, event.Code, event.Reason = o.Amount.Minor, o.Rejection.Code, o.Rejection.Reason
	}
	return event
}
