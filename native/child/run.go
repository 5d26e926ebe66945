package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Run starts cmd as [Start] does and waits for it. If ctx ends first, Run kills the whole
// process group and returns the context's error. If Stdout and Stderr of cmd are unset, Run
// collects the output and adds its end to the error.
func Run(ctx context.Context, cmd *exec.Cmd, options Options) error {
	output := &tailBuffer{}
	if cmd.Stdout == nil && cmd.Stderr == nil {
		cmd.Stdout, cmd.Stderr = output, output
		// A grandchild that keeps the pipe open must not make the caller wait.
		cmd.WaitDelay = time.Second
	}
	process, err := Start(cmd, options)
	if err != nil {
		return err
	}
	select {
	case <-process.Done():
	case <-ctx.Done():
		_ = process.SignalGroup(syscall.SIGKILL)
		<-process.Done()
		return ctx.Err()
	}
	if err := process.Err(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, output.tail())
	}
	return nil
}

// KillTree kills a process and all its descendants at once, as a power failure would. It
// returns when none of them runs. It freezes every process from the top down before it lists
// the children, so that no process can start another or repair a loss: a Postgres backend that
// outlives its postmaster keeps the next server from starting.
func (p *Process) KillTree() {
	if p.Ended() {
		return
	}
	doomed := freeze(p.Pid())
	for _, pid := range doomed {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-p.done
	for _, pid := range doomed {
		for Running(pid) {
			time.Sleep(time.Millisecond)
		}
	}
}

// freeze stops a process and its descendants and lists them.
func freeze(pid int) []int {
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	frozen := []int{pid}
	for _, below := range Children(pid) {
		frozen = append(frozen, freeze(below)...)
	}
	return frozen
}

// tailBuffer keeps the end of what is written to it.
type tailBuffer struct{ content []byte }

var _ io.Writer = (*tailBuffer)(nil)

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.content = append(b.content, p...)
	if extra := len(b.content) - tailBytes; extra > 0 {
		b.content = append(b.content[:0], b.content[extra:]...)
	}
	return len(p), nil
}

func (b *tailBuffer) tail() string {
	return string(bytes.TrimSpace(b.content))
}
