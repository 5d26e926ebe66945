package kafkaconnect

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Supervisor restarts connectors and tasks that fail. Connect itself never does that: a
// task that failed because of a database error stays FAILED until somebody restarts it.
type Supervisor struct {
	// Client is the client of the workers.
	Client *Client
	// Log gets failures, restarts and recoveries.
	Log *slog.Logger
	// Interval is the time between two reads of all statuses.
	Interval time.Duration
	// FirstDelay is the wait between the first restart of a connector and the next. It
	// doubles up to MostDelay while the connector keeps failing. A connector that has run
	// for as long as its present delay counts as recovered.
	FirstDelay, MostDelay time.Duration
}

// NewSupervisor returns a supervisor that reads the statuses every two seconds. It restarts
// a failed connector at once, and then after 2 s, 4 s … 30 s. A restart without success
// costs little, and a repaired database must take effect within a minute.
func NewSupervisor(client *Client, log *slog.Logger) *Supervisor {
	return &Supervisor{
		Client: client, Log: log,
		Interval: 2 * time.Second, FirstDelay: 2 * time.Second, MostDelay: 30 * time.Second,
	}
}

// Run supervises all connectors until ctx ends, and returns the error of ctx. It goes on
// during and after any outage of the workers. Several supervisors at once are harmless.
func (s *Supervisor) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.Interval)
	defer ticker.Stop()
	failing := make(map[string]*failingConnector)
	away := false
	for {
		err := s.round(ctx, failing)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !away:
			s.Log.Warn("cannot watch the connectors", "error", err)
		case err == nil && away:
			s.Log.Info("watching the connectors again")
		}
		away = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// failingConnector is a connector that failed and has not recovered yet.
type failingConnector struct {
	delay     time.Duration
	restart   time.Time // not before
	runsSince time.Time // zero while it fails
}

// round reads all statuses once and restarts the connectors that are due.
func (s *Supervisor) round(ctx context.Context, failing map[string]*failingConnector) error {
	// A worker that is away must not make a round endless.
	ctx, cancel := context.WithTimeout(ctx, worker.TryTimeout)
	defer cancel()
	statuses, err := s.Client.Statuses(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for name, status := range statuses {
		failure := status.Failure()
		if !s.due(failing, name, failure != nil, time.Now()) {
			continue
		}
		s.Log.Warn("restarting", "connector", name, "failure", failure, "next_delay", failing[name].delay)
		failures = append(failures, s.Client.Restart(ctx, name, true))
	}
	for name := range failing {
		if _, there := statuses[name]; !there {
			delete(failing, name)
		}
	}
	return errors.Join(failures...)
}

// due records the state of a connector at a time and reports whether to restart it.
func (s *Supervisor) due(failing map[string]*failingConnector, name string, failed bool, now time.Time) bool {
	c := failing[name]
	switch {
	case !failed && c == nil:
		return false
	case !failed && c.runsSince.IsZero():
		c.runsSince = now
		return false
	case !failed:
		if now.Sub(c.runsSince) >= c.delay {
			delete(failing, name)
			s.Log.Info("recovered", "connector", name)
		}
		return false
	case c == nil:
		failing[name] = &failingConnector{delay: s.FirstDelay, restart: now.Add(s.FirstDelay)}
		return true
	}
	c.runsSince = time.Time{}
	if now.Before(c.restart) {
		return false
	}
	c.delay = min(2*c.delay, s.MostDelay)
	c.restart = now.Add(c.delay)
	return true
}
