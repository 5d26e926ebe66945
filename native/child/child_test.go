package child_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
	"codebank.dev/native/child"
)

func TestTheErrorOfAFailedCommandHoldsItsOutput(t *testing.T) {
	err := child.Run(t.Context(), exec.Command("/bin/sh", "-c", "echo what happened >&2; exit 3"), child.Options{})
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 3, exit.ExitCode())
	require.ErrorContains(t, err, "what happened")
}

func TestAnEndedContextKillsTheWholeGroup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		defer cancel(errors.New("seen"))
		for ctx.Err() == nil {
			if content, err := os.ReadFile(file); err == nil && strings.HasSuffix(string(content), "\n") {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	script := "sleep 300 & echo $! >" + file + "; wait"
	require.ErrorIs(t, child.Run(ctx, exec.Command("/bin/sh", "-c", script), child.Options{}), context.Canceled)

	content, err := os.ReadFile(file)
	require.NoError(t, err)
	grandchild, err := strconv.Atoi(strings.TrimSpace(string(content)))
	require.NoError(t, err)
	await.Until(t, func() bool { return !child.Running(grandchild) }, time.Minute, time.Millisecond)
}

func TestSignallingAnEndedProcessIsNoError(t *testing.T) {
	process, err := child.Start(exec.Command("/bin/sh", "-c", "exit 0"), child.Options{})
	require.NoError(t, err)
	<-process.Done()
	require.NoError(t, process.Err())
	require.NoError(t, process.Signal(syscall.SIGKILL))
	require.NoError(t, process.SignalGroup(syscall.SIGKILL))
	require.False(t, child.Running(process.Pid()))
}

func TestAProgramThatDoesNotExistDoesNotStart(t *testing.T) {
	_, err := child.Start(exec.Command("/no/such/program"), child.Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestProcessesAreKnownByParentAndName(t *testing.T) {
	process, err := child.Start(exec.Command("sleep", "300"), child.Options{})
	require.NoError(t, err)
	require.Contains(t, child.Children(os.Getpid()), process.Pid())
	require.Equal(t, "sleep", child.Command(process.Pid()))
	require.NoError(t, process.Signal(syscall.SIGKILL))
	<-process.Done()
	require.Empty(t, child.Command(process.Pid()))
}

func TestAnOrdinaryUserDropsToNobody(t *testing.T) {
	user, err := child.Unprivileged()
	require.NoError(t, err)
	require.Equal(t, os.Geteuid() == 0, user != nil)
}

func TestAFolderIsWhereItsUserCanReachIt(t *testing.T) {
	stranger := &child.User{Name: "stranger", UID: 54321, GID: 54321}
	closed := t.TempDir()
	require.NoError(t, os.Chmod(closed, 0o700))
	wanted := filepath.Join(closed, "data")
	require.False(t, stranger.CanReach(wanted))
	require.True(t, stranger.CanReach("/var/tmp"))

	var caller *child.User
	require.True(t, caller.CanReach(wanted))
	folder, err := caller.Folder(wanted)
	require.NoError(t, err)
	require.Equal(t, wanted, folder)

	if os.Geteuid() != 0 {
		return // only root can give a folder to another user
	}
	folder, err = stranger.Folder(wanted)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	require.Equal(t, child.Shelter(wanted), folder)
	require.True(t, stranger.CanReach(folder))
	again, err := stranger.Folder(wanted)
	require.NoError(t, err)
	require.Equal(t, folder, again)
}

func TestAFolderOfSomebodyElseIsNotTaken(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can run as another user and give folders away
	}
	closed := t.TempDir()
	require.NoError(t, os.Chmod(closed, 0o700))
	wanted := filepath.Join(closed, "data")
	shelter := child.Shelter(wanted)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(shelter)) })
	stranger := &child.User{Name: "stranger", UID: 54321, GID: 54321}

	require.NoError(t, os.Mkdir(shelter, 0o777))
	require.NoError(t, os.Chown(shelter, 11111, 11111))
	_, err := stranger.Folder(wanted)
	require.Error(t, err)

	require.NoError(t, os.Remove(shelter))
	require.NoError(t, os.Symlink(t.TempDir(), shelter))
	_, err = stranger.Folder(wanted)
	require.Error(t, err)
}

func TestTheTailOfALog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	require.Empty(t, child.Tail(file, 3))
	require.NoError(t, os.WriteFile(file, []byte("one\ntwo\nthree\n"), 0o600))
	require.Equal(t, "two\nthree", child.Tail(file, 2))
	require.Equal(t, "one\ntwo\nthree", child.Tail(file, 9))
}

func TestOnlyTheChildGetsTheNiceness(t *testing.T) {
	if _, err := exec.LookPath("nice"); err != nil || runtime.GOOS != "linux" {
		t.Skip("the test needs Linux and the program nice")
	}
	process, err := child.Start(exec.Command("sleep", "300"), child.Options{Nice: 7})
	require.NoError(t, err)
	defer process.Signal(syscall.SIGKILL)
	await.Until(t, func() bool { return nice(t, process.Pid()) == 7 }, time.Minute, time.Millisecond)
	require.Zero(t, nice(t, os.Getpid()))
	plain, err := child.Start(exec.Command("sleep", "300"), child.Options{})
	require.NoError(t, err)
	defer plain.Signal(syscall.SIGKILL)
	require.Zero(t, nice(t, plain.Pid()))
	requireSession(t, process.Pid(), 7)
	requireSession(t, plain.Pid(), 0)
}

// requireSession checks the session's priority where the kernel divides the processors by
// session.
func requireSession(t *testing.T, pid, nice int) {
	t.Helper()
	session, err := os.ReadFile(fmt.Sprintf("/proc/%d/autogroup", pid))
	if err != nil {
		t.Logf("the kernel does not group by session: %v", err)
		return
	}
	require.Regexp(t, fmt.Sprintf(` nice %d\n$`, nice), string(session))
	own, err := os.ReadFile("/proc/self/autogroup")
	require.NoError(t, err)
	require.NotEqual(t, string(own), string(session))
}

// nice returns the niceness of a process. The system call returns 20 minus that.
func nice(t *testing.T, pid int) int {
	t.Helper()
	priority, err := syscall.Getpriority(syscall.PRIO_PROCESS, pid)
	require.NoError(t, err)
	return 20 - priority
}
