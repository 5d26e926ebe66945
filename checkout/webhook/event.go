package webhook

import (
	"encoding/json"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/view"
)

// Type is what an event tells, in the words of package view. The texts are a contract: append only.
type Type string

// Types returns all types, sorted.
func Types() []Type {
	return []Type{
		"capture.accepted", "capture.refused",
		"charge.accepted", "charge.approved", "charge.authorized", "charge.captured", "charge.expired", "charge.rejected", "charge.voided",
		"refund.accepted", "refund.done", "refund.refused",
		"void.accepted", "void.refused",
	}
}

// Outcomes returns the types that a merchant gets unless he chooses: what he has not just asked for himself.
func Outcomes() []Type {
	return []Type{
		"capture.refused",
		"charge.approved", "charge.authorized", "charge.captured", "charge.expired", "charge.rejected", "charge.voided",
		"refund.done", "refund.refused",
		"void.refused",
	}
}

// body is the form of a payload, which the scheme asks for.
type body struct {
	Type      string    `json:"type"`
	Timestamp view.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	// Sequence counts the events of a merchant and mode. Messages may arrive in any order.
	Sequence  int64           `json:"sequence"`
	Charge    view.Charge     `json:"charge"`
	Operation *view.Operation `json:"operation"`
}

// Payload returns the type of a change and the body of the message that tells of it: what happened, when, and the
// charge as REST shows it at that time.
func Payload(change *payment.Change) (Type, []byte, error) {
	event := view.OfChange(change)
	text, err := PayloadOf(&event)
	return Type(event.Type), text, err
}

// PayloadOf is Payload for an event as the live feed tells it.
func PayloadOf(event *view.Event) ([]byte, error) {
	return json.Marshal(body{
		Type: event.Type, Timestamp: event.OccurredAt,
		Data: data{Sequence: event.Sequence, Charge: event.Charge, Operation: event.Operation},
	})
}
