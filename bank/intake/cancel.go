package intake

import (
	"context"
	"errors"

	"codebank.dev/bank"
	"codebank.dev/bank/hold"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/command"
)

// reasonReleased is the reason of an outcome that is none: a cancellation was carried out under the request id. Its
// field is the transaction that the result names. It leaves the process in no result.
const reasonReleased = "CANCELLATION_COMPLETED"

// cancelHold releases a hold. The release has a transaction id of its own. So that the request id of the command
// stands for nothing else, it is ended, and what it stood for is stored.
func (s *Service) cancelHold(ctx context.Context, o *order, call wallet.Call) (bank.TransactionDetails, error) {
	before, err := s.Accounts.Details(ctx, o.transaction)
	switch {
	case err == nil && before.Entry.Status == bank.Voided:
		return before, nil
	case err == nil:
		return bank.TransactionDetails{}, bank.ErrRequestIDReused
	case !errors.Is(err, bank.ErrNotFound):
		return bank.TransactionDetails{}, err
	}
	held, err := field.ID("original_transaction_id", "", o.OriginalTransactionID)
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	state, err := s.Holds.Void(ctx, hold.VoidRequest{Caller: call.Caller, TraceID: call.TraceID, Subject: call.Subject, Hold: held})
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	// If the hold was declined, nothing is set aside, as was asked for.
	released := bank.TransactionDetails{Entry: state.Hold}
	if !state.EndID.IsZero() {
		if released, err = s.Accounts.Details(ctx, state.EndID); err != nil {
			return bank.TransactionDetails{}, err
		}
	}
	return released, s.occupy(ctx, o, call, released.Entry.TransactionID)
}

// occupy ends the request id of a cancellation that was carried out. After a crash in between the command is read
// again and does the same. If another command has got the same request id at the same moment, both are carried out.
func (s *Service) occupy(ctx context.Context, o *order, call wallet.Call, released bank.ID) error {
	if _, err := s.Store.StoreOutcome(ctx, s.outcome(o, reasonReleased, released.String())); err != nil {
		return err
	}
	if _, err := s.Wallets.Cancel(ctx, call); err != nil && !permanent(err) {
		return err
	}
	return nil
}

// afterRelease returns the result of a command whose request id stands for a cancellation that was carried out: the
// same result for the same cancellation, and a refusal for any other command.
func (s *Service) afterRelease(ctx context.Context, o *order, stored *bank.CommandOutcome) (command.Result, error) {
	released, err := id.Parse(stored.Field)
	if err != nil {
		return command.Result{}, err
	}
	details, err := s.Accounts.Details(ctx, released)
	if err != nil {
		return command.Result{}, err
	}
	original := details.Entry.OriginalID
	if details.Entry.Kind == bank.KindHold {
		original = released
	}
	if o.Kind == command.Cancellation && original.String() == o.OriginalTransactionID {
		return s.decided(o, &details), nil
	}
	return s.refused(o, bank.ErrRequestIDReused.Reason, "request_id", stored.DecidedAt), nil
}
