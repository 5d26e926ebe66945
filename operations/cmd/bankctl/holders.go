package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

func newCustomersHolder(app *application) *cobra.Command {
	var bank string
	command := &cobra.Command{
		Use:   "holder CUSTOMER FULL-NAME CPF",
		Short: "Tell the bank the full name and the CPF of a customer",
		Long: `Tell the bank who a customer, customers/UUID, is. Keys of Pix need it: a CPF that is
a key must be the holder's own, and payers see the name masked. The bank keeps both
sealed. A command that was cut off is finished by doing it again. It fails if the
customer was registered with other data, or if another customer has the CPF, and
changes nothing then.`,
		Args: cobra.ExactArgs(3),
		RunE: work(func(ctx context.Context, args []string) error { return app.registerHolder(ctx, bank, args) }),
	}
	command.Flags().StringVar(&bank, "bank-address", "127.0.0.1:17000", "`host:port` of the bank's gRPC")
	return command
}

func (a *application) registerHolder(ctx context.Context, address string, args []string) error {
	limited, cancel := a.limited(ctx)
	defer cancel()
	conn, err := a.dial(address, "bank")
	if err != nil {
		return misused("bank-address", err)
	}
	defer conn.Close()
	known, err := bankv1.NewPixServiceClient(conn).RegisterHolder(limited, &bankv1.RegisterHolderRequest{
		Customer: args[0], FullName: args[1], Document: args[2],
	})
	if err != nil {
		return fmt.Errorf("customers holder: bank: %w", a.unencrypted(err))
	}
	if a.printer().JSON() {
		return a.printer().Object(map[string]string{
			"kind": "holder", "customer": known.GetCustomer(), "name": known.GetMaskedName(), "document": known.GetMaskedDocument(),
		})
	}
	return a.printer().Text(known.GetCustomer() + " is " + known.GetMaskedName() + ", " + known.GetMaskedDocument() + "\n")
}
