package demo

import (
	"context"

	"codebank.dev/schemas/examples"
)

// plantExamples makes what the examples on the pages of the REST interfaces name.
func (d *demonstration) plantExamples(ctx context.Context) error {
	if err := examples.Plant(ctx, d.operator); err != nil {
		return err
	}
	d.printf("  a card and three wallets, with purchases, holds and a transfer\n")
	return d.err
}
