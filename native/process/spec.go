// Package process runs a table of processes that need one another: started side
// by side as far as their needs allow, called ready only when they answer a
// question, stopped in reverse, and named with the end of their log when
// something goes wrong. It knows nothing about what the processes are.
package process

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"

	"codebank.dev/native/child"
)

// Spec is one row of the table: a process that runs until it is stopped, or a
// task that runs once. Exactly one of Command and Task is set.
type Spec struct {
	// Name is unique in its table and names the log file.
	Name string
	// Needs are the rows that must be ready before this one starts. They are
	// stopped after it.
	Needs []string
	// Uses are rows that this one can start without and are nevertheless stopped
	// after it, because it talks to them until the end.
	Uses []string
	// Ports are the loopback ports it will listen on. They must become free
	// within a short while, or it is not started.
	Ports []int
	// Prepare does what can be done before the needs are ready, such as fetching
	// programs. It runs once, at the same time as that of the other rows. Optional.
	Prepare func(ctx context.Context) error
	// Command says what to start. It is asked again at every start.
	Command func(ctx context.Context) (Command, error)
	// Task is work that is done when it returns. It may write to the row's log.
	Task func(ctx context.Context, log io.Writer) error
	// Ready asks the started process once whether it does its work. Nil is yes.
	Ready func(ctx context.Context) error
	// ReadyTimeout bounds the wait for Ready; ten minutes when zero, for a first start from
	// a slow disk takes minutes, and one that dies is noticed at once.
	ReadyTimeout time.Duration
	// StopSignal asks the process to end; SIGTERM when zero.
	StopSignal syscall.Signal
	// StopTimeout bounds the wait for that, after which it is killed; twenty
	// seconds when zero.
	StopTimeout time.Duration
}

// Command is a program to start, and how.
type Command struct {
	Path string
	Args []string
	// Env is the whole environment, "NAME=value" each. Nothing is inherited.
	Env []string
	// Dir is the working directory; the caller's when empty.
	Dir string
	// How says as whom it runs and which signal it gets when this program dies.
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

// Failure is the error of a process that did not start, did not become ready,
// or ended though nobody stopped it.
type Failure struct {
	// Name is the row that failed.
	Name string
	// Err is what happened.
	Err error
	// Log is the file with its output, and Tail the end of it.
	Log, Tail string
}

// Error names the process, what happened, and shows the end of its log.
func (f *Failure) Error() string {
	text := fmt.Sprintf("%s: %v", f.Name, f.Err)
	if f.Tail == "" {
		return text
	}
	return fmt.Sprintf("%s\n--- end of %s\n%s\n---", text, f.Log, f.Tail)
}

// Unwrap is what happened.
func (f *Failure) Unwrap() error { return f.Err }
