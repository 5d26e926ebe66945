package pipes

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Worker is a worker of Kafka Connect, by the address of its interface, such as
// http://127.0.0.1:17025. It forwards to the others of its group.
type Worker string

// Status is how Connect says that a connector and its tasks are.
type Status struct {
	Connector struct{ State string }
	Tasks     []Task
}

// Task is how a task is, on which worker, host:port, and why it has failed.
type Task struct {
	State  string
	Worker string `json:"worker_id"`
	Trace  string
}

// Are fails unless the connector and all of its tasks are in a state. One that runs has
// tasks.
func (s *Status) Are(state string) error {
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

func (w Worker) url(connector, of string) string {
	return string(w) + "/connectors/" + connector + "/" + of
}

// Status returns how a connector and its tasks are.
func (w Worker) Status(ctx context.Context, connector string) (status Status, err error) {
	err = Ask(ctx, http.MethodGet, w.url(connector, "status"), nil, &status)
	return status, err
}

// Are fails unless a connector and all of its tasks are in a state.
func (w Worker) Are(ctx context.Context, connector, state string) error {
	status, err := w.Status(ctx, connector)
	if err != nil {
		return err
	}
	if err := status.Are(state); err != nil {
		return fmt.Errorf("%s %w", connector, err)
	}
	return nil
}

// Order has a connector stop, pause or resume, and does not wait until it has.
func (w Worker) Order(ctx context.Context, connector, order string) error {
	return Ask(ctx, http.MethodPut, w.url(connector, order), nil, nil)
}

// Rewind has a running sink read its topics from their beginning, and returns when it
// runs again. The patience is for each step.
func (w Worker) Rewind(ctx context.Context, connector string, patience time.Duration) error {
	if err := w.Order(ctx, connector, "stop"); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return w.Are(ctx, connector, "STOPPED") },
		// The group may still have members that Connect has stopped and the broker remembers.
		func(ctx context.Context) error {
			return Ask(ctx, http.MethodDelete, w.url(connector, "offsets"), nil, nil)
		},
		func(ctx context.Context) error { return w.Order(ctx, connector, "resume") },
		func(ctx context.Context) error { return w.Are(ctx, connector, "RUNNING") },
	} {
		if err := Await(ctx, patience, step); err != nil {
			return err
		}
	}
	return nil
}
