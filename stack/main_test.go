package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
	"codebank.dev/native/child"
	"codebank.dev/native/process"
	"codebank.dev/stack/launch"
)

// roleVariable tells a copy of this test program which role it has.
const roleVariable = "CODEBANK_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "parent":
		actAsParent()
	case "launcher":
		ctx, cancel := followParent(context.Background())
		defer cancel()
		fmt.Println("launcher", os.Getpid())
		<-ctx.Done()
	}
}

// actAsParent starts the launcher as `go run` does, and waits for it.
func actAsParent() {
	cmd := exec.Command(os.Getenv("PROGRAM"))
	cmd.Env = append(os.Environ(), roleVariable+"=launcher")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// endless waits like a stack in which one process is killed, or in which none is.
type endless struct{ failure error }

func (e endless) Wait(context.Context) error { return e.failure }

func TestTheEndOfOneProcessIsSaidToStopEverything(t *testing.T) {
	require.NoError(t, waitFor(t.Context(), endless{}))
	killed := &process.Failure{Name: launch.Statement, Err: errors.New("signal: killed")}
	err := waitFor(t.Context(), endless{killed})
	require.ErrorIs(t, err, killed)
	require.EqualError(t, err, "everything is stopped because a process has ended: statement: signal: killed")
	require.Contains(t, howToStop, "the end of any process")
}

// A signal to `go run` does not reach the program that it runs.
func TestTheLauncherEndsWithTheGoCommandThatStartedIt(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	parent := filepath.Join(t.TempDir(), "go")
	content, err := os.ReadFile(program)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(parent, content, 0o700))

	cmd := exec.Command(parent)
	cmd.Env = append(os.Environ(), roleVariable+"=parent", "PROGRAM="+program)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	launcher, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "launcher ")))
	require.NoError(t, err)
	require.True(t, child.Running(launcher))

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	await.Until(t, func() bool { return !child.Running(launcher) }, time.Minute, 10*time.Millisecond)
}

func TestAWrongCommandLineShowsTheUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"start"}} {
		err := run(t.Context(), args, io.Discard)
		require.ErrorContains(t, err, "usage: stack <command> [flags]")
		for _, c := range commands() {
			require.ErrorContains(t, err, c.name)
		}
	}
	require.ErrorContains(t, run(t.Context(), []string{"up", "--bogus"}, io.Discard), "`stack up --help` lists the flags")
	require.ErrorContains(t, run(t.Context(), []string{"up", "now"}, io.Discard), `up takes no argument "now"`)
	require.ErrorContains(t, run(t.Context(), []string{"up", "--base-port", "80"}, io.Discard), "base port 80")
}

func TestHelpIsNoError(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"help"}} {
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), args, &out))
		require.Contains(t, out.String(), "usage: stack <command> [flags]")
	}
	for _, c := range commands() {
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), []string{c.name, "--help"}, &out))
		require.Contains(t, out.String(), "usage: stack "+c.name)
		require.Contains(t, out.String(), c.help)
		require.Contains(t, out.String(), "-base-port")
	}
}

func TestAPortInUsePointsToTheDoctor(t *testing.T) {
	taken := &process.Failure{Name: launch.Bank, Err: fmt.Errorf("port 17000 is %w", process.ErrPortInUse)}
	err := withRemedy(taken)
	require.ErrorIs(t, err, taken)
	require.ErrorContains(t, err, "port 17000 is in use by another program")
	require.ErrorContains(t, err, "`go run ./stack doctor`")
	require.ErrorContains(t, err, "--base-port")
	require.Equal(t, io.EOF, withRemedy(io.EOF))
	require.NoError(t, withRemedy(nil))
	inUse := withRemedy(fmt.Errorf("%w: demo", launch.ErrInUse))
	require.ErrorIs(t, inUse, launch.ErrInUse)
	require.ErrorContains(t, inUse, "--dir")
}

func TestTheOldNamesOfFlagsAreStillAccepted(t *testing.T) {
	var o options
	for _, tt := range []struct {
		bind      func(*flag.FlagSet)
		arg, said string
	}{
		{o.history.bind, "--settle=3m", "--settle is now called --audit-timeout\n"},
		{o.chaos.bind, "--verdict=report.json", "--verdict is now called --report\n"},
	} {
		var said bytes.Buffer
		set := flag.NewFlagSet("stack", flag.ContinueOnError)
		set.SetOutput(&said)
		tt.bind(set)
		require.NoError(t, set.Parse([]string{tt.arg}))
		require.Equal(t, tt.said, said.String())
	}
	require.Equal(t, 3*time.Minute, o.history.auditTimeout)
	require.Equal(t, "report.json", o.chaos.reportFile)
}

func TestApplyNeedsARunningStack(t *testing.T) {
	err := run(t.Context(), []string{"apply", "--dir", t.TempDir()}, io.Discard)
	require.ErrorIs(t, err, launch.ErrNotRunning)
}

func TestCleanDeletesTheFolder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600))
	require.NoError(t, run(t.Context(), []string{"clean", "--dir", dir}, io.Discard))
	require.NoDirExists(t, dir)
}

func TestDoctorSaysWhatItFound(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), []string{"doctor", "--base-port", "17300"}, &out)
	require.True(t, err == nil || strings.Contains(out.String(), "MISSING"), out.String())
	require.Contains(t, out.String(), "JDK")
}

// full is a device without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestACommandWhoseResultsAreLostFails(t *testing.T) {
	err := run(t.Context(), []string{"doctor", "--dir", t.TempDir()}, full{})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "standard output")
}
