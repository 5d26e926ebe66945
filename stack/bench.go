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

// errNotReached is what bench ends with when a figure is not what it must be; the
// table has said which.
var errNotReached = errors.New("not reached")

// runBench measures what is named, or everything, prints what came of it, and stops
// and deletes all that it had started.
func runBench(ctx context.Context, o options, out io.Writer) error {
	place := bench.Place{Dir: o.dir, BasePort: o.basePort, Progress: out}
	if o.bench.Format == "json" {
		place.Progress = os.Stderr
	}
	if place.Dir == "" {
		root, err := dist.Root()
		if err != nil {
			return err
		}
		place.Dir = filepath.Join(root, ".stack", "bench")
	}
	report, err := bench.Run(ctx, o.bench, place, o.words)
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
