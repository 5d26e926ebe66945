// Package child starts processes that do not outlive the program that started them.
//
// A launcher that is interrupted can stop what it started; one that is killed
// cannot. On Linux the kernel does it instead: every process started here
// carries a signal that is sent when its parent dies. The package also knows
// how to give up root, which the database and the search engine insist on.
package child

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
)

// Options says how a process is started. The zero value is a child with the
// caller's user that is killed when the caller dies.
type Options struct {
	// User runs the process as somebody else. Nil keeps the caller's user; any
	// other value needs root.
	User *User
	// Death is the signal the process gets when this program dies without
	// stopping it. Zero means SIGKILL. Only Linux can do this; elsewhere it is ignored.
	Death syscall.Signal
	// Nice is how much the process gives way to others when the processors are short, 0
	// to 19. Ignored where there is no program nice to start it by. Linux may share the
	// processors out between sessions first; the child's session then gives way as well.
	Nice int
}

// Process is a started child. It is safe for concurrent use.
type Process struct {
	cmd  *exec.Cmd
	nice int
	done chan struct{}
	err  error
}

// Start starts cmd as the leader of a process group of its own, so that a
// Ctrl-C at the terminal reaches only the launcher, which then stops its
// children in order. On Linux it is a session of its own as well, so that the kernel gives
// it its share of the processors by itself, as a service manager would. The command must not have been started and its
// SysProcAttr is replaced. The child is waited for in the background: Done
// tells when it has ended.
func Start(cmd *exec.Cmd, options Options) (*Process, error) {
	if options.Death == 0 {
		options.Death = syscall.SIGKILL
	}
	cmd.SysProcAttr = attributes(options)
	giveWay(cmd, options.Nice)
	process := &Process{cmd: cmd, nice: options.Nice, done: make(chan struct{})}
	started := make(chan error)
	go process.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	return process, nil
}

// giveWay has cmd started by the program nice, which becomes cmd: a priority set from
// here would be that of a thread, and go over to whatever else it starts.
func giveWay(cmd *exec.Cmd, nice int) {
	path, err := exec.LookPath("nice")
	if nice == 0 || err != nil {
		return
	}
	cmd.Args = append([]string{path, "-n", strconv.Itoa(nice), cmd.Path}, cmd.Args[1:]...)
	cmd.Path = path
}

// run starts the command and waits for it on one operating-system thread. The
// death signal is tied to the thread that forked, not to the program: were
// that thread to end first, the child would be killed in the middle of its life.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	yield(p.cmd.Process.Pid, p.nice)
	started <- nil
	p.err = p.cmd.Wait()
	close(p.done)
}

// Pid is the process id, which is also the id of the process group.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended and has been reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Err is how the process ended: nil for exit code 0, otherwise usually an
// [exec.ExitError]. It is nil while the process runs.
func (p *Process) Err() error {
	if !p.Ended() {
		return nil
	}
	return p.err
}

// Signal sends a signal to the process alone. Signalling a process that has
// ended is not an error.
func (p *Process) Signal(signal os.Signal) error {
	err := p.cmd.Process.Signal(signal)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// SignalGroup sends a signal to the process and to every process of its group,
// which start scripts leave behind when only they are signalled. It does
// nothing once the process itself has ended, because the number may by then
// belong to somebody else.
func (p *Process) SignalGroup(signal syscall.Signal) error {
	if p.Ended() {
		return nil
	}
	err := syscall.Kill(-p.Pid(), signal)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
