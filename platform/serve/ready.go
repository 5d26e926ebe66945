package serve

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"codebank.dev/platform/fault"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const (
	// DefaultCheckTimeout is how long a readiness check may take.
	DefaultCheckTimeout = time.Second

	// readinessEvery is how often the gRPC health service gets the readiness.
	readinessEvery = 2 * time.Second
	// readinessFresh is how long a report is used for further callers, so that many probes
	// are no load.
	readinessFresh = 250 * time.Millisecond

	// failed is the status of a check that does not hold.
	failed = "failed"
)

// Check is one condition of readiness: a part without which the program cannot answer. A
// part that the program can do without, such as the bank's broker, has no check.
type Check struct {
	// Name is what /readyz calls it.
	Name string
	// Timeout bounds Run. Default: DefaultCheckTimeout.
	Timeout time.Duration
	// Run returns nil when the condition holds. Its error goes to the log. The message of
	// a *fault.Error is shown by /readyz too, because it may be shown to anybody.
	Run func(context.Context) error
}

// checkResult is one check as /readyz shows it.
type checkResult struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	// Message says what the program waits for; absent if the error may not be shown.
	Message string `json:"message,omitempty"`
}

// report is the body of /readyz.
type report struct {
	Ready  bool          `json:"ready"`
	Checks []checkResult `json:"checks"`
}

// readiness runs the checks, side by side, for one caller at a time.
type readiness struct {
	checks []Check
	logger *slog.Logger
	start  *start

	mu       sync.Mutex
	draining bool
	last     report
	lastAt   time.Time
}

// drain turns readiness off for good.
func (r *readiness) drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
}

// check returns a report that is not older than readinessFresh.
func (r *readiness) check(ctx context.Context) report {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.draining {
		return report{Checks: []checkResult{{Name: "draining", Status: failed}}}
	}
	if time.Since(r.lastAt) < readinessFresh {
		return r.last
	}
	before := r.last
	now := r.run(ctx, before)
	if now.Ready && !r.start.done.Load() {
		now.Ready = false
		now.Checks = append(now.Checks, checkResult{Name: "start", Status: failed, Message: "the program prepares its work"})
	}
	if now.Ready && !before.Ready {
		r.logger.Info("ready")
	}
	if ctx.Err() == nil { // A report to a caller that has left says nothing about the program.
		r.last, r.lastAt = now, time.Now()
	}
	return now
}

// run runs the checks and reports on them.
func (r *readiness) run(ctx context.Context, before report) report {
	now := report{Ready: true, Checks: make([]checkResult, len(r.checks))}
	failures := make([]error, len(r.checks))
	var running sync.WaitGroup
	for i, check := range r.checks {
		running.Go(func() { failures[i] = check.run(ctx) })
	}
	running.Wait()
	for i, check := range r.checks {
		now.Checks[i] = checkResult{Name: check.Name, Status: "ok"}
		if failures[i] != nil {
			now.Ready, now.Checks[i].Status = false, failed
			var known *fault.Error
			if errors.As(failures[i], &known) {
				now.Checks[i].Message = known.Message
			}
			r.logFailure(before, check.Name, failures[i])
		}
	}
	return now
}

// logFailure logs the first failure only: at info during the start, as a warning in an
// outage.
func (r *readiness) logFailure(before report, check string, err error) {
	switch {
	case before.Ready:
		r.logger.Warn("no longer ready", "check", check, "error", err)
	case r.lastAt.IsZero():
		r.logger.Info("not ready yet", "check", check, "error", err)
	}
}

func (c Check) run(ctx context.Context) error {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = DefaultCheckTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return c.Run(ctx)
}

// ServeHTTP answers 200 if every check holds. Otherwise it answers 503 with the names of
// the checks that do not hold and what they wait for.
func (r *readiness) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	result := r.check(request.Context())
	httpStatus := http.StatusOK
	if !result.Ready {
		httpStatus = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(httpStatus)
	_ = json.NewEncoder(w).Encode(result)
}

// watchReadiness tells the gRPC health service what the checks say until ctx ends.
func (s *Server) watchReadiness(ctx context.Context) {
	ticker := time.NewTicker(readinessEvery)
	defer ticker.Stop()
	for {
		serving := grpc_health_v1.HealthCheckResponse_NOT_SERVING
		if s.ready.check(ctx).Ready {
			serving = grpc_health_v1.HealthCheckResponse_SERVING
		}
		if ctx.Err() != nil {
			return
		}
		s.health.SetServingStatus("", serving)
		for service := range s.grpc.GetServiceInfo() {
			s.health.SetServingStatus(service, serving)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
