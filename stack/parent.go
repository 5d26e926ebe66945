package main

import (
	"context"
	"os"
	"time"

	"codebank.dev/native/child"
)

// parentPoll is the interval at which the parent is checked.
const parentPoll = 200 * time.Millisecond

// followParent returns a context that ends when the `go run` that started this program ends. A
// signal to `go run` alone does not reach the program, so nobody would stop it. If the parent
// is another program, the context does not follow it: the program may run in the background.
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
