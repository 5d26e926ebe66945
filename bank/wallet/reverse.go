package wallet

import (
	"context"
	"errors"

	"codebank.dev/bank"
	"codebank.dev/bank/reversal"
	"codebank.dev/platform/field"
)

// ReverseRequest asks for a transaction to be given back.
type ReverseRequest struct {
	Call
	Name string // transactions/{uuid}: a purchase, the capture of a hold, or a transfer
	// AmountMinor is how much to give back, in minor units; 0 means all that is left.
	AmountMinor int64
	Description string
}

// Reverse gives an approved purchase, a capture or a transfer back, in whole or in parts; see
// reversal.Allowed for who may ask. A transfer is declined when its recipient does not have the amount any
// more. It is idempotent by caller and request id.
//
// Errors: fault.InvalidArgument with the name of the field; fault.NotFound when there is no such
// transaction, or none that the principal may have given back; fault.FailedPrecondition NOT_REVERSIBLE,
// ALREADY_REVERSED, AMOUNT_ABOVE_LEFT or ACCOUNT_CLOSED; fault.Aborted REQUEST_ID_REUSED, also for a
// request id that was cancelled; those of ledger.Executor.Submit.
func (s *Service) Reverse(ctx context.Context, request ReverseRequest) (bank.TransactionDetails, error) {
	original, err := field.ID("name", "transactions/", request.Name)
	amount := error(nil)
	if request.AmountMinor != 0 {
		amount = field.Amount("amount_minor", request.AmountMinor)
	}
	err = field.First(field.Word("request_id", request.RequestID), err, amount,
		field.OptionalText("description", request.Description, field.MaxDescription), s.History.Check(request.At))
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	parties, err := s.Directory.Parties(ctx, original)
	if errors.Is(err, bank.ErrNotFound) || err == nil && parties.AccountID.IsZero() {
		return bank.TransactionDetails{}, errNoTransaction
	}
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	form := bank.NewCanonical("wallet-reverse").Text(original.String()).Number(request.AmountMinor).Text(request.Description).
		Moment(request.At)
	return s.submit(ctx, &reversal.Command{
		ID: s.transaction(&request.Call), Original: original, Parties: parties, Amount: request.AmountMinor,
		Request: s.request(&request.Call, form), Subject: request.Subject, Missing: errNoTransaction, Description: request.Description,
		At: request.At,
	})
}
