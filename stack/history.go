package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"codebank.dev/stack/launch"
)

// historyOptions say which past the bank is given; bankctl checks them.
type historyOptions struct {
	days, purchases int
	seed            uint64
	end             string
	settle          time.Duration
}

func (h *historyOptions) bind(set *flag.FlagSet) {
	set.IntVar(&h.days, "days", 365, "how many days the history has")
	set.IntVar(&h.purchases, "purchases", 1_000_000, "how many purchases are asked for, declined ones included")
	set.Uint64Var(&h.seed, "seed", 1, "number that the history is drawn from")
	set.StringVar(&h.end, "end", "", "date of the day behind the last, UTC (default today)")
	set.DurationVar(&h.settle, "settle", 20*time.Minute, "how long the copies may take to have everything")
}

// arguments are those of bankctl.
func (h *historyOptions) arguments(more ...string) []string {
	args := []string{"seed", "history", "--days", strconv.Itoa(h.days), "--purchases", strconv.Itoa(h.purchases),
		"--seed", strconv.FormatUint(h.seed, 10)}
	if h.end != "" {
		args = append(args, "--end", h.end)
	}
	return append(args, more...)
}

// runHistory starts everything empty, gives the bank a past, waits until every copy has
// all of it, and goes on with a bank that lives in the present.
func runHistory(ctx context.Context, o options, out io.Writer) error {
	var past atomic.Bool
	past.Store(true)
	stack, err := openWith(o, "history", launch.Config{Out: out, Adjust: func(name string, settings map[string]string) {
		if name == launch.Bank && past.Load() {
			settings["history"] = "true"
		}
	}})
	if err != nil {
		return err
	}
	if err := stack.Wipe(); err != nil {
		return err
	}
	return serve(ctx, stack, func() error {
		if err := loadHistory(ctx, stack, o.history, out); err != nil {
			return err
		}
		past.Store(false)
		bank := stack.Process(launch.Bank)
		if err := bank.Stop(ctx); err != nil {
			return err
		}
		if err := bank.Start(ctx); err != nil {
			return err
		}
		if err := bank.WaitReady(ctx); err != nil || o.exit {
			return err
		}
		_, _ = fmt.Fprintf(out, "\neverything runs on, and the bank is of the present; logs are in %s; Ctrl-C stops\n"+
			"go run ./stack up --dir %s starts it again\n", filepath.Join(stack.Dir(), "logs"), stack.Dir())
		return stack.Wait(ctx)
	})
}

// loadHistory has the bank decide the history and prints what came of it, and how long
// it took until ledger, topic, statement and index had the same.
func loadHistory(ctx context.Context, stack *launch.Stack, o historyOptions, out io.Writer) error {
	if err := stack.Bankctl(ctx, out, o.arguments("--plan")...); err != nil {
		return err
	}
	began := time.Now()
	if err := stack.Bankctl(ctx, out, o.arguments("--bank-address", stack.Addresses().BankGRPC())...); err != nil {
		return err
	}
	decided := time.Since(began)
	if err := stack.Bankctl(ctx, out, "audit", "--wait", o.settle.String()); err != nil {
		return err
	}
	everywhere := time.Since(began)
	rate := func(d time.Duration) int64 { return int64(o.purchases) * 1000 / max(d.Milliseconds(), 1) }
	_, err := fmt.Fprintf(out, "\nissued and decided in %v, %d purchases a second; found equal in all five places after %v, %d a second\n",
		decided.Round(time.Second), rate(decided), everywhere.Round(time.Second), rate(everywhere))
	return err
}
