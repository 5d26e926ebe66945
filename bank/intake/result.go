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

// decided is the result of a command whose decision is an entry.
func (s *Service) decided(o *order, entry *bank.Entry) command.Result {
	result := s.result(o, entry.OccurredAt)
	result.Status, result.Sequence = command.Completed, entry.Sequence
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
