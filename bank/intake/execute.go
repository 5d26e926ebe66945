package intake

import (
	"context"
	"encoding/hex"

	"codebank.dev/bank"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/fault"
	"codebank.dev/schemas/command"
)

// calls are the calls that the kinds of command make.
var calls = map[string]func(*Service, context.Context, *order, wallet.Call) (bank.TransactionDetails, error){
	command.Deposit: func(s *Service, ctx context.Context, o *order, call wallet.Call) (bank.TransactionDetails, error) {
		return s.Wallets.Deposit(ctx, cash(o, call))
	},
	command.Withdrawal: func(s *Service, ctx context.Context, o *order, call wallet.Call) (bank.TransactionDetails, error) {
		return s.Wallets.Withdraw(ctx, cash(o, call))
	},
	command.Purchase: func(s *Service, ctx context.Context, o *order, call wallet.Call) (bank.TransactionDetails, error) {
		return s.Wallets.Purchase(ctx, wallet.PurchaseRequest{
			Call: call, Account: account(o.AccountID), AmountMinor: o.AmountMinor, Currency: o.Currency, Merchant: merchant(o), Description: o.Description,
		})
	},
	command.Transfer: func(s *Service, ctx context.Context, o *order, call wallet.Call) (bank.TransactionDetails, error) {
		return s.Wallets.Transfer(ctx, wallet.TransferRequest{
			Call: call, Source: account(o.AccountID), Destination: account(o.DestinationAccountID),
			AmountMinor: o.AmountMinor, Currency: o.Currency, Message: o.Description,
		})
	},
	command.Reversal: func(s *Service, ctx context.Context, o *order, call wallet.Call) (bank.TransactionDetails, error) {
		return s.Wallets.Reverse(ctx, wallet.ReverseRequest{
			Call: call, Name: "transactions/" + o.OriginalTransactionID, AmountMinor: o.AmountMinor, Description: o.Description,
		})
	},
	command.Cancellation: (*Service).cancelHold,
}

func account(id string) string { return "accounts/" + id }

func cash(o *order, call wallet.Call) wallet.CashRequest {
	return wallet.CashRequest{Call: call, Account: account(o.AccountID), AmountMinor: o.AmountMinor, Currency: o.Currency, Description: o.Description}
}

func merchant(o *order) bank.Merchant {
	return bank.Merchant{
		ID: o.MerchantID, Name: o.MerchantName, CategoryCode: o.MerchantCategoryCode, City: o.MerchantCity, Country: o.MerchantCountry,
	}
}

// execute ends a command: by the decision of the ledger, or for good without one. An error means that it has
// not ended.
func (s *Service) execute(ctx context.Context, o *order) (command.Result, error) {
	working, subject, err := s.Edge.Enter(ctx, Asked{Producer: o.producer, User: o.user, Kind: o.Kind, TraceID: trace(o)})
	call := wallet.Call{Caller: o.namespace, RequestID: o.RequestID, TraceID: trace(o), Subject: subject}
	if err != nil {
		working = ctx
	} else {
		var details bank.TransactionDetails
		if details, err = calls[o.Kind](s, working, o, call); err == nil && details.Entry.Status != bank.Voided {
			return s.decided(o, &details), nil
		}
	}
	if err != nil && !permanent(err) {
		return command.Result{}, err
	}
	return s.refuse(working, o, call, fault.Of(err))
}

// permanent reports whether the same command can never get another answer, as far as the bank knows.
func permanent(err error) bool {
	switch fault.CodeOf(err) {
	case fault.InvalidArgument, fault.NotFound, fault.FailedPrecondition, fault.PermissionDenied, fault.Aborted:
		return true
	}
	return false
}

// trace returns the trace id of a command, or "" if it is malformed.
func trace(o *order) string {
	if bytes, err := hex.DecodeString(o.TraceID); err != nil || len(bytes) != 16 || hex.EncodeToString(bytes) != o.TraceID {
		return ""
	}
	return o.TraceID
}
