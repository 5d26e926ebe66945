package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"codebank.dev/operations/backlog"
	"codebank.dev/operations/kafkaconnect"
	"codebank.dev/operations/output"
	"codebank.dev/platform/clientauth/kafkaauth"
)

// sinkStatus is the status of a connector, and what it has not taken yet.
type sinkStatus struct {
	kafkaconnect.Status
	// Backlog is nil when the brokers or the registry are away.
	Backlog *backlog.Backlog `json:"backlog,omitempty"`
}

// whole reports whether the connector runs and waits for nothing.
func (s *sinkStatus) whole() bool { return s.Runs() && (s.Backlog == nil || s.Backlog.Waits == "") }

func newConnectorsStatus(app *application) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the state of the connectors and their tasks, and how far they are behind; status 1 unless all run",
		Long: `Show the state of the connectors and their tasks, and how far they are behind.
BEHIND is how many records a connector has not taken, and how old the oldest is. A
connector that waits for a schema runs, for Kafka Connect; CAUSE says what it waits
for. The status is 1 unless all run and none waits.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error {
			ctx, cancel := app.limited(ctx)
			defer cancel()
			client, wanted, err := app.connect()
			if err != nil {
				return err
			}
			statuses, err := client.Statuses(ctx)
			if err != nil {
				return err
			}
			for _, connector := range wanted {
				if _, there := statuses[connector.Name]; !there {
					statuses[connector.Name] = kafkaconnect.Status{Name: connector.Name, Connector: kafkaconnect.State{State: "MISSING"}}
				}
			}
			sinks := make([]sinkStatus, 0, len(statuses))
			for _, name := range slices.Sorted(maps.Keys(statuses)) {
				status := statuses[name]
				status.Name = name
				sinks = append(sinks, sinkStatus{Status: status})
			}
			if err := app.addBacklogs(ctx, client, sinks); err != nil {
				fmt.Fprintf(app.streams.err, "how far the connectors are behind is not known: %s\n", output.Harmless(err.Error()))
			}
			return app.showStatuses(sinks)
		}),
	}
}

// addBacklogs adds the backlogs of the sinks that the worker has. It does not wait for brokers
// or a registry that are away.
func (a *application) addBacklogs(ctx context.Context, client *kafkaconnect.Client, sinks []sinkStatus) error {
	brokers, auth, err := a.brokers()
	if err != nil {
		return err
	}
	defer brokers.Close()
	try, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := kafkaauth.Explain(auth, brokers.Ping(try)); err != nil {
		return err
	}
	for i := range sinks {
		config, err := client.Config(ctx, sinks[i].Name)
		if errors.Is(err, kafkaconnect.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		registry, err := a.registryOf(config)
		if err != nil {
			return err
		}
		behind, err := backlog.New(brokers, registry).Of(ctx, sinks[i].Name, config)
		if err != nil {
			return err
		}
		sinks[i].Backlog = &behind
	}
	return nil
}

// registryOf returns the schemas of the registry that a sink asks: the one in its configuration,
// or, when that is a variable of the worker, the one of --registry-url.
func (a *application) registryOf(config map[string]string) (backlog.SchemaByID, error) {
	address := config["schema.registry.url"]
	if address == "" || strings.Contains(address, "${") {
		address = a.registryURL
	}
	first, _, _ := strings.Cut(address, ",")
	registry, err := a.registryAt(first)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, id uint32) (string, bool, error) {
		try, cancel := context.WithTimeout(ctx, pingTimeout)
		defer cancel()
		return registry.Schema(try, id)
	}, nil
}

func (a *application) showStatuses(sinks []sinkStatus) error {
	heading := []string{"CONNECTOR", "TASK", "STATE", "WORKER", "BEHIND", "CAUSE"}
	if err := output.List(a.printer(), sinks, heading, statusRows); err != nil {
		return err
	}
	idle := 0
	for i := range sinks {
		if !sinks[i].whole() {
			idle++
		}
	}
	if idle > 0 {
		return fmt.Errorf("%d of %d connectors do not run whole", idle, len(sinks))
	}
	return nil
}

func statusRows(sink sinkStatus) [][]string {
	why := cause(sink.Connector)
	if why == "" && sink.Backlog != nil && sink.Backlog.Waits != "" {
		why = "waits: " + sink.Backlog.Waits
	}
	rows := [][]string{{sink.Name, "", sink.Connector.State, sink.Connector.WorkerID, behindText(sink.Backlog, time.Now()), why}}
	for _, task := range sink.Tasks {
		rows = append(rows, []string{sink.Name, strconv.Itoa(task.ID), task.State.State, task.WorkerID, "", cause(task.State)})
	}
	return rows
}

// behindText returns for example "0", or "17 records, 5m0s".
func behindText(behind *backlog.Backlog, now time.Time) string {
	switch {
	case behind == nil:
		return ""
	case behind.Records == 0:
		return "0"
	case behind.Since.IsZero():
		return fmt.Sprintf("%d records", behind.Records)
	}
	return fmt.Sprintf("%d records, %v", behind.Records, max(now.Sub(behind.Since), 0).Round(time.Second))
}
