package rpc_test

import (
	"context"
	"io"
	"testing"

	"codebank.dev/bank/banktest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
)

// What a customer may do with cards and purchases. Each call is asked for anew, with what belongs to Ada.
func TestACustomerSeesAndMovesOnlyHisOwn(t *testing.T) {
	b := newHolding(t, 3)
	ada, bob := banktest.NewID().String(), banktest.NewID().String()
	issued, err := b.cards.IssueCard(claim(t, "app", ""), &bankv1.IssueCardRequest{
		RequestId: "issue", HolderName: "Ada Lovelace", Currency: "BRL", CreditLimitMinor: 10_000, CustomerId: ada,
	})
	require.NoError(t, err)
	card, account := issued.GetCard().GetName(), issued.GetCard().GetAccount()
	pay := func(later bool) *bankv1.AuthorizePurchaseRequest {
		return &bankv1.AuthorizePurchaseRequest{
			RequestId: banktest.NewID().String(), AmountMinor: 100, Currency: "BRL", CaptureLater: later,
			Merchant:   &bankv1.Merchant{Id: banktest.Merchant.ID, Name: banktest.Merchant.Name},
			CardSource: &bankv1.AuthorizePurchaseRequest_Card{Card: card},
		}
	}
	buy := func(later bool) *bankv1.Purchase {
		bought, err := b.purchases.AuthorizePurchase(claim(t, "app", ada), pay(later))
		require.NoError(t, err)
		require.Nil(t, bought.GetPurchase().GetDecline())
		return bought.GetPurchase()
	}
	requestID := func() string { return banktest.NewID().String() }
	matrix := map[string]struct {
		call            func(ctx context.Context) error
		owner, stranger string
	}{
		"IssueCard": {func(ctx context.Context) error {
			_, err := b.cards.IssueCard(ctx, &bankv1.IssueCardRequest{RequestId: requestID(), HolderName: "Ada Lovelace", Currency: "BRL", CustomerId: ada})
			return err
		}, denied, denied},
		"ChangeLimit": {func(ctx context.Context) error {
			_, err := b.cards.ChangeLimit(ctx, &bankv1.ChangeLimitRequest{RequestId: requestID(), Name: card, CreditLimitMinor: 10_000})
			return err
		}, denied, denied},
		"GetCard": {func(ctx context.Context) error {
			_, err := b.cards.GetCard(ctx, &bankv1.GetCardRequest{Name: card})
			return err
		}, allowed, hidden},
		"BlockCard": {func(ctx context.Context) error {
			_, err := b.cards.BlockCard(ctx, &bankv1.BlockCardRequest{Name: card})
			if err == nil {
				_, err = b.cards.UnblockCard(ctx, &bankv1.UnblockCardRequest{Name: card})
			}
			return err
		}, allowed, hidden},
		"UnblockCard": {func(ctx context.Context) error {
			_, err := b.cards.UnblockCard(ctx, &bankv1.UnblockCardRequest{Name: card})
			return err
		}, allowed, hidden},
		"GetAccount": {func(ctx context.Context) error {
			_, err := b.cards.GetAccount(ctx, &bankv1.GetAccountRequest{Name: account})
			return err
		}, allowed, hidden},
		"GetPurchase": {func(ctx context.Context) error {
			_, err := b.purchases.GetPurchase(ctx, &bankv1.GetPurchaseRequest{Name: buy(false).GetName()})
			return err
		}, allowed, hidden},
		"ReversePurchase": {func(ctx context.Context) error {
			_, err := b.purchases.ReversePurchase(ctx, &bankv1.ReversePurchaseRequest{RequestId: requestID(), Name: buy(false).GetName()})
			return err
		}, allowed, hidden},
		"VoidPurchase": {func(ctx context.Context) error {
			_, err := b.purchases.VoidPurchase(ctx, &bankv1.VoidPurchaseRequest{RequestId: buy(false).GetRequestId()})
			return err
		}, allowed, hidden},
		"VoidPurchase of what is set aside": {func(ctx context.Context) error {
			_, err := b.purchases.VoidPurchase(ctx, &bankv1.VoidPurchaseRequest{RequestId: buy(true).GetRequestId()})
			return err
		}, allowed, hidden},
		"VoidPurchase of what was never asked for": {func(ctx context.Context) error {
			_, err := b.purchases.VoidPurchase(ctx, &bankv1.VoidPurchaseRequest{RequestId: requestID()})
			return err
		}, allowed, allowed},
		"CapturePurchase": {func(ctx context.Context) error {
			_, err := b.purchases.CapturePurchase(ctx, &bankv1.CapturePurchaseRequest{RequestId: requestID(), Name: buy(true).GetName()})
			return err
		}, allowed, hidden},
		"CaptureHold": {func(ctx context.Context) error {
			name := transactionOf(buy(true))
			_, err := b.wallets.CaptureHold(ctx, &bankv1.CaptureHoldRequest{RequestId: requestID(), Name: name})
			return err
		}, allowed, hidden},
		"VoidHold": {func(ctx context.Context) error {
			_, err := b.wallets.VoidHold(ctx, &bankv1.VoidHoldRequest{Name: transactionOf(buy(true))})
			return err
		}, allowed, hidden},
		"Cancel": {func(ctx context.Context) error {
			_, err := b.wallets.Cancel(ctx, &bankv1.CancelRequest{RequestId: buy(true).GetRequestId()})
			return err
		}, allowed, hidden},
	}
	for name, test := range matrix {
		for customer, want := range map[string]string{"": allowed, ada: test.owner, bob: test.stranger} {
			got := allowed
			if err := test.call(claim(t, "app", customer)); err != nil {
				got = fault.CodeOf(serve.FromStatus(err)).String()
			}
			require.Equal(t, want, got, "%s by %q", name, customer)
		}
	}
	requireForeignCardIsUnknown(t, b, pay, bob)
}

// transactionOf returns the name under which WalletService knows a purchase.
func transactionOf(purchase *bankv1.Purchase) string {
	return "transactions/" + purchase.GetName()[len("purchases/"):]
}

// requireForeignCardIsUnknown pays for a customer with the name of another one's card: alone and on a stream.
func requireForeignCardIsUnknown(t *testing.T, b *holding, pay func(bool) *bankv1.AuthorizePurchaseRequest, customer string) {
	t.Helper()
	const unknown = bankv1.DeclineReason_DECLINE_REASON_UNKNOWN_CARD
	paid, err := b.purchases.AuthorizePurchase(claim(t, "app", customer), pay(false))
	require.NoError(t, err)
	require.Equal(t, unknown, paid.GetPurchase().GetDecline().GetReason())
	require.Empty(t, paid.GetPurchase().GetCard())
	stream, err := b.purchases.AuthorizePurchases(claim(t, "app", customer))
	require.NoError(t, err)
	require.NoError(t, stream.Send(&bankv1.AuthorizePurchasesRequest{Purchases: []*bankv1.AuthorizePurchaseRequest{pay(false)}}))
	require.NoError(t, stream.CloseSend())
	answer, err := stream.Recv()
	require.NoError(t, err)
	require.Equal(t, unknown, answer.GetResults()[0].GetPurchase().GetDecline().GetReason())
	_, err = stream.Recv()
	require.ErrorIs(t, err, io.EOF)
}
