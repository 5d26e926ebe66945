// Package e2e tests the whole system with real processes. One stack is started for all tests,
// on ports of its own. With -short nothing is started and every test is skipped.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"codebank.dev/native/dist"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

const (
	// startTimeout includes fetching and building everything on a new machine.
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

// withStack starts the stack, runs the tests, and stops the stack. A lock admits one package at
// a time: go test runs packages in parallel, and a machine has room for one stack only. The
// files of a failed run stay until the next run.
func withStack(m *testing.M) (code int, err error) {
	root, err := dist.Root()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	unlock, err := dist.Lock(context.Background(), filepath.Join(root, ".stack", "lock"))
	if err != nil {
		return 0, err
	}
	defer unlock()
	fmt.Fprintf(os.Stderr, "waited %.1f s for the lock\n", time.Since(began).Seconds())
	base, err := launch.FreeBasePort()
	if err != nil {
		return 0, err
	}
	dir := filepath.Join(root, ".stack", "e2e")
	system, err = launch.Open(launch.Config{Dir: dir, BasePort: base, Out: os.Stderr, Adjust: hasten})
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
	if err := hastenIndex(ctx); err != nil {
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

// hasten lets the bank publish watermarks more often than it does by default, because many tests wait for
// the next one.
func hasten(name string, settings map[string]string) {
	if name == launch.Bank {
		settings["watermark-interval"] = "1s"
	}
}

// hastenIndex lets the index store each of these watermarks.
func hastenIndex(ctx context.Context) error {
	const sink = "transactions-elasticsearch"
	var config map[string]string
	url := system.Addresses().Connect() + "/connectors/" + sink + "/config"
	if err := pipes.Call(ctx, http.MethodGet, url, nil, &config); err != nil {
		return err
	}
	config["watermark.interval.ms"] = "500"
	if err := pipes.Call(ctx, http.MethodPut, url, config, nil); err != nil {
		return err
	}
	return pipes.Await(ctx, startTimeout, func(ctx context.Context) error { return worker(system).Require(ctx, sink, "RUNNING") })
}

// running returns the stack. Without one it skips the test. At the end of the test it writes how
// long the test took, because go test says so only with -v.
func running(t *testing.T) *launch.Stack {
	t.Helper()
	if system == nil {
		t.Skip("-short: the stack is not started")
	}
	if _, again := timed.LoadOrStore(t.Name(), true); !again {
		began := time.Now()
		t.Cleanup(func() { fmt.Fprintf(os.Stderr, "%s took %.1f s\n", t.Name(), time.Since(began).Seconds()) })
	}
	return system
}

// timed are the names of the tests whose time is written.
var timed sync.Map
