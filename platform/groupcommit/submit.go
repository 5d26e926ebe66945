package groupcommit

import (
	"context"
	"errors"
	"sync/atomic"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
)

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

// wait returns when all calls of the group are answered, or the fault of a context that ended first.
func (g *group) wait(ctx context.Context) error {
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

// Command is what Submit takes: a command with its key and its resources, as in Call.
type Command[C any] struct {
	Key       id.ID
	Resources []id.ID
	Body      C
}

// Submit has the command committed and returns its result once it is durable.
//
// When a command with the same Key is in flight, Submit waits for that one and returns its result
// if both are the same (Config.Same). Otherwise, and if that one failed, Submit has its own command
// committed. A caller whose ctx ends gets a result of fault.DeadlineExceeded. This error does not
// say whether the command takes effect: the batch goes on without the caller.
//
// The result is the store's, or one of Config.Failed: with an error of Config.Answers, with
// fault.DeadlineExceeded, or with the store's error when the outcome is unknown.
func (e *Executor[C, R]) Submit(ctx context.Context, command Command[C]) R {
	c := &Call[C, R]{Key: command.Key, Resources: command.Resources, Command: command.Body, group: newGroup(1)}
	for {
		c.Arrived, c.duplicateOf = e.config.Now(), nil
		e.scheduler.add(c)
		switch {
		case c.duplicateOf != nil:
		case c.refused != nil:
			return e.refuse(c.refused)
		default:
			if err := c.group.wait(ctx); err != nil {
				return e.config.Failed(err)
			}
			return c.Result
		}
		// Another caller's command with the same key is in flight. If it succeeds, its result is
		// durable, and committing ours afterwards only finds that result. If it fails, ours is
		// committed on its own.
		first := c.duplicateOf
		if err := first.group.wait(ctx); err != nil {
			return e.config.Failed(err)
		}
		if !first.failed && e.config.Same(first, &c.Command) {
			e.stats.joined.Add(1)
			return first.Result
		}
	}
}

// SubmitAll is Submit for several commands at once. They may share one batch, and the submitter
// waits for all of them together. The results are in the order of the commands.
func (e *Executor[C, R]) SubmitAll(ctx context.Context, commands []Command[C]) []R {
	if len(commands) == 0 {
		return nil
	}
	calls, waiting, group := make([]Call[C, R], len(commands)), make([]*Call[C, R], len(commands)), newGroup(len(commands))
	now := e.config.Now()
	for i := range commands {
		c := &calls[i]
		c.Key, c.Resources, c.Command, c.Arrived, c.group = commands[i].Key, commands[i].Resources, commands[i].Body, now, group
		waiting[i] = c
	}
	e.scheduler.add(waiting...)
	group.answered(countNotQueued(calls))
	left := group.wait(ctx)
	results := make([]R, len(commands))
	for i := range calls {
		switch c := &calls[i]; {
		case c.duplicateOf != nil:
			results[i] = e.Submit(ctx, commands[i])
		case c.refused != nil:
			results[i] = e.refuse(c.refused)
		case left != nil:
			results[i] = e.config.Failed(left)
		default:
			results[i] = c.Result
		}
	}
	return results
}

// countNotQueued returns how many of the calls never waited.
func countNotQueued[C, R any](calls []Call[C, R]) int {
	away := 0
	for i := range calls {
		if calls[i].duplicateOf != nil || calls[i].refused != nil {
			away++
		}
	}
	return away
}

// refuse returns the result of a command that never waited, and counts the one that a
// full queue refused.
func (e *Executor[C, R]) refuse(why error) R {
	if errors.Is(why, errBusy) {
		e.stats.refused.Add(1)
		return e.config.Failed(e.config.Answers.Busy)
	}
	return e.config.Failed(e.config.Answers.Closed)
}
