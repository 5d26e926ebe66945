// Package examples makes what the examples of the OpenAPI documents name: a card, three wallets and some
// transactions. The file ../examples.yaml has the examples.
package examples

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// Operator is the caller whose objects the examples name. The ids of objects follow from the bank, the caller
// and the request id.
const Operator = "operator"

const currency = "BRL"

var merchant = &bankv1.Merchant{Id: "padaria-do-largo", Name: "Padaria do Largo", CategoryCode: "5462", City: "Olinda", Country: "BR"}

// Plant makes the objects at bank 001, over a connection on which the caller is Operator. A repeat changes
// nothing. After an error a part of them may be there.
func Plant(ctx context.Context, bank grpc.ClientConnInterface) error {
	for _, plant := range []func(context.Context, grpc.ClientConnInterface) error{plantCard, plantWallets} {
		if err := plant(ctx, bank); err != nil {
			return fmt.Errorf("examples: %w", err)
		}
	}
	return nil
}

// plantCard issues a card, and buys with it: once for good, and once to be captured later.
func plantCard(ctx context.Context, bank grpc.ClientConnInterface) error {
	issued, err := bankv1.NewCardServiceClient(bank).IssueCard(ctx, &bankv1.IssueCardRequest{
		RequestId: "docs-card", HolderName: "Maria da Silva", Currency: currency, CreditLimitMinor: 500_000,
	})
	if err != nil {
		return err
	}
	for requestID, later := range map[string]bool{"docs-purchase": false, "docs-purchase-later": true} {
		_, err := bankv1.NewPurchaseServiceClient(bank).AuthorizePurchase(ctx, &bankv1.AuthorizePurchaseRequest{
			RequestId: requestID, AmountMinor: 5_000, Currency: currency, Merchant: merchant, CaptureLater: later,
			CardSource: &bankv1.AuthorizePurchaseRequest_Card{Card: issued.GetCard().GetName()},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// plantWallets opens a wallet with money, one that gets a transfer and one that stays empty, and sets two
// amounts aside.
func plantWallets(ctx context.Context, bank grpc.ClientConnInterface) error {
	wallets := bankv1.NewWalletServiceClient(bank)
	names := map[string]string{}
	for requestID, deposit := range map[string]int64{"docs-ana": 100_000, "docs-bruno": 0, "docs-empty": 0} {
		opened, err := wallets.OpenAccount(ctx, &bankv1.OpenAccountRequest{RequestId: requestID, Currency: currency, OpeningDepositMinor: deposit})
		if err != nil {
			return err
		}
		names[requestID] = opened.GetAccount().GetName()
	}
	for _, requestID := range []string{"docs-hold", "docs-hold-released"} {
		_, err := wallets.PlaceHold(ctx, &bankv1.PlaceHoldRequest{
			RequestId: requestID, Account: names["docs-ana"], AmountMinor: 5_000, Currency: currency, Merchant: merchant,
		})
		if err != nil {
			return err
		}
	}
	_, err := wallets.Transfer(ctx, &bankv1.TransferRequest{
		RequestId: "docs-transfer", Source: names["docs-ana"], Destination: names["docs-bruno"], AmountMinor: 12_000, Currency: currency,
		Message: "Concert tickets",
	})
	return err
}
