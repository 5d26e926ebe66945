package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// Accounts come before what moves money, and that before what gives it back or ends it.
	for _, pass := range [][]kind{{issue, opening}, {purchase, limitChange, transfer, hold}, {reversal, void, transferReturn, capture, release}} {
		for n := range l.history.len() {
			op := l.history.get(n)
			if (op.state == sent || op.state == unknown) && slices.Contains(pass, op.kind) {
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
	return count, errors.Join(l.releaseOpenHolds(ctx), l.resolveOrders(ctx))
}

// resolveOne sends one operation again until its outcome is known.
func (l *load) resolveOne(ctx context.Context, worker int, n uint32) error {
	op := l.history.get(n)
	until := time.Now().Add(resolveTimeout)
	for ctx.Err() == nil && time.Now().Before(until) {
		known := l.send(ctx, worker, n, op.kind) || l.history.get(n).state == failed
		if known {
			return nil
		}
	}
	return fmt.Errorf("the outcome of %s %s stays unknown: %w", kindNames[op.kind], requestID(n), context.Cause(ctx))
}

// send sends an operation again. It returns true if it is answered.
func (l *load) send(ctx context.Context, worker int, n uint32, what kind) bool {
	switch what {
	case issue:
		return l.sendIssue(ctx, worker, n) != nil
	case opening:
		return l.sendOpening(ctx, worker, n) != nil
	}
	return map[kind]func(context.Context, int, uint32) bool{
		purchase: l.sendPurchase, reversal: l.sendReversal, void: l.sendVoid, limitChange: l.sendLimit,
		transfer: l.sendTransfer, transferReturn: l.sendTransferReturn, hold: l.sendHold, capture: l.sendCapture, release: l.sendRelease,
	}[what](ctx, worker, n)
}
