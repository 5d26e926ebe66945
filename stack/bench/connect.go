package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"codebank.dev/stack/pipes"
)

// The connectors that are measured, by the names under which they are registered:
// what is behind a name does not matter here.
const (
	statementSink = "statement-postgres"
	indexSink     = "transactions-elasticsearch"
)

func (w *world) worker() pipes.Worker { return pipes.Worker(w.stack.Addresses().Connect()) }

// stopSinks stops connectors, tasks and all.
func (w *world) stopSinks(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := w.worker().SetState(ctx, name, "stop"); err != nil {
			return err
		}
		err := await(ctx, patience, func() (bool, error) {
			s, err := w.worker().Status(ctx, name)
			return s.Connector.State == "STOPPED" && len(s.Tasks) == 0, err
		})
		if err != nil {
			return fmt.Errorf("stopping %s: %w", name, err)
		}
	}
	return nil
}

// resumeSinks starts connectors and does not wait for their tasks.
func (w *world) resumeSinks(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := w.worker().SetState(ctx, name, "resume"); err != nil {
			return err
		}
	}
	return nil
}

// failedTask returns why a task of a connector has failed, nil if none has.
func (w *world) failedTask(ctx context.Context, name string) error {
	s, err := w.worker().Status(ctx, name)
	if err != nil {
		return err
	}
	for _, task := range s.Tasks {
		if task.State == "FAILED" {
			return fmt.Errorf("a task of %s has failed: %.300s", name, task.Trace)
		}
	}
	return nil
}

// place sets where a stopped connector reads on: these offsets by partition.
func (w *world) place(ctx context.Context, name string, offsets map[int32]int64) error {
	type position struct {
		Partition map[string]any `json:"partition"`
		Offset    map[string]any `json:"offset"`
	}
	var positions []position
	for partition, offset := range offsets {
		positions = append(positions, position{
			Partition: map[string]any{"kafka_topic": topic, "kafka_partition": partition},
			Offset:    map[string]any{"kafka_offset": offset},
		})
	}
	// The group may still have members that Connect has stopped and the broker remembers.
	var last error
	err := await(ctx, patience, func() (bool, error) {
		last = pipes.Call(ctx, http.MethodPatch, w.stack.Addresses().Connect()+"/connectors/"+name+"/offsets", map[string]any{"offsets": positions}, nil)
		return last == nil, ctx.Err()
	})
	return errors.Join(err, last)
}
