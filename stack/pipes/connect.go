package pipes

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Worker is a worker of Kafka Connect, named by the address of its REST API, such as
// http://127.0.0.1:17025. It forwards requests to the other workers of its group.
type Worker string

// Status is the status of a connector and its tasks.
type Status struct {
	Connector struct{ State string }
	Tasks     []Task
}

// Task is the status of a task: its state, the worker that runs it (host:port), and the stack
// trace of its failure.
type Task struct {
	State  string
	Worker string `json:"worker_id"`
	Trace  string
}

// Require returns an error unless the connector and all its tasks are in a state. A running
// connector must have tasks.
func (s *Status) Require(state string) error {
	if s.Connector.State != state || state == "RUNNING" && len(s.Tasks) == 0 {
		return fmt.Errorf("is %s with %d tasks", s.Connector.State, len(s.Tasks))
	}
	for i, task := range s.Tasks {
		if task.State != state {
			return fmt.Errorf("has a task %d that is %s", i, task.State)
		}
	}
	return nil
}

func (w Worker) url(connector, resource string) string {
	return string(w) + "/connectors/" + connector + "/" + resource
}

// Status returns the status of a connector and its tasks.
func (w Worker) Status(ctx context.Context, connector string) (status Status, err error) {
	err = Call(ctx, http.MethodGet, w.url(connector, "status"), nil, &status)
	return status, err
}

// Require returns an error unless a connector and all its tasks are in a state.
func (w Worker) Require(ctx context.Context, connector, state string) error {
	status, err := w.Status(ctx, connector)
	if err != nil {
		return err
	}
	if err := status.Require(state); err != nil {
		return fmt.Errorf("%s %w", connector, err)
	}
	return nil
}

// SetState makes a connector stop, pause or resume. It does not wait for the new state.
func (w Worker) SetState(ctx context.Context, connector, action string) error {
	return Call(ctx, http.MethodPut, w.url(connector, action), nil, nil)
}

// Rewind makes a running sink read its topics from their beginning. It returns when the sink
// runs again. The timeout applies to each step.
func (w Worker) Rewind(ctx context.Context, connector string, timeout time.Duration) error {
	if err := w.SetState(ctx, connector, "stop"); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return w.Require(ctx, connector, "STOPPED") },
		// Members of the group that Connect has stopped may still be known to the broker.
		func(ctx context.Context) error {
			return Call(ctx, http.MethodDelete, w.url(connector, "offsets"), nil, nil)
		},
		func(ctx context.Context) error { return w.SetState(ctx, connector, "resume") },
		func(ctx context.Context) error { return w.Require(ctx, connector, "RUNNING") },
	} {
		if err := Await(ctx, timeout, step); err != nil {
			return err
		}
	}
	return nil
}
