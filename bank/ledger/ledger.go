// Package ledger is the executor: it takes commands that arrive concurrently, decides them in
// batches and commits each batch once. The rules stay plain Go.
//
// Commands queue on a few lanes by account. A batch takes the commands that arrived while the
// previous batch was committing. There is no timer: an idle bank answers after one commit, and a
// busy bank shares each commit among up to a full batch of callers. When two lanes or two processes
// touch the same account, the Store keeps them apart.
//
// The files, in reading order:
//
//	ledger.go     Submit and SubmitAll: from a command to its outcome
//	lanes.go      the queues, and which commands share a batch
//	batch.go      decide, encode, commit, answer; conflicts and splits
//	directory.go  a cache of the facts about cards
//	stats.go      the counters
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

// Config is the configuration of an Executor. Store, Encoder and Now are required.
type Config struct {
	Store   bank.Store
	Encoder bank.Encoder
	// Now is the clock; decisions use whole milliseconds of it.
	Now func() time.Time
	// Lanes is how many batches may be decided or committed at once; default two for each
	// processor. A second batch starts only when enough commands wait for it, because every batch
	// has a fixed cost.
	Lanes int
	// MaxBatch is the largest number of commands that share a commit; default 256.
	MaxBatch int
	// QueueLength is how many commands may wait before Submit refuses more; default 2048.
	QueueLength int
	// BatchTimeout limits one attempt of a batch at the store; default 8 s.
	BatchTimeout time.Duration
	// ProducerVersion is written into every entry.
	ProducerVersion string
	// Omit clears the fields of a new entry that its event does not contain, so that the ledger
	// stores what the event says and no more; default nothing.
	Omit func(*bank.Entry)
	// Committed is called after each commit that put events into the outbox; default nothing. It
	// must not block.
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
	// duplicateOf is the call in flight with the same key; then this call never waited on a lane.
	duplicateOf *call
	// refused is why this call never waited on a lane. outcome and err belong to a call that did.
	refused error
	outcome bank.Outcome
	err     error
}

// answer must be called once for every call on a lane.
func (c *call) answer(outcome bank.Outcome, err error) {
	c.outcome, c.err = outcome, err
	c.group.answered(1)
}

// group is a set of calls whose submitter waits for all of them.
type group struct {
	unanswered atomic.Int64
	done       chan struct{}
}

func newGroup(calls int) *group {
	g := &group{done: make(chan struct{})}
	g.unanswered.Store(int64(calls))
	return g
}

func (g *group) answered(calls int) {
	if calls > 0 && g.unanswered.Add(int64(-calls)) == 0 {
		close(g.done)
	}
}

// errBusy refuses a command when the queue is full.
var errBusy = fault.New(fault.ResourceExhausted, "QUEUE_FULL", "The bank is busy. Nothing was done; please try again.")

// errClosed refuses a command when the bank is shutting down.
var errClosed = fault.New(fault.Unavailable, "SHUTTING_DOWN", "The bank is shutting down. Nothing was done; please try again.")

// retryAfterBusy is how long a refused caller is asked to wait. In this time a full queue drains
// even at a hundredth of the usual rate.
const retryAfterBusy = 250 * time.Millisecond

// New starts the lanes of an executor. Close ends them.
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

// Submit has the command decided and returns its outcome once it is durable.
//
// When a command with the same Key is in flight, Submit waits for that one and returns its outcome.
// If that one failed or was a different request, Submit has its own command decided. A caller whose
// ctx ends gets fault.DeadlineExceeded. This error does not say whether the command takes effect:
// the batch goes on without the caller.
//
// Errors: the Err of the Outcome; fault.ResourceExhausted with RetryAfter when the queue is full
// and nothing was done; fault.Unavailable when the outcome is unknown or the store does not answer.
func (e *Executor) Submit(ctx context.Context, command bank.Command) (bank.Outcome, error) {
	c := &call{key: command.Key(), command: command, keys: command.Keys(), group: newGroup(1)}
	for {
		c.arrived, c.duplicateOf = e.config.Now(), nil
		e.lanes.add(c)
		switch {
		case c.duplicateOf != nil:
		case c.refused != nil:
			return bank.Outcome{}, e.countRefused(c.refused)
		default:
			if err := wait(ctx, c.group); err != nil {
				return bank.Outcome{}, err
			}
			return c.outcome, c.err
		}
		// Another caller's command with the same key is in flight. If it succeeds, its outcome is
		// durable, and deciding ours afterwards only reads that outcome. If it fails, ours is
		// decided on its own.
		if err := wait(ctx, c.duplicateOf.group); err != nil {
			return bank.Outcome{}, err
		}
		if first, ok := c.duplicateOf.command.(Joinable); ok && c.duplicateOf.err == nil && first.SameAs(command) {
			e.stats.joined.Add(1)
			return c.duplicateOf.outcome, nil
		}
	}
}

// SubmitAll is Submit for several commands at once. They may share one batch, and the submitter
// waits for all of them together. The results are in the order of the commands.
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
	group.answered(countNotQueued(calls))
	left := wait(ctx, group)
	results := make([]bank.Result, len(commands))
	for i := range calls {
		switch c := &calls[i]; {
		case c.duplicateOf != nil:
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

// countNotQueued returns how many of the calls never waited on a lane.
func countNotQueued(calls []call) int {
	away := 0
	for i := range calls {
		if calls[i].duplicateOf != nil || calls[i].refused != nil {
			away++
		}
	}
	return away
}

// countRefused counts a command that a full queue refused.
func (e *Executor) countRefused(err error) error {
	if errors.Is(err, errBusy) {
		e.stats.refused.Add(1)
	}
	return err
}

// Joinable is a command that can compare itself with another command. When both ask for exactly the
// same, one decision answers both.
type Joinable interface {
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

// laneOf spreads commands over the lanes by their first account, so that commands on one account
// share batches instead of waiting for each other's locks.
func laneOf(c *call, lanes int) int {
	if len(c.keys.Accounts) > 0 {
		return int(c.keys.Accounts[0][15]) % lanes
	}
	return int(c.key[15]) % lanes
}

// run takes and commits batches, one after the other, until the executor is closed and no command
// waits.
func (e *Executor) run() {
	batch := make([]*call, 0, e.config.MaxBatch)
	for {
		calls, lane, ok := e.lanes.take(batch[:0])
		if !ok {
			return
		}
		e.commitAndAnswer(calls)
		e.lanes.done(lane)
		clear(calls)
	}
}

// Close refuses new commands, decides the accepted ones, and returns when the lanes are empty or
// ctx ends. A second call is harmless.
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
