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
	seed    uint64
	minutes int
	rate    int
	verdict string
}

func (o *chaosOptions) bind(set *flag.FlagSet) {
	set.Uint64Var(&o.seed, "seed", 1, "decides the schedule of faults and what the clients do")
	set.IntVar(&o.minutes, "minutes", 0, "how long faults are injected; 0 is one short round of every fault")
	set.IntVar(&o.rate, "rate", 0, "operations a second that the clients begin at most; 0 leaves it to the length of the run")
	set.StringVar(&o.verdict, "verdict", "", "`file` for the verdict as JSON; the same name with .md is for people")
}

// errViolated is what chaos ends with when a promise did not hold; the verdict has said which.
var errViolated = errors.New("a promise was violated")

// runChaos runs the stack under faults and judges it. Whatever went wrong, the seed is told.
func runChaos(ctx context.Context, o options, out io.Writer) error {
	if o.dir == "" {
		root, err := dist.Root()
		if err != nil {
			return err
		}
		o.dir = filepath.Join(root, ".stack", "chaos")
	}
	verdict, err := chaos.Run(ctx, chaos.Options{
		Seed: o.chaos.seed, Minutes: o.chaos.minutes, Rate: o.chaos.rate, Out: out,
		Stack:    launch.Config{Dir: o.dir, BasePort: o.basePort, Out: out},
		Pictures: filepath.Join(o.dir, "pictures"),
	})
	if verdict != nil {
		// A stack that did not stop well takes nothing away from what was judged before.
		err = errors.Join(err, writeVerdict(verdict, o.chaos.verdict), verdict.WriteText(out))
		if !verdict.OK {
			err = errors.Join(err, errViolated)
		}
	}
	if err != nil {
		return fmt.Errorf("%w\nseed %d; again: go run ./stack chaos --seed %d --minutes %d", err, o.chaos.seed, o.chaos.seed, o.chaos.minutes)
	}
	return nil
}

func writeVerdict(verdict *chaos.Verdict, path string) error {
	if path == "" {
		return nil
	}
	for name, write := range map[string]func(io.Writer) error{
		path: verdict.WriteJSON, strings.TrimSuffix(path, filepath.Ext(path)) + ".md": verdict.WriteText,
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
