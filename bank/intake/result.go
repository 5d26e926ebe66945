package intake

import (
	"time"

	"codebank.dev/bank"
	"codebank.dev/schemas/command"
)

// result returns what every result of a command says.
func (s *Service) result(o *order, decidedAt time.Time) command.Result {
	return command.Result{
		BankCode: string(s.Code), Producer: o.producer, RequestID: o.RequestID, TransactionID: o.transaction.String(), Kind: o.Kind,
		AccountID: o.AccountID, AmountMinor: o.AmountMinor, Currency: o.Currency, DecidedAtMillis: decidedAt.UnixMilli(), TraceID: trace(o),
	}
}

// refused is the result of a command that was not decided.
func (s *Service) refused(o *order, reason, field string, at time.Time) command.Result {
	result := s.result(o, at)
	result.Status, result.Reason, result.Field = command.Cancelled, reason, field
	return result
}

// decided is the result of a command that the ledger has decided. Its sequence is that of the entry on the account of
// the command, if there is one: a transfer that is given back has an entry on two accounts, and a command may
// name another account than the transaction that it gives back.
func (s *Service) decided(o *order, details *bank.TransactionDetails) command.Result {
	entry := &details.Entry
	result := s.result(o, entry.OccurredAt)
	result.Status = command.Completed
	for _, leg := range []*bank.Entry{entry, details.Second} {
		if leg != nil && leg.AccountID.String() == o.AccountID {
			result.Sequence = leg.Sequence
			break
		}
	}
	if o.Kind == command.Cancellation {
		result.AmountMinor, result.Currency = 0, ""
		return result
	}
	result.AmountMinor, result.Currency = entry.Amount, entry.Currency.String()
	if entry.Status == bank.Declined {
		result.Status, result.Reason = command.Cancelled, entry.Decline.String()
	}
	return result
}
