package wallet

import (
	"context"
	"errors"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/hold"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/principal"
)

// errNotPending refuses to cancel what has moved money or opened an account.
var errNotPending = fault.New(fault.FailedPrecondition, "NOT_PENDING", "The transaction is completed. Reverse gives back what it moved.")

// errContended answers a cancel whose transaction was decided at every attempt.
var errContended = fault.New(fault.Unavailable, "CONTENDED", "The transaction is being decided at this moment. Please try again.")

// resolveAttempts limits how often a cancel is resolved again because its transaction was decided in
// between.
const resolveAttempts = 4

// Cancel ends a request id of the caller whose transaction is pending. An id that was never used is stored
// as VOIDED, so that a request that arrives later gets that outcome, and a pending hold is released. A
// declined transaction and a hold that ended without a capture are returned as they are. Cancel is
// idempotent.
//
// Errors: fault.InvalidArgument request_id; fault.NotFound when the transaction is another customer's;
// fault.FailedPrecondition NOT_PENDING; those of ledger.Executor.Submit.
func (s *Service) Cancel(ctx context.Context, call Call) (bank.TransactionDetails, error) {
	if err := field.Word("request_id", call.RequestID); err != nil {
		return bank.TransactionDetails{}, err
	}
	id := s.transaction(&call)
	for range resolveAttempts {
		details, err := s.Accounts.Details(ctx, id)
		switch {
		case err == nil:
			return s.cancelDecided(ctx, &call, details)
		case !errors.Is(err, bank.ErrNotFound):
			return bank.TransactionDetails{}, err
		}
		canceled, err := s.submit(ctx, &cancel{id: id, request: bank.Request{
			Caller: call.Caller, ID: call.RequestID, TraceID: call.TraceID, PrincipalKind: call.Subject.Kind,
		}})
		if !errors.Is(err, bank.ErrStale) {
			return canceled, err
		}
	}
	return bank.TransactionDetails{}, errContended
}

// cancelDecided ends a transaction that was decided before.
func (s *Service) cancelDecided(ctx context.Context, call *Call, details bank.TransactionDetails) (bank.TransactionDetails, error) {
	entry := &details.Entry
	switch {
	case call.Subject.Kind == principal.User && !entry.IsRefusal() && !call.Subject.Is(entry.CustomerID):
		return bank.TransactionDetails{}, errNoTransaction
	case entry.Status == bank.Voided, entry.Status == bank.Declined:
		return details, nil
	case entry.Kind == bank.KindHold:
		return s.cancelHold(ctx, call, entry.TransactionID)
	}
	return bank.TransactionDetails{}, errNotPending
}

// cancelHold releases a pending hold and returns it as it is now.
func (s *Service) cancelHold(ctx context.Context, call *Call, id bank.ID) (bank.TransactionDetails, error) {
	state, err := s.Holds.Void(ctx, hold.VoidRequest{Caller: call.Caller, TraceID: call.TraceID, Subject: call.Subject, Hold: id})
	switch {
	case err == nil:
		return bank.TransactionDetails{Entry: state.Hold, Released: state.Released}, nil
	case fault.CodeOf(err) == fault.NotFound:
		return bank.TransactionDetails{}, errNoTransaction
	case fault.CodeOf(err) == fault.FailedPrecondition:
		return bank.TransactionDetails{}, errNotPending
	}
	return bank.TransactionDetails{}, err
}

// cancel is the command that ends a request id that was never used.
type cancel struct {
	id      bank.ID
	request bank.Request
}

// Key implements bank.Command. It is that of the request that the command ends, so that the command waits
// for one that is in flight.
func (c *cancel) Key() bank.ID { return c.id }

// Keys implements bank.Command.
func (c *cancel) Keys() bank.Keys { return bank.Keys{Transactions: []bank.ID{c.id}} }

// Decide implements bank.Command.
func (c *cancel) Decide(book *bank.Book, now time.Time) bank.Outcome {
	if book.Entry(c.id) != nil {
		return bank.Outcome{Err: bank.ErrStale}
	}
	return bank.Outcome{Entry: book.Refuse(bank.Tombstone(c.id, c.request), now)}
}
