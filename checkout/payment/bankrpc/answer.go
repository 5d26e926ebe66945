package bankrpc

import (
	"errors"
	"strings"

	"codebank.dev/checkout/bankrpc/line"
	"codebank.dev/checkout/payment"
	"codebank.dev/platform/fault"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// errSenseless answers what no bank of this contract answers. It leaves the outcome unknown.
var errSenseless = fault.New(fault.Internal, "BANK_ANSWER", "The bank's answer could not be understood.")

func senseless(what string) error { return errSenseless.Wrap(errors.New(what)) }

// decisionOf reads a purchase. What is about another request or another amount is no answer.
func decisionOf(purchase *bankv1.Purchase, asked *payment.Authorization) (payment.Decision, error) {
	if purchase.GetRequestId() != asked.Charge.String() {
		return payment.Decision{}, senseless("a decision about another request")
	}
	state := stateOf(purchase)
	switch {
	case state == payment.Rejected:
		code, reason, message := line.Decline(purchase.GetDecline())
		return payment.Decision{Rejection: payment.Rejection{Code: code, Reason: reason, Message: message}}, nil
	case state == payment.Voided:
		return payment.Decision{Rejection: voided}, nil
	case asked.CaptureNow && state != payment.Approved, !asked.CaptureNow && state != payment.Authorized:
		return payment.Decision{}, senseless("a decision about another kind of purchase")
	case purchase.GetAmountMinor() != asked.Amount.Minor || purchase.GetCurrency() != asked.Amount.Currency.String():
		return payment.Decision{}, senseless("a decision about another amount")
	case !strings.HasPrefix(purchase.GetName(), "purchases/"):
		return payment.Decision{}, senseless("an approved purchase without a name")
	}
	decision := payment.Decision{Approved: true, Purchase: purchase.GetName()}
	if !asked.CaptureNow {
		if !purchase.GetExpireTime().IsValid() {
			return payment.Decision{}, senseless("an authorization without an end")
		}
		decision.ExpiresAt = purchase.GetExpireTime().AsTime()
	}
	return decision, nil
}

// voided rejects a charge whose request id was ended before it was decided: it was refused.
var voided = payment.Rejection{Code: "05", Reason: "REFUSED", Message: "The bank refused the request."}

var states = map[bankv1.PurchaseStatus]payment.State{
	bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED:   payment.Approved,
	bankv1.PurchaseStatus_PURCHASE_STATUS_DECLINED:   payment.Rejected,
	bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED:     payment.Voided,
	bankv1.PurchaseStatus_PURCHASE_STATUS_AUTHORIZED: payment.Authorized,
	bankv1.PurchaseStatus_PURCHASE_STATUS_CAPTURED:   payment.Approved,
	bankv1.PurchaseStatus_PURCHASE_STATUS_EXPIRED:    payment.Expired,
}

// stateOf returns the state of a charge whose purchase this is; 0 if there is none.
func stateOf(purchase *bankv1.Purchase) payment.State { return states[purchase.GetStatus()] }
