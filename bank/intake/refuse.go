package intake

import (
	"context"
	"errors"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/fault"
	"codebank.dev/schemas/command"
)

// errCancelled is why a command ended whose request id was cancelled before the command came.
var errCancelled = fault.New(fault.Aborted, "CANCELLED_BY_REQUEST", "The request was cancelled before it was carried out.")

// refuseAttempts limits how often a command is refused again because its request id was decided in between.
const refuseAttempts = 4

// errContended answers a command whose request id was decided at every attempt.
var errContended = fault.New(fault.Unavailable, "CONTENDED", "The transaction is being decided at this moment. Please try again.")

// refuse ends a command that got no decision: because of a reason, or because its request id had ended
// (nil). The ledger decides what its end is:
//
//   - The request id has ended without a decision: the reason is the one that was stored first. None was stored
//     if the request id was cancelled. A cancellation that was carried out has stored that.
//   - The ledger has the decision of this same command. What has changed since, such as who owns the account,
//     changes no answer.
//   - The ledger has the decision of another request: nothing is stored, because the request id belongs to that
//     one and the result of this record does not end it.
//   - Nothing: the reason is stored and then the request id is ended, so that whatever comes later under this id
//     moves no money. A crash in between stores the same reason again.
func (s *Service) refuse(ctx context.Context, o *order, call wallet.Call, reason *fault.Error) (command.Result, error) {
	for range refuseAttempts {
		details, err := s.Accounts.Details(ctx, o.transaction)
		switch {
		case err == nil && details.Entry.Status == bank.Voided:
			return s.ended(ctx, o, &details.Entry)
		case err == nil && sameRequest(o, &details.Entry):
			return s.decided(o, &details), nil
		case err == nil:
			return s.refused(o, bank.ErrRequestIDReused.Reason, "request_id", details.Entry.OccurredAt), nil
		case !errors.Is(err, bank.ErrNotFound):
			return command.Result{}, err
		case reason == nil || reason.Code == fault.Aborted:
			// A read that is older than the ledger: it is read again.
			continue
		}
		if _, err := s.Store.StoreOutcome(ctx, s.outcome(o, reason.Reason, reason.Field)); err != nil {
			return command.Result{}, err
		}
		if _, err := s.Wallets.Cancel(ctx, call); err != nil && !permanent(err) {
			return command.Result{}, err
		}
	}
	return command.Result{}, errContended
}

// ended returns the result of a command whose request id has ended without a decision.
func (s *Service) ended(ctx context.Context, o *order, tombstone *bank.Entry) (command.Result, error) {
	outcome := s.outcome(o, errCancelled.Reason, "")
	outcome.DecidedAt = tombstone.OccurredAt
	first, err := s.Store.StoreOutcome(ctx, outcome)
	if err != nil {
		return command.Result{}, err
	}
	if first.Reason == reasonReleased {
		return s.afterRelease(ctx, o, &first)
	}
	return s.refused(o, first.Reason, first.Field, first.DecidedAt), nil
}

func (s *Service) outcome(o *order, reason, field string) bank.CommandOutcome {
	return bank.CommandOutcome{
		TransactionID: o.transaction, Reason: reason, Field: field, DecidedAt: s.Now().UTC().Truncate(time.Millisecond),
	}
}

// sameRequest reports whether an entry is the decision of a command, by what both say.
func sameRequest(o *order, entry *bank.Entry) bool {
	if entry.Description != o.Description || entry.Request.ID != o.RequestID || entry.MerchantReference != "" {
		return false
	}
	if o.Kind == command.Reversal {
		return entry.Kind == bank.KindReversal && entry.OriginalID.String() == o.OriginalTransactionID &&
			(o.AmountMinor == 0 || entry.Amount == o.AmountMinor)
	}
	if entry.AccountID.String() != o.AccountID || entry.Amount != o.AmountMinor || entry.Currency.String() != o.Currency {
		return false
	}
	switch o.Kind {
	case command.Deposit:
		return entry.Kind == bank.KindDeposit
	case command.Withdrawal:
		return entry.Kind == bank.KindWithdrawal
	case command.Purchase:
		return entry.Kind == bank.KindPurchase && entry.Channel == bank.ChannelAPI && entry.Merchant == merchant(o)
	case command.Transfer:
		return entry.Kind == bank.KindTransfer && entry.CounterpartyAccountID.String() == o.DestinationAccountID
	}
	return false
}
