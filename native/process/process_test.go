package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
	"codebank.dev/native/child"
	"codebank.dev/native/process"
)

// progressLog collects the messages of a group.
type progressLog struct{ lines []string }

func (h *progressLog) add(name, message string) {
	h.lines = append(h.lines, name+" "+strings.Fields(message)[0])
}

func (h *progressLog) requireOrder(t *testing.T, first, second string) {
	t.Helper()
	require.Contains(t, h.lines, first)
	require.Contains(t, h.lines, second)
	require.Less(t, slices.Index(h.lines, first), slices.Index(h.lines, second), "%s before %s", first, second)
}

func TestNeedsAreReadyFirstAndStoppedLast(t *testing.T) {
	var seen progressLog
	group := newGroup(t, seen.add)
	group.Add(service("store", freePort()))
	group.Add(service("other", freePort()))
	group.Add(process.Spec{Name: "tables", Needs: []string{"store"}, Task: func(_ context.Context, log io.Writer) error {
		_, err := fmt.Fprintln(log, "made")
		return err
	}})
	user := service("user", freePort(), "tables")
	user.Uses = []string{"other"}
	group.Add(user)

	require.NoError(t, group.Start(t.Context()))
	seen.requireOrder(t, "store ready", "tables starting")
	seen.requireOrder(t, "tables done", "user starting")
	for _, p := range group.Processes() {
		require.NoError(t, p.Ready(t.Context()))
	}
	log, err := os.ReadFile(group.Process("tables").Log())
	require.NoError(t, err)
	require.Equal(t, "made\n", string(log))

	require.NoError(t, group.Stop(t.Context()))
	seen.requireOrder(t, "user stopping", "store stopping")
	seen.requireOrder(t, "user stopping", "other stopping")
	for _, p := range group.Processes() {
		require.False(t, p.Running())
	}
}

func TestOnlyNamedRowsAndTheirNeedsAreStarted(t *testing.T) {
	group := newGroup(t, nil)
	store := group.Add(service("store", freePort()))
	tables := group.Add(service("tables", freePort(), "store"))
	user := group.Add(service("user", freePort(), "tables"))
	require.NoError(t, group.Start(t.Context(), "tables"))
	require.True(t, store.Running())
	require.True(t, tables.Running())
	require.False(t, user.Running())
	require.ErrorContains(t, group.Start(t.Context(), "nobody"), "there is no process nobody to start")
}

func TestAFailureNamesTheProcessShowsItsLogAndStopsTheOthers(t *testing.T) {
	group := newGroup(t, nil)
	good := group.Add(service("good", freePort()))
	group.Add(newRow("failure", "bad", freePort(), "good"))
	group.Add(service("never", freePort(), "bad"))

	err := group.Start(t.Context())
	var failure *process.Failure
	require.ErrorAs(t, err, &failure)
	require.Equal(t, "bad", failure.Name)
	require.Contains(t, err.Error(), "bad: it ended: exit status 1")
	require.Contains(t, err.Error(), "the database is not there")
	require.Contains(t, err.Error(), failure.Log)
	require.False(t, good.Running())
}

func TestAProcessThatIsNotReadyInTimeFails(t *testing.T) {
	group := newGroup(t, nil)
	spec := service("slow", freePort())
	spec.ReadyTimeout = 50 * time.Millisecond
	spec.Ready = func(context.Context) error { return errors.New("still warming up") }
	group.Add(spec)
	err := group.Start(t.Context())
	require.ErrorContains(t, err, "slow: not ready after 50ms: still warming up")
}

func TestAFailedPreparationIsAFailure(t *testing.T) {
	group := newGroup(t, nil)
	spec := service("fetched", freePort())
	spec.Prepare = func(context.Context) error { return errors.New("no such artifact") }
	group.Add(spec)
	require.ErrorContains(t, group.Start(t.Context()), "fetched: no such artifact")
}

func TestAnInterruptedStartLeavesNothingRunning(t *testing.T) {
	group := newGroup(t, nil)
	first := group.Add(service("first", freePort()))
	ctx, cancel := context.WithCancel(t.Context())
	group.Add(process.Spec{Name: "second", Needs: []string{"first"}, Task: func(ctx context.Context, _ io.Writer) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}})
	require.ErrorIs(t, group.Start(ctx), context.Canceled)
	require.False(t, first.Running())
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	group := newGroup(t, nil)
	row := group.Add(service("homeless", port))
	// Long enough for one check, too short to wait for the port.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = row.Start(ctx)
	require.ErrorContains(t, err, fmt.Sprintf("homeless: port %d is in use", port))
	require.ErrorIs(t, err, process.ErrPortInUse)
	require.False(t, row.Running())
}

