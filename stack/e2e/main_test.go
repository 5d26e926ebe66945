// Package e2e tests the whole system as it really runs: one stack, started
// once for all tests, on ports of its own. With -short nothing is started and
// every test says that it was skipped.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"codebank.dev/native/dist"
	"codebank.dev/stack/launch"
)

const (
	// startTimeout covers fetching and building everything on a machine that has
	// done neither.
	startTimeout = 30 * time.Minute
	stopTimeout  = 2 * time.Minute
)

// system is the running stack; nil with -short.
var system *launch.Stack

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		os.Exit(m.Run())
	}
	code, err := withStack(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// withStack runs the tests between a start and a stop. Only one package does
// so at a time, for go test runs packages side by side and a machine has room
// for one stack. What a failed run leaves stays for a look at its logs until
// the next run.
func withStack(m *testing.M) (code int, err error) {
	root, err := dist.Root()
	if err != nil {
		return 0, err
	}
	unlock, err := dist.Lock(context.Background(), filepath.Join(root, ".stack", "lock"))
	if err != nil {
		return 0, err
	}
	defer unlock()
	base, err := launch.FreeBasePort()
	if err != nil {
		return 0, err
	}
	dir := filepath.Join(root, ".stack", "e2e")
	system, err = launch.Open(launch.Config{Dir: dir, BasePort: base, Out: os.Stderr})
	if err != nil {
		return 0, err
	}
	if err := system.Wipe(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := system.Start(ctx); err != nil {
		return 0, err
	}
	code = m.Run()
	ctx, cancel = context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := system.Stop(ctx); err != nil || code != 0 {
		return code, err
	}
	return code, system.Wipe()
}

// running returns the stack, or skips the test where there is none.
func running(t *testing.T) *launch.Stack {
	t.Helper()
	if system == nil {
		t.Skip("-short: the stack is not started")
	}
	return system
}
