package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"codebank.dev/native/dist"
	"codebank.dev/stack/bench"
)

// errNotReached is the error of a run in which a figure missed its goal. The table says which.
var errNotReached = errors.New("goal not reached")

// runBench measures the named rows, or all, prints the report, and stops and deletes everything
// that it started.
func runBench(ctx context.Context, o options, out io.Writer) error {
	location := bench.Place{Dir: o.dir, BasePort: o.basePort, Progress: out}
	if o.bench.Format == "json" {
		location.Progress = os.Stderr
	}
	if location.Dir == "" {
		root, err := dist.Root()
		if err != nil {
			return err
		}
		location.Dir = filepath.Join(root, ".stack", "bench")
	}
	report, err := bench.Run(ctx, o.bench, location, o.names)
	if report == nil {
		return err
	}
	if o.bench.Format == "json" {
		err = errors.Join(err, report.PrintJSON(out))
	} else {
		err = errors.Join(err, report.Print(out))
	}
	if missed := report.Missed(); len(missed) > 0 {
		err = errors.Join(err, fmt.Errorf("%w: %s", errNotReached, strings.Join(missed, ", ")))
	}
	return err
}
