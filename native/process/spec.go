// Package process runs a table of processes that depend on one another. It starts them in
// parallel as far as their needs allow, waits until each answers a readiness check, and stops
// them in reverse order. An error names the process and shows the end of its log. The package
// does not know what the processes are.
package process

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"

	"codebank.dev/native/child"
)

// Spec is one row of the table: a process that runs until it is stopped, or a task that runs
// once. Exactly one of Command and Task is set.
type Spec struct {
	// Name is unique in its table. It names the log file.
	Name string
	// Needs are the rows that must be ready before this one starts. They are stopped after it.
	Needs []string
	// Uses are rows that this one can start without. They are stopped after it, because it
	// talks to them until its end.
	Uses []string
	// Ports are the loopback ports that it listens on. If they do not become free within a
	// short time, it is not started.
	Ports []int
	// Prepare does work that does not depend on the needs, such as fetching programs. It runs
	// once, in parallel with the Prepare of the other rows. Optional.
	Prepare func(ctx context.Context) error
	// Command returns the command to start. It is called at every start.
	Command func(ctx context.Context) (Command, error)
	// Task is work that is done when it returns. It may write to the row's log.
	Task func(ctx context.Context, log io.Writer) error
	// Ready checks once whether the started process is ready. Nil means always.
	Ready func(ctx context.Context) error
	// ReadyTimeout bounds the wait for Ready; zero means ten minutes. A first start from a slow
	// disk takes minutes, and a process that dies is noticed at once.
	ReadyTimeout time.Duration
	// StopSignal asks the process to end; zero means SIGTERM.
	StopSignal syscall.Signal
	// StopTimeout bounds the wait for the end; then the process is killed. Zero means twenty
	// seconds.
	StopTimeout time.Duration
}

// Command is a program to start, and how.
type Command struct {
	Path string
	Args []string
	// Env is the whole environment, each entry "NAME=value". Nothing is inherited.
	Env []string
	// Dir is the working directory; empty means the caller's.
	Dir string
	// How says which user it runs as and which signal it gets when this program dies.
	How child.Options
}

const (
	defaultReadyTimeout = 10 * time.Minute
	defaultStopTimeout  = 20 * time.Second
)

func (s Spec) withDefaults() Spec {
	if s.ReadyTimeout == 0 {
		s.ReadyTimeout = defaultReadyTimeout
	}
	if s.StopSignal == 0 {
		s.StopSignal = syscall.SIGTERM
	}
	if s.StopTimeout == 0 {
		s.StopTimeout = defaultStopTimeout
	}
	if s.Prepare == nil {
		s.Prepare = func(context.Context) error { return nil }
	}
	if s.Ready == nil {
		s.Ready = func(context.Context) error { return nil }
	}
	return s
}

// Failure is the error of a process that did not start, did not become ready, or ended
// unexpectedly.
type Failure struct {
	// Name is the row that failed.
	Name string
	// Err is what happened.
	Err error
	// Log is the file with its output. Tail is the end of that file.
	Log, Tail string
}

// Error names the process and the error, and shows the end of the log.
func (f *Failure) Error() string {
	text := fmt.Sprintf("%s: %v", f.Name, f.Err)
	if f.Tail == "" {
		return text
	}
	return fmt.Sprintf("%s\n--- end of %s\n%s\n---", text, f.Log, f.Tail)
}

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }
