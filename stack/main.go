// Command stack runs the whole system on one machine as plain processes.
//
//	go run ./stack doctor            say what the machine lacks, and how to get it
//	go run ./stack up                start everything and keep the data in .stack/up
//	go run ./stack demo [--exit]     start everything empty and show what it does
//	go run ./stack history [--exit]  start everything empty and seed a year of synthetic history
//	go run ./stack apply             declare topics, schemas, indices and connectors on a running stack
//	go run ./stack bench [NAME…]     measure the system against yardsticks, or with --against FOLDER this
//	                                 build against another
//	go run ./stack chaos             inject faults at random under a load, and check every promise
//	go run ./stack picture           take a picture of a dashboard of a running stack; overwrites
//	                                 docs/dashboard.png, or --file
//	go run ./stack clean [--all]     delete the data of the other commands
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
	"slices"
	"strings"
	"syscall"
	"time"

	"codebank.dev/native/dist"
	"codebank.dev/native/process"
	"codebank.dev/stack/bench"
	"codebank.dev/stack/demo"
	"codebank.dev/stack/doctor"
	"codebank.dev/stack/launch"
)

// stopTimeout bounds the orderly stop of everything. What still runs after it is killed.
const stopTimeout = time.Minute

// errMissing is the error of doctor if something is missing. Its report says what.
var errMissing = errors.New("something is missing; the report above says how to get it")

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

	// names are the arguments of a command that takes names.
	names []string
	bench bench.Options
	chaos chaosOptions

	history historyOptions
	picture pictureOptions
}

// command is a command of `stack`.
type command struct {
	name, help string
	flags      func(*flag.FlagSet, *options)
	run        func(context.Context, options, io.Writer) error
	// takesNames says that arguments may follow the command, before or after the flags.
	takesNames bool
}

func commands() []command {
	stackFlags := func(set *flag.FlagSet, o *options) {
		set.IntVar(&o.basePort, "base-port", launch.DefaultBasePort, "first of the 100 ports of the stack")
		set.StringVar(&o.dir, "dir", "", "folder for data, logs and secrets (default: a folder below .stack, named after the command)")
	}
	return []command{
		{"doctor", "say what this machine lacks, and how to get it", stackFlags, runDoctor, false},
		{"up", "start everything and keep the data; the end of one process stops everything", stackFlags, runUp, false},
		{"demo", "start everything empty and show what it does", func(set *flag.FlagSet, o *options) {
			stackFlags(set, o)
			set.BoolVar(&o.exit, "exit", false, "stop after the audit instead of running on")
		}, runDemo, false},
		{"history", "start everything empty and seed a synthetic history, for dashboards", func(set *flag.FlagSet, o *options) {
			stackFlags(set, o)
			set.BoolVar(&o.exit, "exit", false, "stop when every copy has all of it instead of running on")
			o.history.bind(set)
		}, runHistory, false},
		{"apply", "declare topics, schemas, indices and connectors on a running stack", stackFlags, runApply, false},
		{"clean", "delete the data of up, demo, history, bench and chaos", func(set *flag.FlagSet, o *options) {
			stackFlags(set, o)
			set.BoolVar(&o.all, "all", false, "also delete the fetched distributions and the built programs")
		}, runClean, false},
		{"bench", "measure the system against yardsticks: all rows, or some of " + strings.Join(bench.Names(), ", "), func(set *flag.FlagSet, o *options) {
			stackFlags(set, o)
			o.bench.Bind(set)
		}, runBench, true},
		{"picture", "take a picture of a dashboard of a running stack, with Chromium; overwrites docs/dashboard.png, or --file", func(set *flag.FlagSet, o *options) {
			stackFlags(set, o)
			o.picture.bind(set)
		}, runPicture, false},
		{"chaos", "inject faults at random under a load, and check every promise", func(set *flag.FlagSet, o *options) {
			stackFlags(set, o)
			o.chaos.bind(set)
		}, runChaos, false},
	}
}

// renamed keeps old as a second name of the flag name for one version. A use of the old name
// sets that flag and prints one line with the new name.
func renamed(set *flag.FlagSet, old, name string) {
	set.Func(old, "the old name of --"+name, func(value string) error {
		_, _ = fmt.Fprintf(set.Output(), "--%s is now called --%s\n", old, name)
		return set.Set(name, value)
	})
}

// run runs the command that args name. A command whose results could not be written has failed.
func run(ctx context.Context, args []string, out io.Writer) error {
	results := &checked{to: out}
	err := dispatch(ctx, args, results)
	if lost := results.err(); lost != nil && !errors.Is(err, lost) {
		err = errors.Join(err, lost)
	}
	return err
}

func dispatch(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name != args[0] {
				continue
			}
			var o options
			set := flag.NewFlagSet("stack "+c.name, flag.ContinueOnError)
			c.flags(set, &o)
			remaining := args[1:]
			for c.takesNames && len(remaining) > 0 && !strings.HasPrefix(remaining[0], "-") {
				o.names, remaining = append(o.names, remaining[0]), remaining[1:]
			}
			set.Usage = func() {} // Only --help asks for it.
			if err := set.Parse(remaining); errors.Is(err, flag.ErrHelp) {
				return c.describe(set, out)
			} else if err != nil {
				return fmt.Errorf("%w; `stack %s --help` lists the flags", err, c.name)
			}
			if c.takesNames {
				o.names = append(o.names, set.Args()...)
			} else if set.NArg() > 0 {
				return fmt.Errorf("%s takes no argument %q", c.name, set.Arg(0))
			}
			return withRemedy(c.run(ctx, o, out))
		}
	}
	text := "usage: stack <command> [flags]\n"
	for _, c := range commands() {
		text += fmt.Sprintf("  %-8s %s\n", c.name, c.help)
	}
	text += "stack <command> --help lists the flags of a command\n"
	if len(args) > 0 && slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		_, err := io.WriteString(out, text)
		return err
	}
	return errors.New(text)
}

// describe writes what a command does and its flags.
func (c *command) describe(set *flag.FlagSet, out io.Writer) error {
	names := ""
	if c.takesNames {
		names = " [NAME…]"
	}
	_, err := fmt.Fprintf(out, "usage: stack %s%s [flags]\n  %s\n", c.name, names, c.help)
	set.SetOutput(out)
	set.PrintDefaults()
	return err
}

// open describes the stack of a command. name is the folder below .stack, unless --dir names
// another folder.
func open(o options, name string, out io.Writer) (*launch.Stack, error) {
	return openWith(o, name, launch.Config{Out: out, LedgerFirst: name == "up"})
}

// openWith is open with a configuration.
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
	if doctor.Report(out, doctor.Check(ctx, o.dir, launch.Addresses{BasePort: o.basePort})) > 0 {
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
		if err := demo.PrintAddresses(stack.Addresses(), out); err != nil {
			return err
		}
		if err := demo.PrintSecrets(ctx, stack, out); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "\neverything runs; customers call %s; the dashboards are at %s; logs are in %s; %s\n",
			customersAt(stack), stack.Addresses().Dashboards(), filepath.Join(stack.Dir(), "logs"), howToStop)
		return waitFor(ctx, stack)
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
		_, _ = fmt.Fprintf(out, "\neverything runs on; customers call %s; the dashboards are at %s; logs are in %s; %s\n",
			customersAt(stack), stack.Addresses().Dashboards(), filepath.Join(stack.Dir(), "logs"), howToStop)
		return waitFor(ctx, stack)
	})
}

// customersAt is where people can read and try what a customer can call.
func customersAt(stack *launch.Stack) string {
	return launch.URL(stack.Addresses().GatewayHTTP()) + "/docs"
}

// howToStop says what stops a stack that runs on.
const howToStop = "Ctrl-C stops everything, and so does the end of any process"

// waitFor returns nil when ctx ends. When a process ends that nobody has stopped, it says that this
// stops everything, and why the process ended.
func waitFor(ctx context.Context, stack interface{ Wait(context.Context) error }) error {
	if err := stack.Wait(ctx); err != nil {
		return fmt.Errorf("everything is stopped because a process has ended: %w", err)
	}
	return nil
}

// serve starts a stack, or only some processes of it, calls work, and always stops the stack.
func serve(ctx context.Context, stack *launch.Stack, work func() error, only ...string) error {
	if err := stack.Start(ctx, only...); err != nil {
		return err
	}
	err := work()
	// The context has usually ended by now, so the stop gets a context of its own.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(err, stack.Stop(stopping))
}

// withRemedy adds to an error of a start beside another stack what to do about it.
func withRemedy(err error) error {
	switch {
	case errors.Is(err, launch.ErrInUse):
		return fmt.Errorf("%w\nstop that stack, or choose another folder with --dir and other ports with --base-port", err)
	case errors.Is(err, process.ErrPortInUse):
		return fmt.Errorf("%w\nperhaps another stack runs: `go run ./stack doctor` names the ports that are in use, and --base-port chooses others", err)
	}
	return err
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
