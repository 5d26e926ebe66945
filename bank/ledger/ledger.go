// Package ledger is the executor: commands arrive concurrently, one durable
// commit serves many of them, and the rules stay plain Go.
//
// Commands queue on a few lanes by account. A batch takes what has arrived while the
// one before was committing: no timer, so an idle bank answers after one commit and a
// busy one shares each commit among up to a batch of callers. Two lanes, or two
// processes, that touch the same account meet in the Store.
package ledger

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
)

// Config is what an Executor is made of. Store, Encoder and Now are required.
type Config struct {
	Store   bank.Store
	Encoder bank.Encoder
	// Now is the clock; decisions are made in whole milliseconds of it.
	Now func() time.Time
	// Lanes is how many batches may be under way at once; default two for each processor.
	// A second one is begun only when there is enough for it, for each has a price of its own.
	Lanes int
	// MaxBatch is the most commands that share a commit; default 256.
	MaxBatch int
	// QueueLength is how many commands may wait before Submit refuses; default 2048.
	QueueLength int
	// BatchTimeout bounds one attempt of a batch at the store; default 8 s.
	BatchTimeout time.Duration
	// ProducerVersion is stamped on every entry.
	ProducerVersion string
	// Omit takes out of each new entry what its event does not tell, so that the ledger
	// keeps the same; default nothing.
	Omit func(*bank.Entry)
	// Committed is called after each commit that put events into the outbox; default nothing.
	// It must not block.
	Committed func(events int)
}

// Executor decides commands. Make one with New; it is safe for concurrent use.
type Executor struct {
	config Config
	lanes  *lanes
	done   sync.WaitGroup
	stats  stats
}

// call is one submitted command on its way through a lane.
type call struct {
	key     bank.ID
	command bank.Command
	keys    bank.Keys
	arrived time.Time
	group   *group
	// twin is the call that was in flight with the same key; this one never waited.
	twin *call
	// refused is why this one never waited; outcome and err are of one that did.
	refused error
	outcome bank.Outcome
	err     error
}

// answer must come once for every call on a lane.
func (c *call) answer(outcome bank.Outcome, err error) {
	c.outcome, c.err = outcome, err
	c.group.ended(1)
}

// group is calls whose submitter waits for all of them.
type group struct {
	left atomic.Int64
	done chan struct{}
}

func newGroup(calls int) *group {
	g := &group{done: make(chan struct{})}
	g.left.Store(int64(calls))
	return g
}

func (g *group) ended(calls int) {
	if calls > 0 && g.left.Add(int64(-calls)) == 0 {
		close(g.done)
	}
}

// errBusy is the refusal of a full queue.
var errBusy = fault.New(fault.ResourceExhausted, "QUEUE_FULL", "The bank is busy. Nothing was done; please try again.")

// errClosed is the refusal of a bank that is shutting down.
var errClosed = fault.New(fault.Unavailable, "SHUTTING_DOWN", "The bank is shutting down. Nothing was done; please try again.")

// retryAfterBusy is how long a refused caller is asked to wait: long enough for a
// full queue to drain at a hundredth of the usual rate.
const retryAfterBusy = 250 * time.Millisecond

// New starts an executor's lanes. Close ends them.
func New(config Config) *Executor {
	if config.Lanes <= 0 {
		config.Lanes = 2 * runtime.GOMAXPROCS(0)
	}
	if config.MaxBatch <= 0 {
		config.MaxBatch = 256
	}
	if config.QueueLength <= 0 {
		config.QueueLength = 2048
	}
	if config.BatchTimeout <= 0 {
		config.BatchTimeout = 8 * time.Second
	}
	if config.Omit == nil {
		config.Omit = func(*bank.Entry) {}
	}
	if config.Committed == nil {
		config.Committed = func(int) {}
	}
	e := &Executor{config: config, lanes: newLanes(config.Lanes, config.MaxBatch, config.QueueLength)}
	for range config.Lanes {
		e.done.Go(e.run)
	}
	return e
}

