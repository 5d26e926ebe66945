package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"codebank.dev/bank/postgres"
	"codebank.dev/operations/republish"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/event"
)

// republishSettings are the flags of republish.
type republishSettings struct {
	account  string
	span     postgres.Span
	refusals bool
	version  int
}

func newRepublish(app *application) *cobra.Command {
	var s republishSettings
	command := &cobra.Command{
		Use:   "republish --account ID [--from SEQUENCE] [--to SEQUENCE] | --refusals",
		Short: "Have events published again, with the ids they had",
		Long: `Write events of an account into the outbox again. The bank's relay publishes them.
Every copy downstream takes each event once, by its id: what is there already stays
as it is, and what is missing arrives.

The events are made again from the ledger, which holds every field of them. Doing
it again is harmless. With --refusals, all declines that belong to no account are
published again.

While a new version of the event is rolled out, --event-version must be the version
that the bank writes, because the relay waits for a schema that is not registered
yet. An event that does not fit into an older version is refused.`,
		Args: cobra.NoArgs,
	}
	command.RunE = work(func(ctx context.Context, _ []string) error {
		if err := s.check(command.Flags().Changed); err != nil {
			return err
		}
		return app.republish(ctx, &s)
	})
	flags := command.Flags()
	flags.StringVar(&s.account, "account", "", "`id` of the account")
	flags.Int64Var(&s.span.From, "from", 1, "`sequence` of the first event")
	flags.Int64Var(&s.span.To, "to", 0, "`sequence` of the last event; 0 for the account's last")
	flags.IntVar(&s.version, "event-version", event.NewestVersion, "`version` of the schema that the events are written in")
	flags.BoolVar(&s.refusals, "refusals", false, "the declines that belong to no account")
	return command
}

// check returns an error if the settings do not say which events to publish. given reports
// whether a flag was given.
func (s *republishSettings) check(given func(flag string) bool) error {
	switch {
	case s.refusals && (given("account") || given("from") || given("to")):
		return &misuse{cause: errors.New("--refusals is about the declines that belong to no account: leave out --account, --from and --to")}
	case !s.refusals && s.account == "":
		return &misuse{cause: errors.New("say what to publish again: --account with the id of an account, or --refusals")}
	}
	if s.version < 1 || s.version > event.NewestVersion {
		return misused("event-version", fmt.Errorf("there are versions 1 to %d", event.NewestVersion))
	}
	if s.refusals {
		return nil
	}
	var err error
	if s.span.AccountID, err = id.Parse(s.account); err != nil {
		return misused("account", err)
	}
	if s.span.From < 1 || s.span.To != 0 && s.span.To < s.span.From {
		return misused("from", errors.New("a span begins at 1 or above and ends at or behind its beginning"))
	}
	return nil
}

func (a *application) republish(ctx context.Context, s *republishSettings) error {
	store, err := a.ledger(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	waiting, cancel := a.limited(ctx)
	defer cancel()
	ledger, err := republish.Open(waiting, store, a.bankCode, s.version)
	if err != nil {
		return err
	}
	var count int
	whose := "declines without an account"
	if s.refusals {
		s.span = postgres.Span{}
		count, err = ledger.Refusals(ctx)
	} else {
		whose = "events of account " + s.span.AccountID.String()
		count, err = ledger.Account(ctx, s.span)
	}
	if err != nil {
		return fmt.Errorf("after %d %s: %w", count, whose, err)
	}
	if count == 0 {
		return fmt.Errorf("there are no such %s", whose)
	}
	if a.printer().JSON() {
		return a.printer().Object(map[string]any{"account_id": s.span.AccountID.String(), "from_sequence": s.span.From, "events": count})
	}
	return a.printer().Text(fmt.Sprintf("%d %s are in the outbox again\n", count, whose))
}
