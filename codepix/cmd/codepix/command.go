package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"codebank.dev/codepix/payment"
	"codebank.dev/codepix/postgres"
)

// commands lists the commands.
const commands = "the commands are: payments list, payments get ID, " + directoryCommands

var errCommand = errors.New(commands)

// checkCommand returns an error unless the words are a command.
func checkCommand(words []string) error {
	switch {
	case isDirectoryCommand(words):
		return nil
	case len(words) == 2 && words[0] == "payments" && words[1] == "list":
		return nil
	case len(words) == 3 && words[0] == "payments" && words[1] == "get":
		_, err := payment.ParseID(words[2])
		return err
	}
	return fmt.Errorf("unexpected argument %q: %w", words[0], errCommand)
}

// do does one command of an operator on a store, without topics and without gRPC.
func do(ctx context.Context, config *config, store *postgres.Store, stdout io.Writer) error {
	if config.words[0] != "payments" {
		return directoryCommand(ctx, config, store, stdout)
	}
	if config.words[1] == "get" {
		return showPayment(ctx, store, payment.ID(config.words[2]), stdout)
	}
	return listPayments(ctx, store, config.list, stdout)
}

// listPayments prints payments as a table.
func listPayments(ctx context.Context, store payment.Store, list listing, stdout io.Writer) error {
	found, err := store.Payments(ctx, payment.Page{Bank: list.bank, OpenOnly: list.open, Size: list.most})
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PAYMENT\tSTATE\tFROM\tTO\tAMOUNT\tACCEPTED\tREASON")
	for i := range found {
		p := &found[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, stateOf(p), p.Terms.Sender.Bank, p.Terms.Receiver.Bank, p.Terms.Amount,
			p.AcceptedAt.Format(time.RFC3339), p.Reason)
	}
	return table.Flush()
}

// stateOf names the state of a payment; a return that waits for its original is HELD.
func stateOf(p *payment.Payment) string {
	if p.Held {
		return "HELD"
	}
	return p.State.String()
}

// showPayment prints all of a payment, a line for each fact that there is.
func showPayment(ctx context.Context, store payment.Store, name payment.ID, stdout io.Writer) error {
	p, waiting, err := store.Payment(ctx, name)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, fact := range [][2]string{
		{"payment", string(p.ID)}, {"original", string(p.Terms.Original)}, {"state", stateOf(&p)}, {"reason", p.Reason},
		{"sender", p.Terms.Sender.Bank + " " + p.Terms.Sender.Account.String() + " " + p.Terms.Sender.Name},
		{"receiver", p.Terms.Receiver.Bank + " " + p.Terms.Receiver.Account.String() + " " + p.Terms.Receiver.Name},
		{"amount", p.Terms.Amount.String()}, {"initiated", at(p.Terms.InitiatedAt)}, {"accepted", at(p.AcceptedAt)},
		{"confirmed", at(p.ConfirmedAt)}, {"ended", at(p.EndedAt)}, {"next attempt", at(waiting.Next)},
	} {
		if fact[1] != "" {
			fmt.Fprintf(table, "%s\t%s\n", fact[0], fact[1])
		}
	}
	return table.Flush()
}

func at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
