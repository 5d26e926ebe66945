package kafkaconnect

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Supervisor restarts what fails. Connect itself never does: a task that met a
// database error stays FAILED until someone acts.
type Supervisor struct {
	// Client reaches the workers.
	Client *Client
	// Log is told of failures, restarts and recoveries.
	Log *slog.Logger
	// Interval is the time between two looks at all connectors.
	Interval time.Duration
	// FirstDelay is the wait between a first restart and the next one of the same
	// connector; it doubles up to MostDelay while the connector keeps failing. A
	// connector that was well for as long as its present delay starts anew.
	FirstDelay, MostDelay time.Duration
}

// NewSupervisor returns a supervisor that looks every two seconds, restarts at once
// and then after 2 s, 4 s … 30 s. A restart that fails costs little, and a cure should
// show within a minute.
func NewSupervisor(client *Client, log *slog.Logger) *Supervisor {
	return &Supervisor{
		Client: client, Log: log,
		Interval: 2 * time.Second, FirstDelay: 2 * time.Second, MostDelay: 30 * time.Second,
	}
}

// Run supervises all connectors until ctx ends, whose error it returns. It outlives
// any outage of the workers. Several supervisors at once are harmless.
func (s *Supervisor) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.Interval)
	defer ticker.Stop()
	cases := make(map[string]*patient)
	away := false
	for {
		err := s.round(ctx, cases)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !away:
			s.Log.Warn("cannot look after the connectors", "error", err)
		case err == nil && away:
			s.Log.Info("looking after the connectors again")
		}
		away = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// patient is a connector that failed and is not known to be cured.
type patient struct {
	delay    time.Duration
	restart  time.Time // not before
	wellFrom time.Time // zero while it fails
}

// round looks at all connectors once and restarts those that are due.
func (s *Supervisor) round(ctx context.Context, cases map[string]*patient) error {
	// A worker that is away must not stretch one round without end.
	ctx, cancel := context.WithTimeout(ctx, worker.TryTimeout)
	defer cancel()
	statuses, err := s.Client.Statuses(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for name, status := range statuses {
		failure := status.Failure()
		if !s.due(cases, name, failure != nil, time.Now()) {
			continue
		}
		s.Log.Warn("restarting", "connector", name, "failure", failure, "next_delay", cases[name].delay)
		failures = append(failures, s.Client.Restart(ctx, name, true))
	}
	for name := range cases {
		if _, there := statuses[name]; !there {
			delete(cases, name)
		}
	}
	return errors.Join(failures...)
}

// due records how a connector is at a time and reports whether it is to be restarted.
func (s *Supervisor) due(cases map[string]*patient, name string, failed bool, now time.Time) bool {
	p := cases[name]
	switch {
	case !failed && p == nil:
		return false
	case !failed && p.wellFrom.IsZero():
		p.wellFrom = now
		return false
	case !failed:
		if now.Sub(p.wellFrom) >= p.delay {
			delete(cases, name)
			s.Log.Info("recovered", "connector", name)
		}
		return false
	case p == nil:
		cases[name] = &patient{delay: s.FirstDelay, restart: now.Add(s.FirstDelay)}
		return true
	}
	p.wellFrom = time.Time{}
	if now.Before(p.restart) {
		return false
	}
	p.delay = min(2*p.delay, s.MostDelay)
	p.restart = now.Add(p.delay)
	return true
}
