// Package bankrpc asks the bank about transfers over gRPC, for the user whose access token the context carries.
package bankrpc

import (
	"context"
	"strings"

	"google.golang.org/grpc"

	"codebank.dev/gateway"
	"codebank.dev/gateway/transfer"
	"codebank.dev/platform/id"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// Bank implements transfer.Bank. It is safe for concurrent use.
type Bank struct{ wallets bankv1.WalletServiceClient }

var _ transfer.Bank = (*Bank)(nil)

// New returns a Bank behind a connection, whose calls fail with faults as those of serve.Dial do.
func New(conn grpc.ClientConnInterface) *Bank {
	return &Bank{wallets: bankv1.NewWalletServiceClient(conn)}
}

// Account implements transfer.Bank.
func (b *Bank) Account(ctx context.Context, account id.ID) (gateway.Account, error) {
	answer, err := b.wallets.GetBalance(ctx, &bankv1.GetBalanceRequest{Name: "accounts/" + account.String()})
	if err != nil {
		return gateway.Account{}, err
	}
	found := answer.GetAccount()
	return gateway.Account{
		ID: account, Currency: found.GetCurrency(), IsWallet: found.GetKind() == bankv1.AccountKind_ACCOUNT_KIND_WALLET,
	}, nil
}

// Cancel implements transfer.Bank.
func (b *Bank) Cancel(ctx context.Context, requestID string) (string, error) {
	answer, err := b.wallets.Cancel(ctx, &bankv1.CancelRequest{RequestId: requestID})
	if err != nil {
		return "", err
	}
	return reasonOf(answer.GetTransaction()), nil
}

// reasonOf returns why a transaction was declined, as the results of commands name it; empty if it was cancelled.
func reasonOf(transaction *bankv1.Transaction) string {
	if transaction.GetStatus() != bankv1.TransactionStatus_TRANSACTION_STATUS_DECLINED {
		return ""
	}
	return strings.TrimPrefix(transaction.GetDecline().GetReason().String(), "DECLINE_REASON_")
}
