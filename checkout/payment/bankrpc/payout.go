package bankrpc

import (
	"context"

	"codebank.dev/checkout/bankrpc/line"
	"codebank.dev/checkout/payment"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// payoutDescription is what the statement of the merchant's account says beside his name.
const payoutDescription = "Payout"

// PayOut implements payment.Payer. It is a deposit from the merchant's settlement account.
func (a *Acquirer) PayOut(ctx context.Context, order *payment.PayoutOrder) (payment.Decision, error) {
	ctx, cancel := call(ctx, order.TraceID)
	defer cancel()
	name := order.ID.String()
	answer, err := a.wallets.PayOut(ctx, &bankv1.PayOutRequest{
		RequestId: name, Account: order.Account, AmountMinor: order.Amount.Minor, Currency: order.Amount.Currency.String(),
		Merchant: merchant(order.Merchant, &order.Profile), Description: payoutDescription, MerchantReference: name,
	})
	if err != nil {
		return payment.Decision{}, translate(serve.FromStatus(err))
	}
	made := answer.GetTransaction()
	if made.GetRequestId() != name {
		return payment.Decision{}, senseless("a decision about another request")
	}
	switch made.GetStatus() {
	case bankv1.TransactionStatus_TRANSACTION_STATUS_VOIDED:
		return payment.Decision{Rejection: voided}, nil
	case bankv1.TransactionStatus_TRANSACTION_STATUS_DECLINED:
		code, reason, message := line.Decline(made.GetDecline())
		return payment.Decision{Rejection: payment.Rejection{Code: code, Reason: reason, Message: message}}, nil
	case bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED:
		if made.GetDestination() != order.Account || made.GetAmountMinor() != order.Amount.Minor || made.GetMerchant().GetId() != order.Merchant {
			return payment.Decision{}, senseless("a payout of another merchant, account or amount")
		}
		return payment.Decision{Approved: true}, nil
	}
	return payment.Decision{}, senseless("a payout without a status")
}
