// Package child starts processes that do not outlive the program that started them.
//
// A launcher that is interrupted can stop its children; a launcher that is killed cannot. On
// Linux the kernel does it instead: it sends each child a signal when its parent dies. The
// package also drops root privileges, because Postgres and Elasticsearch refuse to run as root.
package child

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
)

// Options says how a process is started. The zero value is a child that runs as the caller's
// user and is killed when the caller dies.
type Options struct {
	// User is the user that the process runs as. Nil is the caller's user; any other value
	// needs root.
	User *User
	// Death is the signal that the process gets when this program dies without stopping it.
	// Zero means SIGKILL. It works on Linux only and is ignored elsewhere.
	Death syscall.Signal
	// Nice is the niceness of the process, 0 to 19: a higher value gives it less processor time
	// when the processors are busy. It is ignored where the program nice is missing. Linux may
	// divide the processors by session first; then the niceness applies to the child's session
	// too.
	Nice int
}

// Process is a started child. It is safe for concurrent use.
type Process struct {
	cmd  *exec.Cmd
	nice int
	done chan struct{}
	err  error
}

// Start starts cmd as the leader of a process group of its own. A Ctrl-C at the terminal then
// reaches only the launcher, which stops its children in order. On Linux the child also has a
// session of its own, so that the kernel schedules it like a service of a service manager. The
// command must not have been started, and its SysProcAttr is replaced. Start returns when the
// process runs; a goroutine waits for its end and closes Done.
func Start(cmd *exec.Cmd, options Options) (*Process, error) {
	if options.Death == 0 {
		options.Death = syscall.SIGKILL
	}
	cmd.SysProcAttr = attributes(options)
	startNice(cmd, options.Nice)
	process := &Process{cmd: cmd, nice: options.Nice, done: make(chan struct{})}
	started := make(chan error)
	go process.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	return process, nil
}

// startNice changes cmd so that the program nice starts it. A priority that is set from here
// would apply to one thread, and to everything else that the thread starts.
func startNice(cmd *exec.Cmd, nice int) {
	path, err := exec.LookPath("nice")
	if nice == 0 || err != nil {
		return
	}
	cmd.Args = append([]string{path, "-n", strconv.Itoa(nice), cmd.Path}, cmd.Args[1:]...)
	cmd.Path = path
}

// run starts the command and waits for it on one operating-system thread. The death signal
// belongs to the thread that forked, not to the program: if that thread ended first, the kernel
// would kill a child that is still needed.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	lowerSessionPriority(p.cmd.Process.Pid, p.nice)
	started <- nil
	p.err = p.cmd.Wait()
	close(p.done)
}

// Pid is the process id. It is also the id of the process group.
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

// Err says how the process ended: nil for exit code 0, otherwise usually an [exec.ExitError].
// It is nil while the process runs.
func (p *Process) Err() error {
	if !p.Ended() {
		return nil
	}
	return p.err
}

// Signal sends a signal to the process alone. It is not an error if the process has ended.
func (p *Process) Signal(signal os.Signal) error {
	err := p.cmd.Process.Signal(signal)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// SignalGroup sends a signal to the process and to every process of its group. Start scripts
// leave such processes behind when only the script gets a signal. It does nothing once the
// process has ended, because its number may belong to another process by then.
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
