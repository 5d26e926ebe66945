package view

import "codebank.dev/checkout/payment"

// Event is one change of a charge as the live feed tells it.
type Event struct {
	// Type is what happened: charge.accepted, charge.approved, charge.rejected, charge.authorized, charge.captured,
	// charge.voided, charge.expired, capture.accepted, capture.refused, void.accepted, void.refused, refund.accepted,
	// refund.done or refund.refused.
	Type string `json:"type"`
	// Sequence counts the events of a merchant and mode, from 1 and without gaps.
	Sequence   int64 `json:"sequence"`
	OccurredAt Time  `json:"occurred_at"`
	// Charge is the charge after the change.
	Charge Charge `json:"charge"`
	// Operation is the operation that was accepted or has ended; nil if the event is about the charge itself.
	Operation *Operation `json:"operation"`
}

// OfChange returns the view of a change.
func OfChange(c *payment.Change) Event {
	event := Event{Type: typeOf(c), Sequence: c.Event.Sequence, OccurredAt: Time(c.Event.At), Charge: OfCharge(&c.Charge)}
	if !c.Operation.ID.IsZero() {
		operation := OfOperation(&c.Operation)
		event.Operation = &operation
	}
	return event
}

func typeOf(c *payment.Change) string {
	kind := word(c.Operation.Kind)
	switch {
	case c.Event.Kind == payment.ChargeAccepted:
		return "charge.accepted"
	case c.Event.Kind == payment.OperationAccepted:
		return kind + ".accepted"
	case c.Event.Kind != payment.OperationEnded:
		return "charge." + word(c.Charge.State)
	case c.Operation.Outcome == payment.Refused:
		return kind + ".refused"
	case c.Operation.Kind == payment.Capture:
		return "charge.captured"
	case c.Operation.Kind == payment.Void:
		return "charge.voided"
	}
	return kind + ".done"
}
