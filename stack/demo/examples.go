package demo

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"codebank.dev/schemas/examples"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
)

// plantExamples makes what the examples on the pages of the REST interfaces name, and waits until the payment between
// banks that they name has come.
func (d *demonstration) plantExamples(ctx context.Context) error {
	if err := examples.Plant(ctx, d.operator); err != nil {
		return err
	}
	d.printf("  a card and three wallets, with purchases, holds and a transfer\n")
	other := launch.SecondBank()
	second, err := d.dial(launch.Bank, d.stack.Addresses().Of(other).BankGRPC, other.As(launch.Operator))
	if err != nil {
		return err
	}
	if err := examples.PlantPix(ctx, d.operator, second); err != nil {
		return err
	}
	var came *bankv1.Pix
	err = awaitEnd(ctx, func() (bool, error) {
		read, err := bankv1.NewPixServiceClient(d.operator).GetPix(ctx, &bankv1.GetPixRequest{Name: examples.AnasPix})
		if status.Code(err) == codes.NotFound { // It is under way.
			return false, nil
		}
		came = read.GetPix()
		return came.GetState() == bankv1.PixState_PIX_STATE_COMPLETED, err
	})
	if err != nil {
		return err
	}
	d.printf("  keys at both banks, and a payment of %s from %s, who is at bank %s\n", formatReais(came.GetAmountMinor()), came.GetCounterpartyName(), came.GetCounterpartyBankCode())
	return d.err
}
