package synthetic

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// OpenRequest returns the request that opens the wallet of this index for a customer.
func (l *Load) OpenRequest(wallet int, customerID string) *bankv1.OpenAccountRequest {
	w := &l.wallets[wallet]
	return &bankv1.OpenAccountRequest{
		RequestId: l.WalletRequest(wallet), CustomerId: customerID, Currency: w.Currency, RequestTime: timestamppb.New(w.Opened),
	}
}

// DepositRequest returns the request of a step that pays cash in on an account.
func (s *Step) DepositRequest(account string) *bankv1.DepositRequest {
	return &bankv1.DepositRequest{
		RequestId: s.RequestID, Account: account, AmountMinor: s.AmountMinor, Currency: s.Currency, Description: s.Description,
		RequestTime: timestamppb.New(s.At),
	}
}

// WithdrawRequest returns the request of a step that pays cash out of an account.
func (s *Step) WithdrawRequest(account string) *bankv1.WithdrawRequest {
	return &bankv1.WithdrawRequest{
		RequestId: s.RequestID, Account: account, AmountMinor: s.AmountMinor, Currency: s.Currency, Description: s.Description,
		RequestTime: timestamppb.New(s.At),
	}
}

// PaymentRequest returns the request of a step that pays a merchant from the balance of an account.
func (s *Step) PaymentRequest(account string) *bankv1.PurchaseRequest {
	return &bankv1.PurchaseRequest{
		RequestId: s.RequestID, Account: account, AmountMinor: s.AmountMinor, Currency: s.Currency, Merchant: s.Merchant,
		Description: s.Description, RequestTime: timestamppb.New(s.At),
	}
}

// TransferRequest returns the request of a step that is a transfer between two accounts.
func (s *Step) TransferRequest(from, to string) *bankv1.TransferRequest {
	return &bankv1.TransferRequest{
		RequestId: s.RequestID, Source: from, Destination: to, AmountMinor: s.AmountMinor, Currency: s.Currency, Message: s.Description,
		RequestTime: timestamppb.New(s.At),
	}
}

// HoldRequest returns the request of a step that sets an amount of an account aside.
func (s *Step) HoldRequest(account string) *bankv1.PlaceHoldRequest {
	return &bankv1.PlaceHoldRequest{
		RequestId: s.RequestID, Account: account, AmountMinor: s.AmountMinor, Currency: s.Currency, Merchant: s.Merchant,
		Description: s.Description, RequestTime: timestamppb.New(s.At),
	}
}

// CaptureHoldRequest returns the request of a step that captures a hold on a wallet. transaction is the
// bank's name for the step that it follows.
func (s *Step) CaptureHoldRequest(transaction string) *bankv1.CaptureHoldRequest {
	return &bankv1.CaptureHoldRequest{RequestId: s.RequestID, Name: transaction, AmountMinor: s.AmountMinor, RequestTime: timestamppb.New(s.At)}
}

// VoidHoldRequest returns the request of a step that releases a hold on a wallet; see CaptureHoldRequest.
func (s *Step) VoidHoldRequest(transaction string) *bankv1.VoidHoldRequest {
	return &bankv1.VoidHoldRequest{Name: transaction, RequestTime: timestamppb.New(s.At)}
}

// GiveBackRequest returns the request of a step that gives a payment or a transfer back; see
// CaptureHoldRequest.
func (s *Step) GiveBackRequest(transaction string) *bankv1.ReverseRequest {
	return &bankv1.ReverseRequest{
		RequestId: s.RequestID, Name: transaction, AmountMinor: s.AmountMinor, Description: s.Description, RequestTime: timestamppb.New(s.At),
	}
}
