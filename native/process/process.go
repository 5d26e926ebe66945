package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"codebank.dev/native/child"
)

const (
	// readyPoll is how often a starting process is asked whether it is ready, and
	// readyAnswer how long it may take to answer.
	readyPoll   = 100 * time.Millisecond
	readyAnswer = 5 * time.Second
	// portPatience is how long a port may still be in use, by what a killed
	// launcher left and the kernel is about to end.
	portPatience = 15 * time.Second
	portPoll     = 100 * time.Millisecond
	// tailLines is how much of a log a failure shows.
	tailLines = 30
)

// ErrRunning is returned when a process is started that already runs.
var ErrRunning = errors.New("it already runs")

// ErrNotRunning is returned when a process must run and does not.
var ErrNotRunning = errors.New("it does not run")

// Process is one row of a table, in whatever state. Tests use it to do to a
// running system what the world may do to it: kill, freeze, stop and start
// again. It is safe for concurrent use.
type Process struct {
	spec Spec
	log  string
	// ended is told about an end that nobody asked for.
	ended func(*Failure)

	mutex   sync.Mutex
	current *child.Process
	// wanted is false once the current process was asked, or made, to end.
	wanted bool
}

// Name is the name in the table.
func (p *Process) Name() string { return p.spec.Name }

// Log is the file that holds the process's output.
func (p *Process) Log() string { return p.log }

// Pid is the id of the running process, zero when none runs.
func (p *Process) Pid() int {
	if running := p.running(); running != nil {
		return running.Pid()
	}
	return 0
}

// Running reports whether the process runs. A frozen one does.
func (p *Process) Running() bool { return p.running() != nil }

func (p *Process) running() *child.Process {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.current == nil || p.current.Ended() {
		return nil
	}
	return p.current
}

// Start starts the process and does not wait until it is ready; see
// [Process.WaitReady]. Its output is added to its log. A process that already
// runs is left alone and gives [ErrRunning]; a task is run to its end.
func (p *Process) Start(ctx context.Context) error {
	if err := p.start(ctx); err != nil {
		return p.failure(err)
	}
	return nil
}

func (p *Process) start(ctx context.Context) error {
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
	p.current, p.wanted = process, true
	go p.watch(process)
	return nil
}

// watch reports the end of a process that should have gone on.
func (p *Process) watch(process *child.Process) {
	<-process.Done()
	p.mutex.Lock()
	unexpected := p.wanted && p.current == process
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

// WaitReady waits until the process answers that it does its work. It fails
// when the process ends first, or after the time that its row allows.
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

// Ready asks the process once whether it does its work.
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
	ctx, cancel := context.WithTimeout(ctx, readyAnswer)
	defer cancel()
	return p.spec.Ready(ctx)
}

// Stop asks the process to end and waits until it has. After the time that its
// row allows, or when ctx ends, it is killed, which is no error. Stopping what
// does not run does nothing.
func (p *Process) Stop(ctx context.Context) error {
	running := p.release()
	if running == nil {
		return nil
	}
	// A frozen process could not hear the request.
	err := errors.Join(running.Signal(syscall.SIGCONT), running.Signal(p.spec.StopSignal))
	patience := time.NewTimer(p.spec.StopTimeout)
	defer patience.Stop()
	select {
	case <-running.Done():
	case <-patience.C:
	case <-ctx.Done():
	}
	running.KillTree()
	return err
}

// Kill ends the process and all that came out of it at once, without a chance
// to save anything, and returns when none of it runs any more. Killing what
// does not run does nothing.
func (p *Process) Kill() {
	if running := p.release(); running != nil {
		running.KillTree()
	}
}

// Signal sends a signal, such as SIGSTOP and SIGCONT, to the process alone. An
// end that comes of a signal sent here is not reported as a failure.
func (p *Process) Signal(signal syscall.Signal) error {
	running := p.running()
	if running == nil {
		return p.failure(ErrNotRunning)
	}
	if signal != syscall.SIGSTOP && signal != syscall.SIGCONT {
		p.release()
	}
	return running.Signal(signal)
}

// release notes that the running process may end from now on, and returns it.
func (p *Process) release() *child.Process {
	running := p.running()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.wanted = false
	return running
}

// awaitPorts waits a little for the ports that the process will listen on.
func (p *Process) awaitPorts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, portPatience)
	defer cancel()
	for _, port := range p.spec.Ports {
		for !PortFree(port) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("port %d is in use by another program: %w", port, ctx.Err())
			case <-time.After(portPoll):
			}
		}
	}
	return nil
}

// PortFree reports whether a port on the loopback address can be listened on.
func PortFree(port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

func (p *Process) failure(err error) *Failure {
	return &Failure{Name: p.spec.Name, Err: err, Log: p.log, Tail: child.Tail(p.log, tailLines)}
}
