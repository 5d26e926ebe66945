package rpc

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/field"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Wallets serves bank.v1.WalletService.
type Wallets struct {
	bankv1.UnimplementedWalletServiceServer
	// Service is the use case of accounts; required.
	Service *wallet.Service
	// Principals says who asks; required.
	Principals *Principals
	// PageTokens are those of ListAccounts; required.
	PageTokens *serve.PageTokens
	// EventVersion is the version in which the bank writes its events. One before
	// walletEventVersion refuses every call that changes something.
	EventVersion int
}

var _ bankv1.WalletServiceServer = (*Wallets)(nil)

// walletEventVersion is the first version of the event that can say what wallets and holds do.
const walletEventVersion = 3

// The page sizes of ListAccounts.
const (
	accountsPerPage    = 25
	maxAccountsPerPage = 100
)

// call returns who makes a call that changes something.
func (w *Wallets) call(ctx context.Context, requestID string) (wallet.Call, error) {
	if w.EventVersion < walletEventVersion {
		return wallet.Call{}, bank.ErrEventVersion
	}
	return wallet.Call{
		Caller: serve.Caller(ctx), RequestID: requestID, TraceID: serve.TraceID(ctx), Subject: w.Principals.of(ctx),
	}, nil
}

// callAt is call for a request that may name its time.
func (w *Wallets) callAt(ctx context.Context, requestID string, named *timestamppb.Timestamp) (wallet.Call, error) {
	call, err := w.call(ctx, requestID)
	if err != nil {
		return wallet.Call{}, err
	}
	call.At, err = requestTime(named)
	return call, err
}

// OpenAccount implements bankv1.WalletServiceServer.
func (w *Wallets) OpenAccount(ctx context.Context, in *bankv1.OpenAccountRequest) (*bankv1.OpenAccountResponse, error) {
	call, err := w.callAt(ctx, in.GetRequestId(), in.GetRequestTime())
	if err != nil {
		return nil, err
	}
	opened, err := w.Service.Open(ctx, wallet.OpenRequest{
		Call: call, CustomerID: in.GetCustomerId(), Currency: in.GetCurrency(), DepositMinor: in.GetOpeningDepositMinor(),
	})
	if err != nil {
		return nil, err
	}
	out := &bankv1.OpenAccountResponse{Account: accountMessage(&opened.Account)}
	if opened.Deposit != nil {
		out.OpeningDeposit = transactionMessage(&bank.TransactionDetails{Entry: *opened.Deposit})
	}
	return out, nil
}

// ListAccounts implements bankv1.WalletServiceServer.
func (w *Wallets) ListAccounts(ctx context.Context, in *bankv1.ListAccountsRequest) (*bankv1.ListAccountsResponse, error) {
	size, err := field.PageSize("page_size", in.GetPageSize(), accountsPerPage, maxAccountsPerPage)
	if err != nil {
		return nil, err
	}
	of := in.GetCustomerId()
	if subject := w.Principals.of(ctx); of == "" {
		of = subject.Kind.String() + " " + subject.Name // The list is that of who asks.
	}
	var after bank.ID
	if token := in.GetPageToken(); token != "" {
		position, err := w.PageTokens.Read(token, "ListAccounts", of)
		if err != nil {
			return nil, err
		}
		copy(after[:], position)
	}
	// One account more tells whether there is another page.
	accounts, err := w.Service.List(ctx, w.Principals.of(ctx), in.GetCustomerId(), after, size+1)
	if err != nil {
		return nil, err
	}
	out := &bankv1.ListAccountsResponse{}
	for i := range accounts[:min(size, len(accounts))] {
		out.Accounts = append(out.Accounts, accountMessage(&accounts[i]))
	}
	if len(accounts) > size {
		out.NextPageToken = w.PageTokens.Issue(accounts[size-1].ID[:], "ListAccounts", of)
	}
	return out, nil
}

// GetBalance implements bankv1.WalletServiceServer.
func (w *Wallets) GetBalance(ctx context.Context, in *bankv1.GetBalanceRequest) (*bankv1.GetBalanceResponse, error) {
	account, err := w.Service.Balance(ctx, w.Principals.of(ctx), in.GetName())
	if err != nil {
		return nil, err
	}
	return &bankv1.GetBalanceResponse{Account: accountMessage(&account)}, nil
}

// CloseAccount implements bankv1.WalletServiceServer.
func (w *Wallets) CloseAccount(ctx context.Context, in *bankv1.CloseAccountRequest) (*bankv1.CloseAccountResponse, error) {
	call, err := w.call(ctx, in.GetRequestId())
	if err != nil {
		return nil, err
	}
	closed, err := w.Service.Close(ctx, wallet.CloseRequest{Call: call, Name: in.GetName()})
	if err != nil {
		return nil, err
	}
	return &bankv1.CloseAccountResponse{Account: accountMessage(&closed)}, nil
}

