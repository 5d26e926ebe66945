package pix

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
)

// errNotDestination refuses to resolve what this bank has sent itself, and the return of a payment.
var errNotDestination = fault.New(fault.FailedPrecondition, "NOT_RESOLVABLE", "Only a payment from another bank can be resolved, at the bank that receives it.")

// Resolve ends a payment that has not arrived: it says for good that this bank will not credit it, unless it has
// done so. The hub sends the payment again until it is answered, so its bank then hears the answer in the ordinary way:
// REJECTED, or CONFIRMED for a payment that was credited before. A repeat gets the first answer. Only an operator may.
//
// Errors: fault.InvalidArgument name; fault.FailedPrecondition NOT_RESOLVABLE; those of ledger.Executor.Submit.
func (s *Service) Resolve(ctx context.Context, call Call, name string) (Payment, error) {
	text, err := textOf(name)
	if err != nil {
		return Payment{}, err
	}
	if endToEnd, _ := ParseEndToEnd(text); endToEnd.Return || endToEnd.Bank == s.Code {
		return Payment{}, errNotDestination
	}
	outcome, err := s.Ledger.Submit(ctx, &resolve{id: s.Code.PixInID(text), endToEndID: text, request: bank.Request{
		Caller: call.Caller, ID: text, TraceID: call.TraceID, PrincipalKind: call.Subject.Kind,
	}})
	if err != nil {
		return Payment{}, err
	}
	return s.received(outcome.Entry, 0), nil
}

// resolve is the command that ends a payment that has not arrived. The key of its transaction is that of the credit,
// so one of the two is written.
type resolve struct {
	id         bank.ID
	endToEndID string
	request    bank.Request
}

// Key implements bank.Command.
func (c *resolve) Key() bank.ID { return c.id }

// Keys implements bank.Command.
func (c *resolve) Keys() bank.Keys { return bank.Keys{Transactions: []bank.ID{c.id}} }

// Decide implements bank.Command.
func (c *resolve) Decide(book *bank.Book, now time.Time) bank.Outcome {
	if first := book.Entry(c.id); first != nil {
		return bank.Outcome{Entry: first, Repeat: true}
	}
	return bank.Outcome{Entry: book.Refuse(tombstone(c.id, c.request, c.endToEndID, reasonResolved), now)}
}