func TestAnUnexpectedEndIsReported(t *testing.T) {
	group := newGroup(t, nil)
	row := group.Add(service("one", freePort()))
	require.NoError(t, group.Start(t.Context()))
	require.NoError(t, syscall.Kill(row.Pid(), syscall.SIGKILL))
	var failure *process.Failure
	require.ErrorAs(t, group.Wait(t.Context()), &failure)
	require.Equal(t, "one", failure.Name)
	require.Contains(t, failure.Error(), "signal: killed")
}

func TestAProcessThatDiesDuringTheStartEndsIt(t *testing.T) {
	group := newGroup(t, nil)
	row := group.Add(service("one", freePort()))
	group.Add(process.Spec{Name: "patient", Needs: []string{"one"}, Task: func(ctx context.Context, _ io.Writer) error {
		if err := syscall.Kill(row.Pid(), syscall.SIGKILL); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}})
	require.ErrorContains(t, group.Start(t.Context()), "one: it ended: signal: killed")
}

func TestAKilledOrStoppedProcessIsNoFailure(t *testing.T) {
	group := newGroup(t, nil)
	row := group.Add(service("one", freePort()))
	require.NoError(t, group.Start(t.Context()))
	require.ErrorIs(t, row.Start(t.Context()), process.ErrRunning)

	ends := map[string]func(){
		"kill": row.Kill,
		"stop": func() { require.NoError(t, row.Stop(t.Context())) },
		"freeze, then kill": func() {
			require.NoError(t, row.Signal(syscall.SIGSTOP))
			require.True(t, row.Running())
			row.Kill()
		},
		"freeze, then stop": func() {
			require.NoError(t, row.Signal(syscall.SIGSTOP))
			require.NoError(t, row.Stop(t.Context()))
		},
	}
	for name, end := range ends {
		before := row.Pid()
		end()
		require.False(t, row.Running(), name)
		require.ErrorIs(t, row.Ready(t.Context()), process.ErrNotRunning)
		require.ErrorIs(t, row.WaitReady(t.Context()), process.ErrNotRunning)
		require.NoError(t, row.Start(t.Context()), name)
		require.NoError(t, row.WaitReady(t.Context()), name)
		require.NotEqual(t, before, row.Pid())
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, group.Wait(ended))
}

func TestAFrozenProcessGoesOnWhenItIsWoken(t *testing.T) {
	group := newGroup(t, nil)
	row := group.Add(service("one", freePort()))
	require.NoError(t, group.Start(t.Context()))
	before := row.Pid()
	require.NoError(t, row.Signal(syscall.SIGSTOP))
	require.NoError(t, row.Signal(syscall.SIGCONT))
	require.NoError(t, row.Ready(t.Context()))
	require.Equal(t, before, row.Pid())
}

func TestAProcessThatDoesNotStopIsKilled(t *testing.T) {
	group := newGroup(t, nil)
	spec := newRow("stubborn", "mule", freePort())
	spec.StopTimeout = 50 * time.Millisecond
	row := group.Add(spec)
	require.NoError(t, group.Start(t.Context()))
	pid := row.Pid()
	require.NoError(t, group.Stop(t.Context()))
	require.False(t, child.Running(pid))
}

func TestAnInvalidTableIsRefused(t *testing.T) {
	group := newGroup(t, nil)
	group.Add(service("one", freePort()))
	require.Panics(t, func() { group.Add(service("two", freePort(), "three")) })
	require.Panics(t, func() { group.Add(service("one", freePort())) })
	require.Panics(t, func() { group.Add(process.Spec{Name: "nothing"}) })
}

func TestALogIsEmptiedByAStartAndKeptByARestart(t *testing.T) {
	group := newGroup(t, nil)
	row := group.Add(service("one", freePort()))
	for range 2 {
		require.NoError(t, group.Start(t.Context()))
		row.Kill()
		require.NoError(t, row.Start(t.Context()))
		require.NoError(t, row.WaitReady(t.Context()))
		log, err := os.ReadFile(row.Log())
		require.NoError(t, err)
		require.Equal(t, "serving\nserving\n", string(log))
		require.NoError(t, group.Stop(t.Context()))
	}
}

func TestNothingOutlivesALauncherThatIsKilled(t *testing.T) {
	cmd := exec.Command(os.Args[0], t.TempDir())
	cmd.Env = append(os.Environ(), roleVariable+"=launcher")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	var children []int
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
		pid, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "child "))
		require.NoError(t, err)
		require.True(t, child.Running(pid))
		children = append(children, pid)
	}
	require.Len(t, children, 2)

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	for _, pid := range children {
		await.Until(t, func() bool { return !child.Running(pid) }, time.Minute, time.Millisecond)
	}
}
