package payment

import "time"

// Change is what an answer makes of a charge.
type Change struct {
	Charge Charge
	// Operation is the operation that has ended; zero if the charge itself was decided.
	Operation Operation
	Event     Event
}

// AcceptAt is Accept for a request. Time never goes back within a charge.
func (c Charge) AcceptAt(request *OperationRequest) (Charge, Operation, error) {
	return c.Accept(request.ID, request.Kind, request.AmountMinor, later(request.At, c.ChangedAt))
}

// Apply returns what an answer makes of a charge; operation is the one that the answer is about, and is not read if
// the answer is to the charge itself. Time never goes back within a charge. Error: ErrDecided, and nothing changes.
func (c Charge) Apply(operation Operation, result *Result) (Change, error) {
	at := later(result.At, c.ChangedAt)
	if result.Operation.IsZero() {
		decided, err := c.Decided(result.Decision, at)
		return Change{Charge: decided, Event: EventOf(ChargeDecided, &decided, result.Operation)}, err
	}
	var rejection *Rejection
	if !result.Decision.Approved {
		rejection = &result.Decision.Rejection
	}
	after, ended, err := c.End(operation, rejection, at)
	return Change{Charge: after, Operation: ended, Event: EventOf(OperationEnded, &after, ended.ID)}, err
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
