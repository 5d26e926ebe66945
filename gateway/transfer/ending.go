package transfer

import (
	"regexp"
	"strings"
	"time"

	"codebank.dev/gateway"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/command"
)

// EndingOf returns what a result of a bank means for a transfer. It is false for a result that is about no transfer
// of the gateway: another bank's, another producer's, of another kind, or of a form that no bank writes.
func EndingOf(result *command.Result, bankCode string) (gateway.Ending, bool) {
	name, err := id.Parse(result.RequestID)
	if err != nil || result.BankCode != bankCode || result.Producer != gateway.Namespace || result.Kind != command.Transfer {
		return gateway.Ending{}, false
	}
	if result.DecidedAtMillis < 0 || result.DecidedAtMillis > lastMillis {
		return gateway.Ending{}, false
	}
	ending := gateway.Ending{ID: name, At: time.UnixMilli(result.DecidedAtMillis).UTC()}
	switch result.Status {
	case command.Completed:
		ending.Status, ending.Sequence = gateway.Completed, result.Sequence
		ending.TransactionID, err = id.Parse(result.TransactionID)
		return ending, err == nil && result.Sequence > 0
	case command.Cancelled:
		if !isReason(result.Reason) {
			return gateway.Ending{}, false
		}
		ending.Status, ending.Error = gateway.Cancelled, errorOf(result.Reason, result.Field)
		return ending, true
	}
	return gateway.Ending{}, false
}

// lastMillis is the end of the year 9999 in milliseconds since 1970: no database keeps a time far behind it.
const lastMillis = 253_402_300_799_999

// isReason reports whether a result may have a reason. The empty one is that of a cancellation.
var isReason = regexp.MustCompile(`^[A-Z0-9_]{0,64}$`).MatchString

// named are the reasons of the bank that have a name in the seed, or that say the same here.
var named = map[string]string{
	"INSUFFICIENT_FUNDS":   gateway.NotEnoughFunds,
	"CANCELLED_BY_REQUEST": gateway.CancelledByOwner,
}

// errorOf returns the error of a transfer that the bank has cancelled for a reason, which may be about a field of
// its request.
func errorOf(reason, field string) string {
	switch {
	case reason == "ACCOUNT_NOT_FOUND" && field != "account_id" && field != "source":
		return gateway.ToAccountNotFound
	case named[reason] != "":
		return named[reason]
	case reason == "":
		return gateway.CancelledByOwner
	}
	return strings.ToLower(reason)
}
