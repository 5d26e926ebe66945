package rpc_test

import (
	"testing"
	"time"

	"codebank.dev/bank/banktest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Every request that may name its time is decided at it.
func TestRequestsOfAHistoryAreDecidedAtTheirTimes(t *testing.T) {
	b, ctx := newHolding(t, 3), by(t, "operator")
	merchant := &bankv1.Merchant{Id: banktest.Merchant.ID, Name: banktest.Merchant.Name}
	at := time.Now().AddDate(-1, 0, 0).Truncate(time.Millisecond)
	next := func() *timestamppb.Timestamp {
		at = at.Add(time.Minute)
		return timestamppb.New(at)
	}
	decided := func(decidedAt *timestamppb.Timestamp, err error) {
		t.Helper()
		require.NoError(t, err)
		require.True(t, at.Equal(decidedAt.AsTime()), "%s is not %s", decidedAt.AsTime(), at)
	}
	open := func(id string) string {
		opened, err := b.wallets.OpenAccount(ctx, &bankv1.OpenAccountRequest{RequestId: id, Currency: "BRL", OpeningDepositMinor: 900, RequestTime: next()})
		decided(opened.GetOpeningDeposit().GetDecideTime(), err)
		return opened.GetAccount().GetName()
	}
	account, other := open("open"), open("other")
	deposit, err := b.wallets.Deposit(ctx, &bankv1.DepositRequest{RequestId: "d", Account: account, AmountMinor: 9, Currency: "BRL", RequestTime: next()})
	decided(deposit.GetTransaction().GetDecideTime(), err)
	withdrawal, err := b.wallets.Withdraw(ctx, &bankv1.WithdrawRequest{RequestId: "w", Account: account, AmountMinor: 9, Currency: "BRL", RequestTime: next()})
	decided(withdrawal.GetTransaction().GetDecideTime(), err)
	paid, err := b.wallets.Purchase(ctx, &bankv1.PurchaseRequest{RequestId: "p", Account: account, AmountMinor: 9, Currency: "BRL", Merchant: merchant, RequestTime: next()})
	decided(paid.GetTransaction().GetDecideTime(), err)
	moved, err := b.wallets.Transfer(ctx, &bankv1.TransferRequest{RequestId: "t", Source: account, Destination: other, AmountMinor: 9, Currency: "BRL", RequestTime: next()})
	decided(moved.GetTransaction().GetDecideTime(), err)
	back, err := b.wallets.Reverse(ctx, &bankv1.ReverseRequest{RequestId: "r", Name: moved.GetTransaction().GetName(), RequestTime: next()})
	decided(back.GetTransaction().GetDecideTime(), err)
	var holds []string
	for _, id := range []string{"h1", "h2"} {
		placed, err := b.wallets.PlaceHold(ctx, &bankv1.PlaceHoldRequest{RequestId: id, Account: account, AmountMinor: 9, Currency: "BRL", RequestTime: next()})
		decided(placed.GetTransaction().GetDecideTime(), err)
		holds = append(holds, placed.GetTransaction().GetName())
	}
	captured, err := b.wallets.CaptureHold(ctx, &bankv1.CaptureHoldRequest{RequestId: "c", Name: holds[0], RequestTime: next()})
	decided(captured.GetTransaction().GetDecideTime(), err)
	lastMove := func() *timestamppb.Timestamp { // The answer to a void has the time of the hold.
		balance, err := b.wallets.GetBalance(ctx, &bankv1.GetBalanceRequest{Name: account})
		require.NoError(t, err)
		return balance.GetAccount().GetLastEventTime()
	}
	_, err = b.wallets.VoidHold(ctx, &bankv1.VoidHoldRequest{Name: holds[1], RequestTime: next()})
	decided(lastMove(), err)

	issued, err := b.cards.IssueCard(ctx, &bankv1.IssueCardRequest{
		RequestId: "issue", HolderName: "Ada Lovelace", Currency: "BRL", CreditLimitMinor: 1000, RequestTime: next(),
	})
	require.NoError(t, err)
	buy := func(id string) string {
		bought, err := b.purchases.AuthorizePurchase(ctx, &bankv1.AuthorizePurchaseRequest{
			RequestId: id, AmountMinor: 60, Currency: "BRL", CaptureLater: true, Merchant: merchant, RequestTime: next(),
			CardSource: &bankv1.AuthorizePurchaseRequest_Card{Card: issued.GetCard().GetName()},
		})
		decided(bought.GetPurchase().GetAuthorizeTime(), err)
		return bought.GetPurchase().GetName()
	}
	charged, err := b.purchases.CapturePurchase(ctx, &bankv1.CapturePurchaseRequest{Name: buy("b1"), RequestId: "charge", RequestTime: next()})
	decided(charged.GetCapture().GetCaptureTime(), err)
	buy("b2")
	_, err = b.purchases.VoidPurchase(ctx, &bankv1.VoidPurchaseRequest{RequestId: "b2", RequestTime: next()})
	account = issued.GetCard().GetAccount()
	decided(lastMove(), err)
}
