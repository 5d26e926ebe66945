// Command bankctl is the operators' tool: it makes keys, declares topics, schemas,
// indices and connectors, tells how the connectors are and restarts what failed,
// brings dashboards into Kibana and back, sends dead letters again, and has events
// published again.
//
// Doing a thing twice changes nothing more. It ends with 0 when all is well, 1 when
// something failed or was found wanting, 2 when it was called wrongly.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// The statuses that bankctl ends with.
const (
	exitOK = iota
	exitFailed
	exitUsage
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Environ(), streams{out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(status)
}

// streams are where bankctl writes: results to out, everything else to err.
type streams struct{ out, err io.Writer }

// run runs the command that args name, with environ standing in for flags that are
// not given, and returns the status to end with.
func run(ctx context.Context, args, environ []string, streams streams) int {
	root := newRoot(environ, streams)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	failed := new(failure)
	if !errors.As(err, &failed) {
		fmt.Fprintf(streams.err, "bankctl: %s\nRun '%s --help' for usage.\n", harmless(err.Error()), command.CommandPath())
		return exitUsage
	}
	for line := range strings.Lines(failed.Error()) {
		fmt.Fprintf(streams.err, "bankctl: %s\n", harmless(strings.TrimSuffix(line, "\n")))
	}
	return statusOf(failed)
}
