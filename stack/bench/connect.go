package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"codebank.dev/stack/pipes"
)

// The names of the measured connectors.
const (
	statementSink = "statement-postgres"
	indexSink     = "transactions-elasticsearch"
)

func (w *workbench) worker() pipes.Worker { return pipes.Worker(w.stack.Addresses().Connect()) }

// stopSinks stops connectors with their tasks.
func (w *workbench) stopSinks(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := w.worker().SetState(ctx, name, "stop"); err != nil {
			return err
		}
		err := await(ctx, pipelineTimeout, func() (bool, error) {
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
func (w *workbench) resumeSinks(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := w.worker().SetState(ctx, name, "resume"); err != nil {
			return err
		}
	}
	return nil
}

// failedTask returns the failure of a task of a connector; nil if none has failed.
func (w *workbench) failedTask(ctx context.Context, name string) error {
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

// setOffsets sets the offsets at which a stopped connector continues, by partition.
func (w *workbench) setOffsets(ctx context.Context, name string, offsets map[int32]int64) error {
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
	// Members of the group that Connect has stopped may still be known to the broker.
	var last error
	err := await(ctx, pipelineTimeout, func() (bool, error) {
		last = pipes.Call(ctx, http.MethodPatch, w.stack.Addresses().Connect()+"/connectors/"+name+"/offsets", map[string]any{"offsets": positions}, nil)
		return last == nil, ctx.Err()
	})
	return errors.Join(err, last)
}
