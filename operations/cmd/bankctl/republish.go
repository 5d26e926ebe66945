package main

import (
	"context"
	"errors"
	"fmt"

	"codebank.dev/platform/id"
	"github.com/spf13/cobra"

	"codebank.dev/bank"
	"codebank.dev/bank/kafka"
	"codebank.dev/bank/postgres"
	"codebank.dev/operations/provision"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/schemas/event"
)

func newRepublish(app *application) *cobra.Command {
	var account string
	var span postgres.Span
	var refusals bool
	var version int
	command := &cobra.Command{
		Use:   "republish --account ID [--from SEQUENCE] [--to SEQUENCE] | --refusals",
		Short: "Have events published again, with the ids they had",
		Long: `Write events of an account into the outbox again. The bank's relay publishes them;
every copy downstream takes each event once, by its id, so what is there already
stays as it is and what is missing arrives.

The events are made again from the ledger, which holds every field of them. Doing
it again is harmless. With --refusals, the declines that belong to no account are
published again, all of them.

While a version of the event is rolled out, --event-version has to be the one that
the bank writes: the relay waits for a schema that is not registered yet. An event
that an older version cannot tell is refused.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error {
			if version < 1 || version > event.NewestVersion {
				return misused("event-version", fmt.Errorf("there are versions 1 to %d", event.NewestVersion))
			}
			if refusals {
				return app.republish(ctx, postgres.Span{}, version)
			}
			var err error
			if span.AccountID, err = id.Parse(account); err != nil {
				return misused("account", err)
			}
			if span.From < 1 || span.To != 0 && span.To < span.From {
				return misused("from", errors.New("a span begins at 1 or above and ends at or behind its beginning"))
			}
			return app.republish(ctx, span, version)
		}),
	}
	flags := command.Flags()
	flags.StringVar(&account, "account", "", "`id` of the account")
	flags.Int64Var(&span.From, "from", 1, "`sequence` of the first event")
	flags.Int64Var(&span.To, "to", 0, "`sequence` of the last event; 0 for the account's last")
	flags.IntVar(&version, "event-version", event.NewestVersion, "`version` of the schema that the events are written in")
	flags.BoolVar(&refusals, "refusals", false, "the declines that belong to no account")
	command.MarkFlagsOneRequired("account", "refusals")
	for _, flag := range []string{"account", "from", "to"} {
		command.MarkFlagsMutuallyExclusive(flag, "refusals")
	}
	return command
}

// republish writes the events of a span, or all refusals when it names no account,
// into the outbox again, in a version of the schema.
func (a *application) republish(ctx context.Context, span postgres.Span, schema int) error {
	store, err := a.ledger(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := a.checkOwner(ctx, store); err != nil {
		return err
	}
	encoder := kafka.NewVersionEncoder(bank.Code(a.bankCode), schema)
	encode := func(entry *bank.Entry) (bank.Event, error) {
		body, version, err := encoder.Append(nil, entry)
		return bank.Event{
			TransactionID: entry.TransactionID, AccountID: entry.AccountID, Sequence: entry.Sequence,
			Key: entry.EventKey(), SchemaVersion: version, Body: body,
		}, err
	}
	var count int
	whose := "declines without an account"
	if span.AccountID.IsZero() {
		count, err = store.RequeueRefusals(ctx, bank.ID{}, encode)
	} else {
		whose = "events of account " + span.AccountID.String()
		count, err = store.RequeueEvents(ctx, span, encode)
	}
	if err != nil {
		return fmt.Errorf("after %d %s: %w", count, whose, err)
	}
	if count == 0 {
		return fmt.Errorf("there are no such %s", whose)
	}
	if a.json() {
		return a.object(map[string]any{"account_id": span.AccountID.String(), "from_sequence": span.From, "events": count})
	}
	_, err = fmt.Fprintf(a.streams.out, "%d %s are in the outbox again\n", count, whose)
	return err
}

// ledger prepares a client of the bank's database, which may be away. The caller
// closes it.
func (a *application) ledger(ctx context.Context) (*postgres.Store, error) {
	if a.ledgerDatabaseURL == "" {
		return nil, misused("ledger-database-url", errors.New("is missing"))
	}
	store, err := postgres.Open(ctx, postgres.Config{URL: a.ledgerDatabaseURL, MaxConnections: 2, ApplicationName: "bankctl",
		Failpoint: failpoint.From(ctx)})
	if err != nil {
		return nil, misused("ledger-database-url", err)
	}
	return store, nil
}

// checkOwner waits until the ledger answers and refuses that of another bank: the
// bank's code is part of every event, and an event never changes.
func (a *application) checkOwner(ctx context.Context, store *postgres.Store) error {
	ctx, cancel := a.patiently(ctx)
	defer cancel()
	var owner bank.Code
	err := provision.Await(ctx, "the ledger's database", func(ctx context.Context) (err error) {
		owner, err = store.Owner(ctx)
		if err != nil && fault.CodeOf(err) == fault.Unavailable && ctx.Err() == nil {
			return provision.NotReady(err)
		}
		return err
	})
	if err == nil && owner != bank.Code(a.bankCode) {
		err = fmt.Errorf("the ledger is that of bank %s, not %s", owner, a.bankCode)
	}
	return err
}
