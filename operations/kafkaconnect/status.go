package kafkaconnect

import (
	"fmt"
	"strings"
)

// The lasting states of a connector or task, as the worker names them. UNASSIGNED and
// RESTARTING do not last.
const (
	Running = "RUNNING"
	Failed  = "FAILED"
	Paused  = "PAUSED"
	Stopped = "STOPPED"
)

// Status is the state of a connector and its tasks.
type Status struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Connector State  `json:"connector"`
	Tasks     []Task `json:"tasks"`
}

// State is the state of a connector or a task.
type State struct {
	State    string `json:"state"`
	WorkerID string `json:"worker_id"`
	// Trace is the stack trace of a failure.
	Trace string `json:"trace,omitempty"`
}

// Task is the state of one task.
type Task struct {
	ID int `json:"id"`
	State
}

// Runs reports whether the connector and all its tasks run. There must be at least one
// task.
func (s Status) Runs() bool {
	for _, task := range s.Tasks {
		if task.State.State != Running {
			return false
		}
	}
	return s.Connector.State == Running && len(s.Tasks) > 0
}

// Failure returns a *FailedError for the first part that failed, or nil if no part
// failed.
func (s Status) Failure() error {
	if s.Connector.State == Failed {
		return &FailedError{Connector: s.Name, Task: -1, Trace: s.Connector.Trace}
	}
	for _, task := range s.Tasks {
		if task.State.State == Failed {
			return &FailedError{Connector: s.Name, Task: task.ID, Trace: task.Trace}
		}
	}
	return nil
}

// Halted reports whether an operator paused or stopped the connector.
func (s Status) Halted() bool {
	return s.Connector.State == Paused || s.Connector.State == Stopped
}

// FailedError says that a connector or one of its tasks failed.
type FailedError struct {
	Connector string
	// Task is the number of the task, or -1 if the connector itself failed.
	Task int
	// Trace is the whole stack trace.
	Trace string
}

// Error names what failed and gives the first lines of the trace.
func (e *FailedError) Error() string {
	what := "connector " + e.Connector
	if e.Task >= 0 {
		what = fmt.Sprintf("task %d of %s", e.Task, what)
	}
	return what + " FAILED: " + Reasons(e.Trace)
}

// Reason returns the innermost cause in a Java stack trace, in one line. It returns "" if
// there is none.
func Reason(trace string) string {
	reason := ""
	for line := range strings.Lines(trace) {
		line = strings.TrimSpace(line)
		if cause, ok := strings.CutPrefix(line, "Caused by: "); ok || reason == "" {
			reason = cause
		}
	}
	return shortened(reason)
}

const (
	// reasonLines is how many lines Reasons returns at most.
	reasonLines = 6
	// reasonWidth bounds such a line, in bytes, because a message may repeat a whole record.
	reasonWidth = 500
)

// Reasons returns the exception of a Java stack trace and its causes, without the frames,
// in a few lines.
func Reasons(trace string) string {
	var reasons []string
	for line := range strings.Lines(trace) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "at ") || strings.HasPrefix(line, "... ") {
			continue
		}
		if reasons = append(reasons, shortened(line)); len(reasons) == reasonLines {
			break
		}
	}
	if len(reasons) == 0 {
		return "no trace"
	}
	return strings.Join(reasons, "\n  ")
}

func shortened(line string) string {
	if len(line) > reasonWidth {
		line = strings.ToValidUTF8(line[:reasonWidth], "") + "…"
	}
	return line
}
