package chaos

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// resolveTimeout bounds the wait for the outcome of one operation after the last fault. An
// order may have to wait for its turn with the checkout's reconciler.
const resolveTimeout = 10 * time.Minute

// resolvers is how many clients ask at the same time.
const resolvers = 32

// resolve finds the outcome of every operation that is unknown by sending the same request
// again. It returns how many there were. It fails if one stays unknown.
func (l *load) resolve(ctx context.Context) (int, error) {
	open := make(chan uint32)
	var asking sync.WaitGroup
	var failed atomic.Pointer[error]
	for worker := range resolvers {
		asking.Go(func() {
			for n := range open {
				if err := l.resolveOne(ctx, worker, n); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	count := 0
	// Cards come before purchases, and purchases before reversals.
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
	return count, l.resolveOrders(ctx)
}

// resolveOne sends one operation again until its outcome is known.
func (l *load) resolveOne(ctx context.Context, worker int, n uint32) error {
	op := l.history.get(n)
	until := time.Now().Add(resolveTimeout)
	for ctx.Err() == nil && time.Now().Before(until) {
		known := false
		switch op.kind {
		case issue:
			known = l.sendIssue(ctx, worker, n) != nil
		case purchase:
			known = l.sendPurchase(ctx, worker, n)
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
