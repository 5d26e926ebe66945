package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"codebank.dev/stack/bench"
	"codebank.dev/stack/launch"
)

// yardstickDatabase is where the yardstick keeps its tables, on the bank's own server.
const yardstickDatabase = "yardstick"

// errNotReached is what bench ends with when a figure is below what it must be; the
// table has said which.
var errNotReached = errors.New("a figure was not reached")

// runBench starts Postgres and the bank, empty and alone, and measures.
func runBench(ctx context.Context, o options, out io.Writer) error {
	if !slices.Contains(bench.Names(), o.subject) {
		return fmt.Errorf("bench what? one of %v", bench.Names())
	}
	stack, err := open(o, "bench", out)
	if err != nil {
		return err
	}
	if err := stack.Wipe(); err != nil {
		return err
	}
	return serve(ctx, stack, func() error {
		if err := stack.CreateDatabase(ctx, yardstickDatabase); err != nil {
			return err
		}
		url, err := stack.DatabaseURL(ctx, yardstickDatabase)
		if err != nil {
			return err
		}
		ratios, err := bench.Purchases(ctx, bench.Target{BankAddress: stack.Addresses().BankGRPC(), YardstickURL: url}, o.bench, out)
		for _, ratio := range ratios {
			if !ratio.Reached() {
				err = errNotReached
			}
		}
		return err
	}, launch.Bank)
}
