package chaos

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// settlePatience bounds how long one operation may take to be known when no fault
// is left. An order may wait for its turn with the checkout's settler.
const settlePatience = 10 * time.Minute

// settlers is how many ask at the same time.
const settlers = 32

// settle asks for the outcome of every operation that nobody knows, by sending the
// same request again. It returns how many there were, and fails when one stays unknown.
func (l *load) settle(ctx context.Context) (int, error) {
	open := make(chan uint32)
	var asking sync.WaitGroup
	var failed atomic.Pointer[error]
	for worker := range settlers {
		asking.Go(func() {
			for n := range open {
				if err := l.ask(ctx, worker, n); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	count := 0
	// Cards first: what was bought with them, and reversals after the purchases.
	for _, pass := range [][]kind{{issue}, {purchase, limitChange}, {reversal, void}} {
		for n := range l.history.len() {
			op := l.history.get(n)
			if (op.state == sent || op.state == unknown) && (op.kind == pass[0] || op.kind == pass[len(pass)-1]) {
				count++
				open <- n
			}
		}
	}
	close(open)
	asking.Wait()
	if err := failed.Load(); err != nil {
		return count, *err
	}
	return count, l.settleOrders(ctx)
}

// ask sends one operation again until it is known.
func (l *load) ask(ctx context.Context, worker int, n uint32) error {
	op := l.history.get(n)
	until := time.Now().Add(settlePatience)
	for ctx.Err() == nil && time.Now().Before(until) {
		known := false
		switch op.kind {
		case issue:
			known = l.issueAgain(ctx, worker, n) != nil
		case purchase:
			known = l.send(ctx, worker, n)
		case reversal:
			known = l.sendReversal(ctx, worker, n)
		case void:
			known = l.sendVoid(ctx, worker, n)
		case limitChange:
			known = l.sendLimit(ctx, worker, n)
		}
		if known {
			return nil
		}
	}
	return fmt.Errorf("the outcome of %s %s stays unknown: %w", kindNames[op.kind], requestID(n), context.Cause(ctx))
}
