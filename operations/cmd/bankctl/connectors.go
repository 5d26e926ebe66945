package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"codebank.dev/operations/declared"
	"codebank.dev/operations/kafkaconnect"
	"codebank.dev/operations/output"
	"codebank.dev/operations/provision"
)

func newConnectors(app *application) *cobra.Command {
	return group("connectors", "The connectors of Kafka Connect",
		newConnectorsPlan(app), newConnectorsApply(app), newConnectorsShow(app), newConnectorsStatus(app),
		newConnectorsRestart(app), newConnectorsWatch(app))
}

func newConnectorsPlan(app *application) *cobra.Command {
	return &cobra.Command{
		Use:   "plan",
		Short: "Show where the running connectors differ from the files; status 1 if they do",
		Args:  cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error {
			ctx, cancel := app.limited(ctx)
			defer cancel()
			client, wanted, err := app.connect()
			if err != nil {
				return err
			}
			plans, err := client.Plan(ctx, wanted)
			if err != nil {
				return err
			}
			return app.showPlans(plans)
		}),
	}
}

func (a *application) showPlans(plans []kafkaconnect.Plan) error {
	heading := []string{"CONNECTOR", "PLAN", "KEY", "RUNNING", "WANTED"}
	if err := output.List(a.printer(), plans, heading, planRows); err != nil {
		return err
	}
	return allUnchanged(plans, "connectors", func(plan kafkaconnect.Plan) provision.Action { return plan.Action })
}

// allUnchanged returns an error if any of the plans would change something.
func allUnchanged[P any](plans []P, what string, action func(P) provision.Action) error {
	differing := 0
	for _, plan := range plans {
		if action(plan) != provision.Unchanged {
			differing++
		}
	}
	if differing > 0 {
		return fmt.Errorf("%d of %d %s are not as wanted", differing, len(plans), what)
	}
	return nil
}

// planRows returns what would be done to a connector. For a new connector it gives only
// the number of keys, because all of them are new.
func planRows(plan kafkaconnect.Plan) [][]string {
	switch plan.Action {
	case provision.Unchanged:
		return [][]string{{plan.Name, "unchanged"}}
	case provision.Created:
		return [][]string{{plan.Name, "create", fmt.Sprintf("all %d", len(plan.Differences))}}
	}
	var rows [][]string
	for _, difference := range plan.Differences {
		rows = append(rows, []string{plan.Name, "update", difference.Key, side(difference.Running), side(difference.Wanted)})
	}
	return rows
}

// side returns one side of a difference, or "-" if it lacks the key.
func side(value *string) string {
	if value == nil {
		return "-"
	}
	return *value
}

func newConnectorsApply(app *application) *cobra.Command {
	return &cobra.Command{
		Use:   "apply",
		Short: "The same as 'bankctl apply connectors'",
		Args:  cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error {
			ctx, cancel := app.limited(ctx)
			defer cancel()
			return app.applyConnectors(ctx)
		}),
	}
}

func newConnectorsShow(app *application) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Print the wanted configuration of a connector, as Kafka Connect takes it",
		Args:  cobra.ExactArgs(1),
		RunE: work(func(_ context.Context, names []string) error {
			wanted, err := declared.Connectors(app.bankCode, app.connectSecrets)
			if err != nil {
				return err
			}
			for _, connector := range wanted {
				if connector.Name == names[0] {
					return app.printer().Object(connector.Config)
				}
			}
			return fmt.Errorf("bank %s has no connector %s", app.bankCode, names[0])
		}),
	}
}

// cause returns the innermost reason of a failure.
func cause(state kafkaconnect.State) string {
	if state.State != kafkaconnect.Failed {
		return ""
	}
	return kafkaconnect.Reason(state.Trace)
}

func newConnectorsRestart(app *application) *cobra.Command {
	var whole bool
	command := &cobra.Command{
		Use:   "restart NAME...",
		Short: "Restart the failed parts of connectors and wait until they run",
		Args:  cobra.MinimumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			_, wanted, _ := app.connect()
			var names []string
			for _, connector := range wanted {
				names = append(names, connector.Name)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: work(func(ctx context.Context, names []string) error {
			ctx, cancel := app.limited(ctx)
			defer cancel()
			client, _, err := app.connect()
			if err != nil {
				return err
			}
			var failures []error
			for _, name := range names {
				failures = append(failures, app.restart(ctx, client, name, !whole))
			}
			return errors.Join(failures...)
		}),
	}
	command.Flags().BoolVar(&whole, "whole", false, "restart also the parts that run")
	return command
}

func (a *application) restart(ctx context.Context, client *kafkaconnect.Client, name string, onlyFailed bool) error {
	if err := client.Restart(ctx, name, onlyFailed); err != nil {
		return fmt.Errorf("connector %s: %w", name, err)
	}
	tasks, err := client.Await(ctx, name, kafkaconnect.DefaultPace())
	if err != nil {
		return err
	}
	if a.printer().JSON() {
		return a.printer().Object(map[string]any{"kind": "connector", "name": name, "action": "restarted", "tasks": tasks})
	}
	return a.printer().Text(fmt.Sprintf("%s runs, tasks: %d\n", output.Harmless(name), tasks))
}

func newConnectorsWatch(app *application) *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Restart failed connectors and tasks, with growing delays, until interrupted",
		Args:  cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error {
			client, _, err := app.connect()
			if err != nil {
				return err
			}
			var handler slog.Handler = slog.NewTextHandler(app.streams.err, nil)
			if app.printer().JSON() {
				handler = slog.NewJSONHandler(app.streams.err, nil)
			}
			log := slog.New(handler)
			log.Info("watching the connectors")
			if err := kafkaconnect.NewSupervisor(client, log).Run(ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		}),
	}
}
