package kafkaconnect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codebank.dev/operations/provision"
)

// Connector is a wanted connector.
type Connector struct {
	Name   string
	Config map[string]string
}

// Plan is what Apply would do to one connector.
type Plan struct {
	Name string `json:"name"`
	// Action is Unchanged when the running configuration is the wanted one.
	Action provision.Action `json:"action"`
	// Differences are the keys to be changed. For a new connector they are all wanted keys.
	Differences []provision.Difference `json:"differences,omitempty"`
}

// Plan compares the wanted connectors with the running ones and changes nothing.
func (c *Client) Plan(ctx context.Context, wanted []Connector) ([]Plan, error) {
	plans := make([]Plan, 0, len(wanted))
	for _, connector := range wanted {
		running, err := c.Config(ctx, connector.Name)
		plan := Plan{Name: connector.Name, Action: provision.Updated}
		switch {
		case errors.Is(err, ErrNotFound):
			plan.Action = provision.Created
		case err != nil:
			return nil, fmt.Errorf("connector %s: %w", connector.Name, err)
		}
		// The worker adds the name to the configuration that it got.
		if _, wants := connector.Config["name"]; !wants && running["name"] == connector.Name {
			delete(running, "name")
		}
		plan.Differences = provision.Differences(running, connector.Config)
		if plan.Action == provision.Updated && len(plan.Differences) == 0 {
			plan.Action = provision.Unchanged
		}
		plans = append(plans, plan)
	}
	return plans, nil
}

// Pace says how Apply reads statuses while it waits for connectors.
type Pace struct {
	// Poll is the time between two reads of a status.
	Poll time.Duration
	// Stable is how long the status of a changed connector must stay the same before it counts.
	// This is necessary because the worker reports the old tasks until it has acted on the
	// change.
	Stable time.Duration
}

// DefaultPace returns a Pace that reads four times a second. A status counts after three
// seconds.
func DefaultPace() Pace { return Pace{Poll: 250 * time.Millisecond, Stable: 3 * time.Second} }

// Apply puts the configurations that differ, waits until each connector and all its tasks run,
// and reports each connector. It does not change a connector that is as wanted, and does not
// restart a connector that failed. The failure of a task is a *FailedError. A paused connector
// is an error, because an operator paused it. Apply puts all connectors before it waits for
// the first one, and waits for each connector even if others fail.
func (c *Client) Apply(ctx context.Context, wanted []Connector, pace Pace, report provision.Report) error {
	plans, err := c.Plan(ctx, wanted)
	if err != nil {
		return err
	}
	var failures []error
	put := make([]bool, len(plans))
	for i, plan := range plans {
		if plan.Action != provision.Unchanged {
			err := c.Put(ctx, wanted[i])
			if err != nil {
				failures = append(failures, fmt.Errorf("connector %s: %w", plan.Name, err))
				continue
			}
		}
		put[i] = true
	}
	for i, plan := range plans {
		if !put[i] {
			continue
		}
		stable := time.Duration(0)
		if plan.Action == provision.Updated {
			stable = pace.Stable
		}
		tasks, err := c.awaitRunning(ctx, plan.Name, pace.Poll, stable)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		report(provision.Result{Kind: "connector", Name: plan.Name, Action: plan.Action, Detail: detail(plan, tasks)})
	}
	return errors.Join(failures...)
}

func detail(plan Plan, tasks int) string {
	text := fmt.Sprintf("%d tasks run", tasks)
	if tasks == 1 {
		text = "1 task runs"
	}
	if plan.Action != provision.Updated {
		return text
	}
	for i, difference := range plan.Differences {
		if i == 5 {
			return text + fmt.Sprintf(" and %d more", len(plan.Differences)-i)
		}
		text += ", " + difference.Key
	}
	return text
}

// Await waits until the connector and all its tasks run and returns how many tasks
// there are. A failure is a *FailedError, a paused or stopped connector an error.
func (c *Client) Await(ctx context.Context, name string, pace Pace) (int, error) {
	return c.awaitRunning(ctx, name, pace.Poll, pace.Stable)
}

// awaitRunning waits until the connector has been running, failed or halted for the time
// stable.
func (c *Client) awaitRunning(ctx context.Context, name string, poll, stable time.Duration) (int, error) {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	var since time.Time
	before := ""
	for {
		status, tasks, err := c.current(ctx, name)
		if err != nil {
			return 0, fmt.Errorf("connector %s: %w", name, err)
		}
		now := lasting(status, tasks)
		if now != before {
			before, since = now, time.Now()
		}
		if now != "" && time.Since(since) >= stable {
			return tasks, notRunning(name, status)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("connector %s does not run yet: %w; last: %s", name, ctx.Err(), describe(status))
		}
	}
}

// current returns the connector's status and how many tasks it has. Both are zero while the
// worker has no status of a new connector.
func (c *Client) current(ctx context.Context, name string) (status Status, tasks int, err error) {
	if tasks, err = c.Tasks(ctx, name); err == nil {
		status, err = c.Status(ctx, name)
	}
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return status, tasks, err
}

// lasting returns the state of a connector as a whole, or "" while the state is about to
// change. Tasks report their states one by one, so some may run while others have no state
// yet.
func lasting(status Status, tasks int) string {
	switch {
	case status.Failure() != nil:
		return Failed
	case status.Halted():
		return Paused
	case status.Runs() && len(status.Tasks) == tasks:
		return Running
	}
	return ""
}

// notRunning returns why a connector does not run, or nil if it runs.
func notRunning(name string, status Status) error {
	if err := status.Failure(); err != nil {
		return err
	}
	if status.Halted() {
		return fmt.Errorf("connector %s is %s; it stays so until someone resumes it", name, status.Connector.State)
	}
	return nil
}

// describe returns a status in a few words.
func describe(status Status) string {
	if status.Connector.State == "" {
		return "the worker does not know it yet"
	}
	text := "connector " + status.Connector.State
	for _, task := range status.Tasks {
		text += fmt.Sprintf(", task %d %s", task.ID, task.State.State)
	}
	if len(status.Tasks) == 0 {
		text += ", no tasks"
	}
	return text
}
