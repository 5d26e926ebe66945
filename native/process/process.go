package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"codebank.dev/native/child"
)

const (
	// readyPoll is the interval between two readiness checks. readyTimeout bounds one check.
	readyPoll    = 100 * time.Millisecond
	readyTimeout = 5 * time.Second
	// portTimeout bounds the wait for a port that is still in use. The remains of a killed
	// launcher may hold it for a moment.
	portTimeout = 15 * time.Second
	portPoll    = 100 * time.Millisecond
	// tailLines is how many lines of a log a failure shows.
	tailLines = 30
)

// ErrPortInUse is returned by Start if another program listens on a port of the process.
var ErrPortInUse = errors.New("in use by another program")

// ErrRunning is returned by Start if the process runs already.
var ErrRunning = errors.New("it already runs")

// ErrNotRunning is returned if a process must run and does not.
var ErrNotRunning = errors.New("it does not run")

// Process is one row of a table, running or not. Tests use it to kill, freeze, stop and start
// parts of a running system. It is safe for concurrent use.
type Process struct {
	spec Spec
	log  string
	// ended is called when the process ends unexpectedly.
	ended func(*Failure)

	mutex   sync.Mutex
	current *child.Process
	// mustRun is false once the current process was asked, or made, to end.
	mustRun bool
}

// Name is the name in the table.
func (p *Process) Name() string { return p.spec.Name }

// Log is the file that holds the process's output.
func (p *Process) Log() string { return p.log }

// Pid is the id of the running process; zero if none runs.
func (p *Process) Pid() int {
	if running := p.running(); running != nil {
		return running.Pid()
	}
	return 0
}

// Running reports whether the process runs. A frozen process runs.
func (p *Process) Running() bool { return p.running() != nil }

func (p *Process) running() *child.Process {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.current == nil || p.current.Ended() {
		return nil
	}
	return p.current
}

// Start starts the process and does not wait until it is ready; see [Process.WaitReady]. It
// appends the output to the log. If the process runs already, it returns [ErrRunning] and
// changes nothing. A task is run to its end.
func (p *Process) Start(ctx context.Context) error {
	if err := p.startLocked(ctx); err != nil {
		return p.failure(err)
	}
	return nil
}

func (p *Process) startLocked(ctx context.Context) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.current != nil && !p.current.Ended() {
		return ErrRunning
	}
	if err := os.MkdirAll(filepath.Dir(p.log), 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	if p.spec.Task != nil {
		return p.spec.Task(ctx, log)
	}
	if err := p.awaitPorts(ctx); err != nil {
		return err
	}
	command, err := p.spec.Command(ctx)
	if err != nil {
		return err
	}
	cmd := exec.Command(command.Path, command.Args...)
	cmd.Env, cmd.Dir = command.Env, command.Dir
	cmd.Stdout, cmd.Stderr = log, log
	process, err := child.Start(cmd, command.How)
	if err != nil {
		return err
	}
	p.current, p.mustRun = process, true
	go p.reportUnexpectedEnd(process)
	return nil
}

// reportUnexpectedEnd reports the end of a process that should still run.
func (p *Process) reportUnexpectedEnd(process *child.Process) {
	<-process.Done()
	p.mutex.Lock()
	unexpected := p.mustRun && p.current == process
	p.mutex.Unlock()
	if unexpected {
		p.ended(p.failure(endError(process)))
	}
}

func endError(process *child.Process) error {
	if err := process.Err(); err != nil {
		return fmt.Errorf("it ended: %w", err)
	}
	return errors.New("it ended by itself")
}

// WaitReady waits until the process is ready. It fails if the process ends first, or after the
// row's ReadyTimeout.
func (p *Process) WaitReady(ctx context.Context) error {
	if p.spec.Task != nil {
		return nil
	}
	running := p.running()
	if running == nil {
		return p.failure(ErrNotRunning)
	}
	deadline, cancel := context.WithTimeout(ctx, p.spec.ReadyTimeout)
	defer cancel()
	for {
		err := p.ask(deadline)
		if err == nil {
			return nil
		}
		select {
		case <-running.Done():
			return p.failure(endError(running))
		case <-deadline.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return p.failure(fmt.Errorf("not ready after %s: %w", p.spec.ReadyTimeout, err))
		case <-time.After(readyPoll):
		}
	}
}

// Ready checks once whether the process is ready.
func (p *Process) Ready(ctx context.Context) error {
	if p.spec.Task != nil {
		return nil
	}
	if !p.Running() {
		return p.failure(ErrNotRunning)
	}
	if err := p.ask(ctx); err != nil {
		return p.failure(err)
	}
	return nil
}

func (p *Process) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return p.spec.Ready(ctx)
}

// Stop asks the process to end and waits until it has. After the row's StopTimeout, or when ctx
// ends, it kills the process, which is not an error. It does nothing if the process does not
// run.
func (p *Process) Stop(ctx context.Context) error {
	running := p.expectEnd()
	if running == nil {
		return nil
	}
	// A frozen process cannot receive the signal.
	err := errors.Join(running.Signal(syscall.SIGCONT), running.Signal(p.spec.StopSignal))
	timeout := time.NewTimer(p.spec.StopTimeout)
	defer timeout.Stop()
	select {
	case <-running.Done():
	case <-timeout.C:
	case <-ctx.Done():
	}
	running.KillTree()
	return err
}

// Kill kills the process and all its descendants at once and returns when none of them runs.
// They cannot save anything. It does nothing if the process does not run.
func (p *Process) Kill() {
	if running := p.expectEnd(); running != nil {
		running.KillTree()
	}
}

// Signal sends a signal, such as SIGSTOP or SIGCONT, to the process alone. If the process ends
// because of it, no failure is reported.
func (p *Process) Signal(signal syscall.Signal) error {
	running := p.running()
	if running == nil {
		return p.failure(ErrNotRunning)
	}
	if signal != syscall.SIGSTOP && signal != syscall.SIGCONT {
		p.expectEnd()
	}
	return running.Signal(signal)
}

// expectEnd records that the running process may end now, and returns it.
func (p *Process) expectEnd() *child.Process {
	running := p.running()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.mustRun = false
	return running
}

// awaitPorts waits until the ports of the process are free.
func (p *Process) awaitPorts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, portTimeout)
	defer cancel()
	for _, port := range p.spec.Ports {
		for !PortFree(port) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("port %d is %w: %w", port, ErrPortInUse, ctx.Err())
			case <-time.After(portPoll):
			}
		}
	}
	return nil
}

func (p *Process) failure(err error) *Failure {
	return &Failure{Name: p.spec.Name, Err: err, Log: p.log, Tail: child.Tail(p.log, tailLines)}
}
