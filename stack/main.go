// Command stack runs the whole system on one machine as plain processes.
//
//	go run ./stack doctor          what the machine lacks, and how to get it
//	go run ./stack up              start everything, keep the data in .stack/up
//	go run ./stack demo [--exit]   start everything empty and show what it does
//	go run ./stack history [--exit]  start everything empty and give the bank a year of history
//	go run ./stack apply           declare topics, schemas, indices, connectors
//	go run ./stack bench [NAME…]   measure the system against yardsticks
//	go run ./stack clean [--all]   delete what the commands above have stored
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"codebank.dev/native/dist"
	"codebank.dev/stack/bench"
	"codebank.dev/stack/demo"
	"codebank.dev/stack/doctor"
	"codebank.dev/stack/launch"
)

// stopTimeout bounds the orderly stop of everything; what is left is killed.
const stopTimeout = time.Minute

// errMissing is what doctor ends with when something is missing; its report
// has said what.
var errMissing = errors.New("something is missing")

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	ctx, cancel = followParent(ctx)
	defer cancel()
	err := run(ctx, os.Args[1:], os.Stdout)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stack:", err)
		os.Exit(1)
	}
}

// options are the flags of all commands.
type options struct {
	basePort int
	dir      string
	exit     bool
	all      bool

	// words are what follows the command, for those that take any.
	words []string
	bench bench.Options
	chaos chaosOptions

	history historyOptions
}

// command is one of the words after `stack`.
type command struct {
	name, help string
	flags      func(*flag.FlagSet, *options)
	run        func(context.Context, options, io.Writer) error
	// words says that words may follow the command, before or after the flags.
	words bool
}

func commands() []command {
	place := func(set *flag.FlagSet, o *options) {
		set.IntVar(&o.basePort, "base-port", launch.DefaultBasePort, "first of the hundred ports of the stack")
		set.StringVar(&o.dir, "dir", "", "folder that holds the data, logs and secrets (default .stack/up, or .stack/demo)")
	}
	return []command{
		{"doctor", "say what this machine lacks, and how to get it", place, runDoctor, false},
		{"up", "start everything and keep the data", place, runUp, false},
		{"demo", "start everything empty and show what it does", func(set *flag.FlagSet, o *options) {
			place(set, o)
			set.BoolVar(&o.exit, "exit", false, "stop after the check instead of running on")
		}, runDemo, false},
		{"history", "start everything empty and give the bank a past, for dashboards", func(set *flag.FlagSet, o *options) {
			place(set, o)
			set.BoolVar(&o.exit, "exit", false, "stop when all of it is everywhere instead of running on")
			o.history.bind(set)
		}, runHistory, false},
		{"apply", "declare topics, schemas, indices and connectors on a running stack", place, runApply, false},
		{"clean", "delete the data of up, demo and history", func(set *flag.FlagSet, o *options) {
			place(set, o)
			set.BoolVar(&o.all, "all", false, "delete what was fetched and built as well")
		}, runClean, false},
		{"bench", "measure the system against yardsticks, all of it or: " + strings.Join(bench.Names(), ", "), func(set *flag.FlagSet, o *options) {
			place(set, o)
			o.bench.Bind(set)
		}, runBench, true},
		{"chaos", "inject faults at random under a load, and check every promise", func(set *flag.FlagSet, o *options) {
			place(set, o)
			o.chaos.bind(set)
		}, runChaos, false},
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name != args[0] {
				continue
			}
			var o options
			set := flag.NewFlagSet("stack "+c.name, flag.ContinueOnError)
			c.flags(set, &o)
			rest := args[1:]
			for c.words && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
				o.words, rest = append(o.words, rest[0]), rest[1:]
			}
			if err := set.Parse(rest); err != nil {
				return err
			}
			if c.words {
				o.words = append(o.words, set.Args()...)
			} else if set.NArg() > 0 {
				return fmt.Errorf("%s takes no argument %q", c.name, set.Arg(0))
			}
			return c.run(ctx, o, out)
		}
	}
	text := "usage: stack <command> [flags]\n"
	for _, c := range commands() {
		text += fmt.Sprintf("  %-8s %s\n", c.name, c.help)
	}
	return errors.New(text)
}

// open describes the stack of a command; name is the folder below .stack that
// it uses unless another is chosen.
func open(o options, name string, out io.Writer) (*launch.Stack, error) {
	return openWith(o, name, launch.Config{Out: out, LedgerFirst: name == "up"})
}

// openWith is open with more to say about the stack.
func openWith(o options, name string, config launch.Config) (*launch.Stack, error) {
	if o.dir == "" {
		root, err := dist.Root()
		if err != nil {
			return nil, err
		}
		o.dir = filepath.Join(root, ".stack", name)
	}
	config.Dir, config.BasePort = o.dir, o.basePort
	return launch.Open(config)
}

func runDoctor(ctx context.Context, o options, out io.Writer) error {
	if o.dir == "" {
		root, err := dist.Root()
		if err != nil {
			return err
		}
		o.dir = filepath.Join(root, ".stack")
	}
	if doctor.Report(out, doctor.Examine(ctx, o.dir, launch.Addresses{BasePort: o.basePort})) > 0 {
		return errMissing
	}
	return nil
}

func runUp(ctx context.Context, o options, out io.Writer) error {
	stack, err := open(o, "up", out)
	if err != nil {
		return err
	}
	return serve(ctx, stack, func() error {
		_, _ = fmt.Fprintf(out, "\neverything runs; logs are in %s; Ctrl-C stops\n", filepath.Join(stack.Dir(), "logs"))
		return stack.Wait(ctx)
	})
}

func runDemo(ctx context.Context, o options, out io.Writer) error {
	stack, err := open(o, "demo", out)
	if err != nil {
		return err
	}
	if err := stack.Wipe(); err != nil {
		return err
	}
	return serve(ctx, stack, func() error {
		if err := demo.Run(ctx, stack, out); err != nil || o.exit {
			return err
		}
		_, _ = fmt.Fprintf(out, "\neverything runs on; logs are in %s; Ctrl-C stops\n", filepath.Join(stack.Dir(), "logs"))
		return stack.Wait(ctx)
	})
}

// serve starts a stack, or only some of it, does something with it, and stops it
// whatever came of it.
func serve(ctx context.Context, stack *launch.Stack, while func() error, only ...string) error {
	if err := stack.Start(ctx, only...); err != nil {
		return err
	}
	err := while()
	// The context has usually ended by now; stopping gets a time of its own.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(err, stack.Stop(stopping))
}

func runApply(ctx context.Context, o options, out io.Writer) error {
	stack, err := open(o, "up", out)
	if err != nil {
		return err
	}
	return stack.Apply(ctx)
}

func runClean(_ context.Context, o options, out io.Writer) error {
	names := []string{"up", "demo", "history", "bench", "chaos"}
	if o.dir != "" {
		names = []string{""}
	}
	for _, name := range names {
		stack, err := open(o, name, out)
		if err != nil {
			return err
		}
		if err := stack.Wipe(); err != nil {
			return err
		}
	}
	if !o.all {
		return nil
	}
	store, err := dist.Open(nil)
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(store.Shelter()), os.RemoveAll(filepath.Join(store.Root(), ".stack")))
}