// Deposit implements bankv1.WalletServiceServer.
func (w *Wallets) Deposit(ctx context.Context, in *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	call, err := w.callAt(ctx, in.GetRequestId(), in.GetRequestTime())
	if err != nil {
		return nil, err
	}
	decided, err := w.Service.Deposit(ctx, wallet.CashRequest{
		Call: call, Account: in.GetAccount(), AmountMinor: in.GetAmountMinor(), Currency: in.GetCurrency(), Description: in.GetDescription(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.DepositResponse{Transaction: decidedMessage(ctx, &decided)}, nil
}

// Withdraw implements bankv1.WalletServiceServer.
func (w *Wallets) Withdraw(ctx context.Context, in *bankv1.WithdrawRequest) (*bankv1.WithdrawResponse, error) {
	call, err := w.callAt(ctx, in.GetRequestId(), in.GetRequestTime())
	if err != nil {
		return nil, err
	}
	decided, err := w.Service.Withdraw(ctx, wallet.CashRequest{
		Call: call, Account: in.GetAccount(), AmountMinor: in.GetAmountMinor(), Currency: in.GetCurrency(), Description: in.GetDescription(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.WithdrawResponse{Transaction: decidedMessage(ctx, &decided)}, nil
}

// PayOut implements bankv1.WalletServiceServer.
func (w *Wallets) PayOut(ctx context.Context, in *bankv1.PayOutRequest) (*bankv1.PayOutResponse, error) {
	call, err := w.call(ctx, in.GetRequestId())
	if err != nil {
		return nil, err
	}
	decided, err := w.Service.PayOut(ctx, wallet.PayOutRequest{
		Call: call, Account: in.GetAccount(), AmountMinor: in.GetAmountMinor(), Currency: in.GetCurrency(),
		Merchant: merchantOf(in.GetMerchant()), MerchantReference: in.GetMerchantReference(), Description: in.GetDescription(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.PayOutResponse{Transaction: decidedMessage(ctx, &decided)}, nil
}

// Purchase implements bankv1.WalletServiceServer.
func (w *Wallets) Purchase(ctx context.Context, in *bankv1.PurchaseRequest) (*bankv1.PurchaseResponse, error) {
	call, err := w.callAt(ctx, in.GetRequestId(), in.GetRequestTime())
	if err != nil {
		return nil, err
	}
	decided, err := w.Service.Purchase(ctx, wallet.PurchaseRequest{
		Call: call, Account: in.GetAccount(), AmountMinor: in.GetAmountMinor(), Currency: in.GetCurrency(),
		Merchant: merchantOf(in.GetMerchant()), MerchantReference: in.GetMerchantReference(), Description: in.GetDescription(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.PurchaseResponse{Transaction: decidedMessage(ctx, &decided)}, nil
}

// Transfer implements bankv1.WalletServiceServer.
func (w *Wallets) Transfer(ctx context.Context, in *bankv1.TransferRequest) (*bankv1.TransferResponse, error) {
	call, err := w.callAt(ctx, in.GetRequestId(), in.GetRequestTime())
	if err != nil {
		return nil, err
	}
	decided, err := w.Service.Transfer(ctx, wallet.TransferRequest{
		Call: call, Source: in.GetSource(), Destination: in.GetDestination(),
		AmountMinor: in.GetAmountMinor(), Currency: in.GetCurrency(), Message: in.GetMessage(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.TransferResponse{Transaction: decidedMessage(ctx, &decided)}, nil
}

// Cancel implements bankv1.WalletServiceServer.
func (w *Wallets) Cancel(ctx context.Context, in *bankv1.CancelRequest) (*bankv1.CancelResponse, error) {
	call, err := w.call(ctx, in.GetRequestId())
	if err != nil {
		return nil, err
	}
	canceled, err := w.Service.Cancel(ctx, call)
	if err != nil {
		return nil, err
	}
	return &bankv1.CancelResponse{Transaction: transactionMessage(&canceled)}, nil
}

// Reverse implements bankv1.WalletServiceServer.
func (w *Wallets) Reverse(ctx context.Context, in *bankv1.ReverseRequest) (*bankv1.ReverseResponse, error) {
	call, err := w.callAt(ctx, in.GetRequestId(), in.GetRequestTime())
	if err != nil {
		return nil, err
	}
	reversed, err := w.Service.Reverse(ctx, wallet.ReverseRequest{
		Call: call, Name: in.GetName(), AmountMinor: in.GetAmountMinor(), Description: in.GetDescription(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.ReverseResponse{Transaction: decidedMessage(ctx, &reversed)}, nil
}

// GetTransaction implements bankv1.WalletServiceServer.
func (w *Wallets) GetTransaction(ctx context.Context, in *bankv1.GetTransactionRequest) (*bankv1.GetTransactionResponse, error) {
	found, err := w.Service.Get(ctx, wallet.Call{Caller: serve.Caller(ctx), Subject: w.Principals.of(ctx)}, in.GetName())
	if err != nil {
		return nil, err
	}
	return &bankv1.GetTransactionResponse{Transaction: transactionMessage(&found)}, nil
}
