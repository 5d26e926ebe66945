// Package demo is what `stack demo` shows on a stack that has just started and
// is empty: cards are issued at the bank, people shop at the stores, every way a
// purchase can be declined is tried, and in the end the five places that know of
// it are compared. Everything goes the way that a customer's purchase goes; nothing
// is written to a store directly.
package demo

import (
	"context"
	"fmt"
	"io"
	"time"

	"codebank.dev/stack/launch"
)

// settleBound is how long the pipeline may take to bring the last event everywhere.
const settleBound = 60 * time.Second

// Run plays the demonstration on a running, empty stack and writes what it does
// to out. An error says what did not hold: a decline that came out as another, or
// places that do not agree.
func Run(ctx context.Context, stack *launch.Stack, out io.Writer) error {
	town, err := newTown(stack, out)
	if err != nil {
		return err
	}
	defer town.close()
	if err := town.printAddresses(); err != nil {
		return err
	}
	for _, step := range []struct {
		title string
		play  func(context.Context) error
	}{
		{"Issue cards", town.issueCards},
		{"Shop", town.shop},
		{"Be declined, in every way there is", town.beDeclined},
		{"Give back", town.giveBack},
		{"How fresh the copies were", town.printFreshness},
		{"One customer's statement", town.printStatement},
		{"The five places, side by side", town.audit},
	} {
		town.printf("\n%s\n", step.title)
		if err := step.play(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.title, err)
		}
	}
	return town.err
}

// audit has the operators' tool compare ledger, outbox, topic, statement and index.
func (t *town) audit(ctx context.Context) error {
	return t.stack.Bankctl(ctx, t.out, "audit", "--wait", settleBound.String())
}

func (t *town) printAddresses() error {
	a := t.stack.Addresses()
	t.printf(`
bank            grpc %s   http://%s/docs
statement       grpc %s   http://%s/docs
checkout        grpc %s   http://%s/docs
kafka           %s
schema registry %s
kafka connect   %s
elasticsearch   %s
`, a.BankGRPC(), a.BankHTTP(), a.StatementGRPC(), a.StatementHTTP(), a.CheckoutGRPC(), a.CheckoutHTTP(),
		a.Kafka(), a.RegistryConfluent(), a.Connect(), a.Elasticsearch())
	return t.err
}