// Submit has command decided and returns its outcome once it is durable.
//
// A command whose Key is in flight already waits for the first one; when that
// fails, or was another request, the command is decided by itself. A caller whose
// ctx ends gets fault.DeadlineExceeded, which says nothing about the outcome: the
// batch goes on without it. Errors: the Outcome's own Err; fault.ResourceExhausted
// with RetryAfter when the queue is full, nothing done; fault.Unavailable when the
// outcome is unknown or the store is away.
func (e *Executor) Submit(ctx context.Context, command bank.Command) (bank.Outcome, error) {
	c := &call{key: command.Key(), command: command, keys: command.Keys(), group: newGroup(1)}
	for {
		c.arrived, c.twin = e.config.Now(), nil
		e.lanes.add(c)
		switch {
		case c.twin != nil:
		case c.refused != nil:
			return bank.Outcome{}, e.countRefused(c.refused)
		default:
			if err := wait(ctx, c.group); err != nil {
				return bank.Outcome{}, err
			}
			return c.outcome, c.err
		}
		// Somebody's command with the same key is under way. Its outcome is durable when
		// it succeeds, so deciding ours then is a look-up; and it is ours to decide when
		// theirs failed.
		if err := wait(ctx, c.twin.group); err != nil {
			return bank.Outcome{}, err
		}
		if twin, ok := c.twin.command.(Twin); ok && c.twin.err == nil && twin.SameAs(command) {
			e.stats.joined.Add(1)
			return c.twin.outcome, nil
		}
	}
}

// SubmitAll is Submit for several commands at once, which may share one batch, and
// which their submitter waits for together. The answers are in the commands' order.
func (e *Executor) SubmitAll(ctx context.Context, commands []bank.Command) []bank.Result {
	calls, waiting, group := make([]call, len(commands)), make([]*call, len(commands)), newGroup(len(commands))
	now := e.config.Now()
	for i, command := range commands {
		calls[i] = call{key: command.Key(), command: command, keys: command.Keys(), arrived: now, group: group}
		waiting[i] = &calls[i]
	}
	if len(calls) == 0 {
		return nil
	}
	e.lanes.add(waiting...)
	group.ended(turnedAway(calls))
	left := wait(ctx, group)
	results := make([]bank.Result, len(commands))
	for i := range calls {
		switch c := &calls[i]; {
		case c.twin != nil:
			results[i].Outcome, results[i].Err = e.Submit(ctx, c.command)
		case c.refused != nil:
			results[i].Err = e.countRefused(c.refused)
		case left != nil:
			results[i].Err = left
		default:
			results[i] = bank.Result{Outcome: c.outcome, Err: c.err}
		}
	}
	return results
}

// turnedAway returns how many of the calls never waited on a lane.
func turnedAway(calls []call) int {
	away := 0
	for i := range calls {
		if calls[i].twin != nil || calls[i].refused != nil {
			away++
		}
	}
	return away
}

// countRefused counts a command for which a lane had no room.
func (e *Executor) countRefused(err error) error {
	if errors.Is(err, errBusy) {
		e.stats.refused.Add(1)
	}
	return err
}

// Twin is a command that can tell whether another command asks for exactly the
// same, so that one decision may answer both.
type Twin interface {
	bank.Command
	SameAs(other bank.Command) bool
}

func wait(ctx context.Context, g *group) error {
	select {
	case <-g.done:
		return nil
	default:
	}
	select {
	case <-g.done:
		return nil
	case <-ctx.Done():
		return fault.Of(ctx.Err())
	}
}

// laneOf spreads commands by their first account, so that commands on one account
// share batches instead of waiting for each other's locks.
func laneOf(c *call, lanes int) int {
	if len(c.keys.Accounts) > 0 {
		return int(c.keys.Accounts[0][15]) % lanes
	}
	return int(c.key[15]) % lanes
}

// run settles batches, one after the other, until the executor is closed and nothing waits.
func (e *Executor) run() {
	batch := make([]*call, 0, e.config.MaxBatch)
	for {
		calls, lane, ok := e.lanes.take(batch[:0])
		if !ok {
			return
		}
		e.settle(calls)
		e.lanes.done(lane)
		clear(calls)
	}
}

// Close refuses new commands, decides those that were accepted, and returns when
// the lanes are empty or ctx ends. Calling it twice is harmless.
func (e *Executor) Close(ctx context.Context) error {
	e.lanes.close()
	ended := make(chan struct{})
	go func() {
		e.done.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
