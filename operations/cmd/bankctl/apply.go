package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"codebank.dev/connectors"
	"codebank.dev/operations/elasticsearch"
	"codebank.dev/operations/kafkaconnect"
	"codebank.dev/operations/schemaregistry"
	"codebank.dev/operations/topics"
	"codebank.dev/schemas"
)

// kinds are what can be applied, in the order in which one needs the other: a schema
// belongs to a topic, and a connector wants all three.
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

Services that are starting are waited for. Connectors are waited for until every
task runs; a task that fails ends the command with 1 and the beginning of its
trace.`,
		ValidArgs: append([]string{"all"}, kinds...),
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: work(func(ctx context.Context, args []string) error {
			if replication < 1 || replication > 32 {
				return misused("replication-factor", fmt.Errorf("%d is not 1 to 32", replication))
			}
			ctx, cancel := app.patiently(ctx)
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
	declared, err := schemas.Topics(a.bankCode)
	if err != nil {
		return err
	}
	wanted := make([]topics.Topic, len(declared))
	for i, topic := range declared {
		wanted[i] = topics.Topic{Name: topic.Name, Partitions: topic.Partitions, Config: map[string]string{
			"cleanup.policy": topic.Cleanup,
			"retention.ms":   strconv.FormatInt(topic.RetentionMillis, 10),
		}}
	}
	client, err := a.kafka(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	return topics.New(client, replication).Apply(ctx, wanted, a.result)
}

func (a *application) applySchemas(ctx context.Context) error {
	declared, err := schemas.Topics(a.bankCode)
	if err != nil {
		return err
	}
	var wanted []schemaregistry.Subject
	for _, topic := range declared {
		folder, ok := topic.SchemaFolder()
		if !ok {
			continue
		}
		versions, err := schemas.Schemas(folder)
		if err != nil {
			return err
		}
		subject := schemaregistry.Subject{Name: schemas.Subject(topic.Name)}
		for _, version := range versions {
			subject.Versions = append(subject.Versions, version.Schema)
		}
		wanted = append(wanted, subject)
	}
	client, err := schemaregistry.New(a.registryURL)
	if err != nil {
		return misused("registry-url", err)
	}
	return client.Apply(ctx, wanted, a.result)
}

func (a *application) applyIndices(ctx context.Context) error {
	declared, err := connectors.Indices()
	if err != nil {
		return err
	}
	wanted := make([]elasticsearch.Template, len(declared))
	for i, index := range declared {
		wanted[i] = elasticsearch.Template{
			Name: index.Name, Body: index.Template, Patterns: index.Patterns,
			Mappings: index.Mappings, Aliases: index.Aliases,
		}
	}
	client, err := elasticsearch.New(a.elasticsearchURL)
	if err != nil {
		return misused("elasticsearch-url", err)
	}
	return client.Apply(ctx, wanted, a.result)
}

func (a *application) applyConnectors(ctx context.Context) error {
	client, wanted, err := a.connect()
	if err != nil {
		return err
	}
	return client.Apply(ctx, wanted, kafkaconnect.DefaultPace(), a.result)
}

// connect returns a client of the worker and the connectors that the files describe.
func (a *application) connect() (*kafkaconnect.Client, []kafkaconnect.Connector, error) {
	client, err := kafkaconnect.New(a.connectURL)
	if err != nil {
		return nil, nil, misused("connect-url", err)
	}
	sinks, err := connectors.Sinks()
	if err != nil {
		return nil, nil, err
	}
	wanted := make([]kafkaconnect.Connector, len(sinks))
	for i, sink := range sinks {
		wanted[i] = kafkaconnect.Connector{Name: sink.Name, Config: sink.Config}
	}
	return client, wanted, nil
}
