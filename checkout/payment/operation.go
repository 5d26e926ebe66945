package payment

import (
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// Kind is what an operation does to a charge. The numbers are stored: append only.
type Kind uint8

// The kinds.
const (
	NoOperation Kind = iota
	// Capture takes what was set aside, or a part of it. The rest is released.
	Capture
	// Void releases what was set aside.
	Void
	// Refund gives back a part of what was captured, or all of it. A charge may have many.
	Refund
)

var kinds = [...]string{"UNSPECIFIED", "CAPTURE", "VOID", "REFUND"}

// String returns the kind as the wire names it.
func (k Kind) String() string { return nameOf(kinds[:], int(k)) }

// Outcome is how an operation ended. The numbers are stored: append only.
type Outcome uint8

// The outcomes.
const (
	Open Outcome = iota + 1
	Done
	Refused
)

var outcomes = [...]string{"UNSPECIFIED", "PENDING", "DONE", "REFUSED"}

// String returns the outcome as the wire names it.
func (o Outcome) String() string { return nameOf(outcomes[:], int(o)) }

// Operation is a capture, a void or a refund of a charge. Like a charge it is accepted first and decided afterwards.
type Operation struct {
	ID     id.ID
	Charge id.ID
	Kind   Kind
	// Amount is what is captured or given back; all that was set aside for a void.
	Amount money.Amount
	// Outcome is Open until the acquirer has answered.
	Outcome Outcome
	// Rejection is why the acquirer refused; zero unless Refused.
	Rejection Rejection

	CreatedAt time.Time
	EndedAt   time.Time // zero while Open
}

// Accept returns the charge and an operation on it that is accepted now. The amount must be zero for a void. Zero
// captures all that was set aside, and gives back all that is left. Errors: ErrPending, ErrState, ErrEnding, ErrAmount.
func (c Charge) Accept(operationID id.ID, kind Kind, amount int64, now time.Time) (Charge, Operation, error) {
	most, err := c.most(kind)
	if err != nil {
		return c, Operation{}, err
	}
	if amount == 0 {
		amount = most
	} else if kind == Void {
		return c, Operation{}, ErrAmount
	}
	if amount <= 0 || amount > most {
		return c, Operation{}, ErrAmount
	}
	if kind == Refund {
		c.Reserved += amount
	} else {
		c.Ending = kind
	}
	operation := Operation{
		ID: operationID, Charge: c.ID, Kind: kind, Amount: money.Amount{Minor: amount, Currency: c.Amount.Currency},
		Outcome: Open, CreatedAt: now,
	}
	return c.changed(now), operation, nil
}

// most returns the largest amount of an operation in minor units, or why the charge has no such operation.
func (c *Charge) most(kind Kind) (int64, error) {
	if c.State == Pending {
		return 0, ErrPending
	}
	switch kind {
	case Capture, Void:
		if c.State != Authorized {
			return 0, StateError{c.State}
		}
		if c.Ending != NoOperation {
			return 0, ErrEnding
		}
		return c.Amount.Minor, nil
	case Refund:
		if c.State != Approved {
			return 0, StateError{c.State}
		}
		return c.Refundable(), nil
	}
	return 0, ErrState
}

// End returns the charge and the operation after the acquirer's answer; rejection is nil if it agreed. An answer
// that comes twice is ErrDecided, and changes nothing. The operation must be one of this charge. A capture that the
// acquirer refused because the authorization has ended leaves the charge Authorized, and Lapsed ends it.
func (c Charge) End(operation Operation, rejection *Rejection, now time.Time) (Charge, Operation, error) {
	if operation.Outcome != Open {
		return c, operation, ErrDecided
	}
	if operation.Kind == Refund {
		c.Reserved -= operation.Amount.Minor
	} else {
		c.Ending = NoOperation
	}
	operation.Outcome, operation.EndedAt = Done, now
	if rejection != nil {
		operation.Outcome, operation.Rejection = Refused, *rejection
		return c.changed(now), operation, nil
	}
	switch operation.Kind {
	case Capture:
		c.State, c.Captured = Approved, operation.Amount.Minor
	case Void:
		c.State = Voided
	case Refund:
		c.Refunded += operation.Amount.Minor
	}
	return c.changed(now), operation, nil
}
