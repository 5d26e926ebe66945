// Command bankctl is the operators' tool. It makes vault keys; migrates databases; applies topics,
// schemas, indices and connectors; shows the state of the connectors and restarts those that
// failed; writes dashboards to Kibana and back to files; sends dead letters again; has
// events published again; compares the five places of a bank's events; checks audit logs; makes
// operators; and fills a bank with a synthetic load. Every command may be repeated: the second time changes nothing
// more. The exit status is 0 when all is well, 1 when something failed or is not as it
// should be, and 2 when the command line is wrong.
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

	"codebank.dev/operations/output"
)

// The exit statuses.
const (
	exitOK = iota
	exitFailed
	exitUsage
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Environ(), streams{out: os.Stdout, err: os.Stderr})
	stop()
	// Some file systems tell only now that a write has failed.
	if err := os.Stdout.Close(); err != nil && status == exitOK {
		fmt.Fprintln(os.Stderr, "bankctl: the results cannot be written to standard output:", err)
		status = exitFailed
	}
	os.Exit(status)
}

// streams are where bankctl writes: results to out, and everything else to err.
type streams struct{ out, err io.Writer }

// run runs the command that args name and returns the exit status. environ sets the flags
// that are not given. A command whose results could not be written has failed.
func run(ctx context.Context, args, environ []string, streams streams) int {
	results := output.NewChecked(streams.out)
	streams.out = results
	root := newRoot(environ, streams)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	lost := results.Err()
	if lost != nil && !errors.Is(err, lost) {
		err = errors.Join(err, &failure{lost})
	}
	if err == nil {
		return exitOK
	}
	failed := new(failure)
	switch {
	case errors.As(err, &failed):
	case lost != nil:
		failed.cause = err
	default:
		fmt.Fprintf(streams.err, "bankctl: %s\nRun '%s --help' for usage.\n", output.Harmless(err.Error()), command.CommandPath())
		return exitUsage
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(streams.err, "bankctl: %s\n", output.Harmless(strings.TrimSuffix(line, "\n")))
	}
	return statusOf(failed)
}
