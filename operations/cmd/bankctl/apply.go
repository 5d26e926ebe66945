package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"codebank.dev/operations/declared"
	"codebank.dev/operations/kafkaconnect"
	"codebank.dev/operations/topics"
)

// kinds are the kinds of object that can be applied, in this order: a schema belongs to
// a topic, and a connector needs topics, schemas and indices.
var kinds = []string{"topics", "schemas", "indices", "connectors"}

func newApply(app *application) *cobra.Command {
	var replication int
	command := &cobra.Command{
		Use:   "apply topics|schemas|indices|connectors|all",
		Short: "Bring topics, schemas, indices or connectors into the state that the files describe",
		Long: `Bring topics, schemas, indices or connectors, or all in this order, into the
state that the files of the repository describe, and print a line for each:
created, updated or unchanged. Doing it again changes nothing. Nothing is ever
removed, and the partitions of a topic are never changed.

The command waits for services that are starting. It waits for connectors until
every task runs; when a task fails, it prints the beginning of the task's trace
and ends with status 1.`,
		ValidArgs: append([]string{"all"}, kinds...),
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: work(func(ctx context.Context, args []string) error {
			if replication < 1 || replication > 32 {
				return misused("replication-factor", fmt.Errorf("%d is not 1 to 32", replication))
			}
			ctx, cancel := app.limited(ctx)
			defer cancel()
			wanted := args
			if args[0] == "all" {
				wanted = kinds
			}
			for _, kind := range wanted {
				if err := app.apply(ctx, kind, replication); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	command.Flags().IntVar(&replication, "replication-factor", 1, "replicas of a new topic; with 3 or more, writes need all but one")
	return command
}

func (a *application) apply(ctx context.Context, kind string, replication int) error {
	switch kind {
	case "topics":
		return a.applyTopics(ctx, replication)
	case "schemas":
		return a.applySchemas(ctx)
	case "indices":
		return a.applyIndices(ctx)
	case "connectors":
		return a.applyConnectors(ctx)
	}
	return errors.New("no such kind")
}

func (a *application) applyTopics(ctx context.Context, replication int) error {
	wanted, err := declared.Topics(a.bankCode)
	if err != nil {
		return err
	}
	client, err := a.kafka(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	return topics.New(client, replication).Apply(ctx, wanted, a.printer().Result)
}

func (a *application) applySchemas(ctx context.Context) error {
	wanted, err := declared.Subjects(a.bankCode)
	if err != nil {
		return err
	}
	client, err := a.registry()
	if err != nil {
		return err
	}
	return client.Apply(ctx, wanted, a.printer().Result)
}

func (a *application) applyIndices(ctx context.Context) error {
	wanted, err := declared.Templates()
	if err != nil {
		return err
	}
	client, err := a.elasticsearch()
	if err != nil {
		return err
	}
	return client.Apply(ctx, wanted, a.printer().Result)
}

func (a *application) applyConnectors(ctx context.Context) error {
	client, wanted, err := a.connect()
	if err != nil {
		return err
	}
	return client.Apply(ctx, wanted, kafkaconnect.DefaultPace(), a.printer().Result)
}
