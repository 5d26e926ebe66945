package line

import (
	"strings"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// A bank that declines without saying why is read as "do not honour".
const (
	defaultDeclineCode    = "05"
	defaultDeclineReason  = "UNSPECIFIED"
	defaultDeclineMessage = "The bank declined the purchase."
)

// Decline returns the ISO 8583 response code of a decline, its reason as the contract names it, and what the payer may
// read. None is empty.
func Decline(d *bankv1.Decline) (code, reason, message string) {
	code, reason, message = d.GetCode(), defaultDeclineReason, d.GetMessage()
	if name, ok := strings.CutPrefix(d.GetReason().String(), "DECLINE_REASON_"); ok {
		reason = name
	}
	if code == "" {
		code = defaultDeclineCode
	}
	if message == "" {
		message = defaultDeclineMessage
	}
	return code, reason, message
}
