package payment

import (
	"time"

	"codebank.dev/platform/id"
)

// Change is one change of a charge: what is there after it, and its event.
type Change struct {
	Charge Charge
	// Operation is the operation that was accepted or has ended; zero if the charge itself was accepted or decided, or
	// has expired.
	Operation Operation
	Event     Event
}

// AcceptAt is Accept for a request. Time never goes back within a charge.
func (c Charge) AcceptAt(request *OperationRequest) (Charge, Operation, error) {
	return c.Accept(request.ID, request.Kind, request.AmountMinor, later(request.At, c.ChangedAt))
}

// Apply returns what an answer makes of a charge, one after the other; operation is the one that the answer is about,
// and is not read unless the answer is to an operation. An operation that came too late ends, and then the charge
// expires. Time never goes back within a charge. Errors: ErrDecided, ErrEarly and those of Charge.Lapsed; then nothing
// changes.
func (c Charge) Apply(operation Operation, result *Result) ([]Change, error) {
	at := later(result.At, c.ChangedAt)
	switch {
	case result.Expiry && !result.Decision.Lapsed:
		return nil, ErrEarly
	case result.Expiry:
		return c.applyLapse(at)
	case result.Operation.IsZero():
		decided, err := c.Decided(result.Decision, at)
		if err != nil {
			return nil, err
		}
		return []Change{{Charge: decided, Event: EventOf(ChargeDecided, &decided, id.ID{})}}, nil
	}
	var rejection *Rejection
	if !result.Decision.Approved {
		rejection = &result.Decision.Rejection
	}
	after, ended, err := c.End(operation, rejection, at)
	if err != nil {
		return nil, err
	}
	changes := []Change{{Charge: after, Operation: ended, Event: EventOf(OperationEnded, &after, ended.ID)}}
	if result.Decision.Lapsed {
		lapsed, _ := after.applyLapse(at) // It may have ended already.
		changes = append(changes, lapsed...)
	}
	return changes, nil
}

func (c Charge) applyLapse(at time.Time) ([]Change, error) {
	lapsed, err := c.Lapsed(at)
	if err != nil {
		return nil, err
	}
	return []Change{{Charge: lapsed, Event: EventOf(ChargeExpired, &lapsed, id.ID{})}}, nil
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
