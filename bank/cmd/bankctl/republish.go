package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"codebank.dev/bank"
	"codebank.dev/bank/kafka"
	"codebank.dev/bank/postgres"
)

func newRepublish(app *application) *cobra.Command {
	var account string
	var from int64
	command := &cobra.Command{
		Use:   "republish --account ID [--from SEQUENCE]",
		Short: "Have events of an account published again, with the same ids",
		Long: `Write the events of an account into the outbox again, from a sequence on. The
bank's relay publishes them; every copy downstream takes each event once, by its id,
so what is there already stays as it is and what is missing arrives.

The events are made again from the ledger, which holds every field of them. Doing
it again is harmless.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error {
			id, err := bank.ParseID(account)
			if err != nil {
				return misused("account", err)
			}
			if from < 1 {
				return misused("from", errors.New("sequences begin at 1"))
			}
			return app.republish(ctx, id, from)
		}),
	}
	flags := command.Flags()
	flags.StringVar(&account, "account", "", "`id` of the account")
	flags.Int64Var(&from, "from", 1, "`sequence` of the first event")
	_ = command.MarkFlagRequired("account")
	return command
}

func (a *application) republish(ctx context.Context, account bank.ID, from int64) error {
	store, err := a.ledger(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	encoder := kafka.NewEncoder(bank.Code(a.bankCode))
	count, err := store.RequeueEvents(ctx, account, from, func(entry *bank.Entry) (bank.Event, error) {
		body, version, err := encoder.Append(nil, entry)
		return bank.Event{
			TransactionID: entry.TransactionID, AccountID: entry.AccountID, Sequence: entry.Sequence,
			Key: entry.EventKey(), SchemaVersion: version, Body: body,
		}, err
	})
	if err != nil {
		return fmt.Errorf("after %d events: %w", count, err)
	}
	if a.json() {
		return a.object(map[string]any{"account_id": account.String(), "from_sequence": from, "events": count})
	}
	_, err = fmt.Fprintf(a.streams.out, "%d events of account %s are in the outbox again\n", count, account)
	return err
}

// ledger opens the bank's database and checks that it is this bank's: the code is
// part of every event. The caller closes the store.
func (a *application) ledger(ctx context.Context) (*postgres.Store, error) {
	if a.ledgerDatabaseURL == "" {
		return nil, misused("ledger-database-url", errors.New("is missing"))
	}
	return postgres.Open(ctx, postgres.Config{
		URL: a.ledgerDatabaseURL, MaxConnections: 2, BankCode: bank.Code(a.bankCode), ApplicationName: "bankctl"})
}
