package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"codebank.dev/stack/launch"
)

// historyOptions describe the synthetic history. bankctl checks them.
type historyOptions struct {
	days, purchases int
	seed            uint64
	end             string
	auditTimeout    time.Duration
}

func (h *historyOptions) bind(set *flag.FlagSet) {
	set.IntVar(&h.days, "days", 365, "length of the history in days")
	set.IntVar(&h.purchases, "purchases", 1_000_000, "purchases that are sent, including declined ones")
	set.Uint64Var(&h.seed, "seed", 1, "number that decides the whole history")
	set.StringVar(&h.end, "end", "", "the history ends before this date, UTC (default today)")
	set.DurationVar(&h.auditTimeout, "audit-timeout", 20*time.Minute, "longest wait until every copy has everything")
	renamed(set, "settle", "audit-timeout")
}

// arguments returns the arguments for bankctl.
func (h *historyOptions) arguments(more ...string) []string {
	args := []string{"seed", "history", "--days", strconv.Itoa(h.days), "--purchases", strconv.Itoa(h.purchases),
		"--seed", strconv.FormatUint(h.seed, 10)}
	if h.end != "" {
		args = append(args, "--end", h.end)
	}
	return append(args, more...)
}

// runHistory starts everything empty, seeds the history through the bank, and waits until every
// copy has all of it. Then it restarts the bank without `history`, so that the bank uses the
// present time.
func runHistory(ctx context.Context, o options, out io.Writer) error {
	var seeding atomic.Bool
	seeding.Store(true)
	stack, err := openWith(o, "history", launch.Config{Out: out, Adjust: func(name string, settings map[string]string) {
		if name == launch.Bank && seeding.Load() {
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
		if err := seedHistory(ctx, stack, o.history, out); err != nil {
			return err
		}
		seeding.Store(false)
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
		_, _ = fmt.Fprintf(out, "\neverything runs on, and the bank uses the present time; the dashboards are at %s; logs are in %s; %s\n"+
			"go run ./stack up --dir %s starts it again\n", stack.Addresses().Dashboards(), filepath.Join(stack.Dir(), "logs"), howToStop, stack.Dir())
		return waitFor(ctx, stack)
	})
}

// seedHistory seeds the history through the bank. It prints how long the bank took to decide
// it, and how long it took until ledger, topic, statement and index were equal.
func seedHistory(ctx context.Context, stack *launch.Stack, o historyOptions, out io.Writer) error {
	if err := stack.Bankctl(ctx, out, o.arguments("--plan")...); err != nil {
		return err
	}
	if err := writeAnnotations(ctx, stack, o); err != nil {
		return err
	}
	began := time.Now()
	if err := stack.BankctlAs(ctx, "history", out, o.arguments("--bank-address", stack.Addresses().BankGRPC())...); err != nil {
		return err
	}
	decided := time.Since(began)
	if err := stack.Bankctl(ctx, out, "audit", "--wait", o.auditTimeout.String()); err != nil {
		return err
	}
	copied := time.Since(began)
	rate := func(d time.Duration) int64 { return int64(o.purchases) * 1000 / max(d.Milliseconds(), 1) }
	_, err := fmt.Fprintf(out, "\nthe charts over time mark what is in %s\ndecided in %v, %d purchases a second; equal in all five places after %v, %d a second\n",
		stack.Annotations(), decided.Round(time.Second), rate(decided), copied.Round(time.Second), rate(copied))
	return err
}

// writeAnnotations writes what charts over time mark into a file of the stack, which the pages
// read: pay-days, the outage and the attack.
func writeAnnotations(ctx context.Context, stack *launch.Stack, o historyOptions) error {
	var answer bytes.Buffer
	if err := stack.Bankctl(ctx, &answer, o.arguments("--plan", "-o", "json")...); err != nil {
		return err
	}
	content, err := annotationsOf(answer.Bytes())
	if err != nil {
		return err
	}
	return stack.WriteAnnotations(content)
}

// annotationsOf returns the annotations of a plan in JSON.
func annotationsOf(plan []byte) ([]byte, error) {
	var of struct {
		Annotations json.RawMessage `json:"annotations"`
	}
	if err := json.Unmarshal(plan, &of); err != nil {
		return nil, fmt.Errorf("the plan of the history: %w", err)
	}
	if len(of.Annotations) == 0 {
		return nil, errors.New("the plan of the history has no annotations")
	}
	return of.Annotations, nil
}
