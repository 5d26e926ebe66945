package transfer

import (
	"context"

	"codebank.dev/gateway"
	"codebank.dev/gateway/failpoints"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
)

// Transfer returns a transfer of a user as it is now. Errors: gateway.ErrNoTransfer; fault.Unavailable.
func (s *Service) Transfer(ctx context.Context, user, transfer id.ID) (gateway.Transfer, error) {
	return s.config.Store.Transfer(ctx, user, transfer)
}

// Transfers returns a page of a user's transfers, the newest first. Errors: fault.Unavailable.
func (s *Service) Transfers(ctx context.Context, user id.ID, page gateway.Page) ([]gateway.Transfer, error) {
	return s.config.Store.Transfers(ctx, user, page)
}

// errNotPending refuses to cancel what has moved money.
var errNotPending = fault.New(fault.FailedPrecondition, "NOT_PENDING", "The transfer is completed and cannot be cancelled any more.")

// Cancel cancels a transfer of a user that is processing, and returns it as it is then. The bank decides: either the
// money has moved, or it never will. Cancelling a cancelled transfer changes nothing, and before says so.
//
// Errors: gateway.ErrNoTransfer; fault.FailedPrecondition NOT_PENDING if it is completed; fault.Unavailable if nobody
// knows, so ask again.
func (s *Service) Cancel(ctx context.Context, user, name id.ID) (transfer gateway.Transfer, before bool, err error) {
	transfer, err = s.config.Store.Transfer(ctx, user, name)
	switch {
	case err != nil:
		return gateway.Transfer{}, false, err
	case transfer.Status == gateway.Cancelled:
		return transfer, true, nil
	case transfer.Status == gateway.Completed:
		return gateway.Transfer{}, false, errNotPending
	}
	reason, err := s.config.Bank.Cancel(ctx, name.String())
	if err != nil {
		// The result of a transfer that the bank has completed comes by its topic.
		if fault.CodeOf(err) == fault.FailedPrecondition {
			err = errNotPending.Wrap(err)
		}
		return gateway.Transfer{}, false, err
	}
	s.config.Failpoint.At(failpoints.CancelDecided)
	ending := gateway.Ending{ID: name, Status: gateway.Cancelled, Error: gateway.CancelledByOwner, At: s.config.Now().UTC()}
	if reason != "" {
		ending.Error = errorOf(reason, "")
	}
	if _, err := s.config.Store.End(ctx, []gateway.Ending{ending}); err != nil {
		return gateway.Transfer{}, false, err
	}
	transfer, err = s.config.Store.Transfer(ctx, user, name)
	return transfer, false, err
}
