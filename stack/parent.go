package main

import (
	"context"
	"os"
	"time"

	"codebank.dev/native/child"
)

// parentPoll is how often the parent is looked for.
const parentPoll = 200 * time.Millisecond

// followParent returns a context that ends when the `go run` that started this
// program ends. A signal sent to `go run` alone does not reach the program, and
// without its parent nobody would stop it. Under any other parent the program
// lives on alone, as one does that was started in the background.
func followParent(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	if child.Command(parent) != "go" {
		return ctx, cancel
	}
	go func() {
		tick := time.NewTicker(parentPoll)
		defer tick.Stop()
		for os.Getppid() == parent {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		cancel()
	}()
	return ctx, cancel
}
