// Package demo is the demonstration of `stack demo`. It needs a running, empty stack. It issues
// cards at the bank, shops at the stores, shows every reason for which a purchase can be
// declined, moves money between accounts and between banks, calls the gateway as a customer's app
// does, and compares the five places in the end. Every request goes the way of a customer's request; nothing is
// written to a store directly.
package demo

import (
	"context"
	"fmt"
	"io"
	"time"

	"codebank.dev/stack/launch"
)

// auditTimeout bounds the wait until the last event is in every place.
const auditTimeout = 60 * time.Second

// Run runs the demonstration on a running, empty stack and writes what it does to out. It
// returns an error if a decline has another reason than expected or the places do not agree.
func Run(ctx context.Context, stack *launch.Stack, out io.Writer) error {
	d, err := newDemonstration(stack, out)
	if err != nil {
		return err
	}
	defer d.close()
	if err := PrintAddresses(stack.Addresses(), out); err != nil {
		return err
	}
	if err := PrintSecrets(ctx, stack, out); err != nil {
		return err
	}
	for _, step := range []struct {
		title string
		run   func(context.Context) error
	}{
		{"Issue cards", d.issueCards},
		{"Shop", d.shop},
		{"Be declined, in every way there is", d.showDeclines},
		{"Give back", d.reverse},
		{"Move money between accounts", d.moveMoney},
		{"Call the gateway, as a customer's app does", d.useGateway},
		{"Pay between banks", d.payBetweenBanks},
		{"Charge cards, as a merchant's program does", d.chargeCards},
		{"Make what the examples at /docs name", d.plantExamples},
		{"How fresh the copies were", d.printFreshness},
		{"How fast orders are placed", d.printOrderRate},
		{"One customer's statement", d.printStatement},
		{"The five places, side by side", d.audit},
	} {
		d.printf("\n%s\n", step.title)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.title, err)
		}
	}
	return d.err
}

// audit runs `bankctl audit`, which compares ledger, outbox, topic, statement and index.
func (d *demonstration) audit(ctx context.Context) error {
	for _, bank := range launch.Banks() {
		if err := d.stack.BankctlOf(ctx, bank, d.out, "audit", "--wait", auditTimeout.String()); err != nil {
			return err
		}
	}
	return nil
}

// PrintAddresses writes where the parts of a stack are reached.
func PrintAddresses(a launch.Addresses, out io.Writer) error {
	if _, err := fmt.Fprintln(out); err != nil {
		return err
	}
	for _, bank := range launch.Banks() {
		at := a.Of(bank)
		_, err := fmt.Fprintf(out, "%-15s grpc %s   %s/docs   %s, bank %s\n%-15s grpc %s   %s/docs\n%-15s %s\n",
			bank.Bank, at.BankGRPC, launch.URL(at.BankHTTP), bank.Name, bank.Code, bank.Statement, at.StatementGRPC, launch.URL(at.StatementHTTP),
			bank.Banking(), a.Banking(bank))
		if err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, `checkout        grpc %s   %s/docs
identity        grpc %s   %s/docs
gateway         %s/docs
payment gateway %s/docs
codepix         grpc %s
kafka           %s
schema registry %s
kafka connect   %s
elasticsearch   %s
dashboards      %s
`, a.CheckoutGRPC(), launch.URL(a.CheckoutHTTP()), a.IdentityGRPC(), launch.URL(a.IdentityHTTP()), launch.URL(a.GatewayHTTP()),
		launch.URL(a.PaymentsHTTP()), a.CodePixGRPC(), a.Kafka(), a.RegistryConfluent(), a.Connect(), a.Elasticsearch(), a.Dashboards())
	return err
}
