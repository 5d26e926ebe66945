package examples

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// What the examples of payments between banks name.
const (
	// AnasCPF is the key of the wallet at bank 001, and BrunasCPF that of one at bank 002.
	AnasCPF   = "52998224725"
	BrunasCPF = "11144477735"
	// AnasPix is the payment that Ana gets.
	AnasPix = "pix/E0000000200L83KaXAZvtEGAhPQRcKL1"
)

// PlantPix makes what the examples of payments between banks name: a key at each of two banks, which take part, and a
// payment from the second one, AnasPix, which arrives a little later. Over both connections the caller is Operator, and
// Plant must have been called. A repeat changes nothing.
func PlantPix(ctx context.Context, one, two grpc.ClientConnInterface) error {
	ana, err := plantKey(ctx, one, "docs-ana", holder{"Ana Lima", AnasCPF})
	if err == nil {
		err = PlantCodes(ctx, one, ana)
	}
	if err == nil {
		var bruna string
		if bruna, err = plantKey(ctx, two, "docs-bruna", holder{"Bruna Reis", BrunasCPF}); err == nil {
			_, err = bankv1.NewPixServiceClient(two).SendPix(ctx, &bankv1.SendPixRequest{
				RequestId: "docs-pix", Account: bruna, AmountMinor: 5_000, Currency: currency, Description: "Concert tickets",
				Destination: &bankv1.SendPixRequest_Key{Key: AnasCPF},
			})
		}
	}
	if err != nil {
		return fmt.Errorf("examples: %w", err)
	}
	return nil
}

// PlantCodes makes the codes of Ana's wallet at bank 001, which must have a key. The ids follow from the wallet and the
// txids. A repeat changes nothing.
func PlantCodes(ctx context.Context, bank grpc.ClientConnInterface, account string) error {
	for _, txID := range []string{"Docs1", "Docs2"} {
		_, err := bankv1.NewPixServiceClient(bank).CreatePixCode(ctx, &bankv1.CreatePixCodeRequest{
			RequestId: "docs-code-" + txID, Account: account, Kind: bankv1.PixCodeKind_PIX_CODE_KIND_STATIC, AmountMinor: 1_500, Currency: currency,
			Message: "Lunch", Txid: txID,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

type holder struct{ name, document string }

// plantKey opens a wallet with money and registers its holder, and his CPF as a key of it.
func plantKey(ctx context.Context, bank grpc.ClientConnInterface, requestID string, of holder) (account string, err error) {
	opened, err := bankv1.NewWalletServiceClient(bank).OpenAccount(ctx, &bankv1.OpenAccountRequest{
		RequestId: requestID, Currency: currency, OpeningDepositMinor: 100_000,
	})
	if err != nil {
		return "", err
	}
	account = opened.GetAccount().GetName()
	pix := bankv1.NewPixServiceClient(bank)
	_, err = pix.RegisterHolder(ctx, &bankv1.RegisterHolderRequest{
		Customer: "customers/" + opened.GetAccount().GetCustomerId(), FullName: of.name, Document: of.document,
	})
	if err != nil {
		return "", err
	}
	_, err = pix.CreateKey(ctx, &bankv1.CreateKeyRequest{
		RequestId: requestID + "-key", Account: account, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_CPF, Key: of.document,
	})
	return account, err
}
