package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"codebank.dev/native/dist"
	"codebank.dev/stack/chaos"
	"codebank.dev/stack/launch"
)

// chaosOptions are the flags of chaos.
type chaosOptions struct {
	seed       uint64
	minutes    int
	rate       int
	reportFile string
}

func (o *chaosOptions) bind(set *flag.FlagSet) {
	set.Uint64Var(&o.seed, "seed", 1, "decides the schedule of faults and the clients' operations")
	set.IntVar(&o.minutes, "minutes", 0, "how long faults are injected; 0 is one short round of every fault; any other run takes the broker, the hub and bank 002 away for ten minutes each, and takes longer than that")
	set.IntVar(&o.rate, "rate", 0, "most operations that the clients begin in a second; 0 chooses by the length of the run")
	set.StringVar(&o.reportFile, "report", "", "`file` for the report as JSON; a file of the same name with .md gets it as text")
	renamed(set, "verdict", "report")
}

// errViolated is the error of a run in which a promise did not hold. The report says which.
var errViolated = errors.New("a promise was violated")

// runChaos runs the stack under faults and checks every promise. Its error names the seed.
func runChaos(ctx context.Context, o options, out io.Writer) error {
	if o.dir == "" {
		root, err := dist.Root()
		if err != nil {
			return err
		}
		o.dir = filepath.Join(root, ".stack", "chaos")
	}
	report, err := chaos.Run(ctx, chaos.Options{
		Seed: o.chaos.seed, Minutes: o.chaos.minutes, Rate: o.chaos.rate, Out: out,
		Stack:    launch.Config{Dir: o.dir, BasePort: o.basePort, Out: out},
		Pictures: filepath.Join(o.dir, "pictures"),
	})
	if report != nil {
		// The report is complete even if the stack did not stop well.
		err = errors.Join(err, writeReport(report, o.chaos.reportFile), report.WriteText(out))
		if !report.OK {
			err = errors.Join(err, errViolated)
		}
	}
	if err != nil {
		return fmt.Errorf("%w\nseed %d; to repeat: go run ./stack chaos --seed %d --minutes %d", err, o.chaos.seed, o.chaos.seed, o.chaos.minutes)
	}
	return nil
}

func writeReport(report *chaos.Report, path string) error {
	if path == "" {
		return nil
	}
	for name, write := range map[string]func(io.Writer) error{
		path: report.WriteJSON, strings.TrimSuffix(path, filepath.Ext(path)) + ".md": report.WriteText,
	} {
		var text strings.Builder
		if err := write(&text); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
