package groupcommit

import (
	"context"
	"errors"

	"codebank.dev/platform/fault"
)

// commitAttempts is how often a batch is decided on fresh reads before it is split.
const commitAttempts = 3

// commitAndAnswer commits a batch and answers every call in it.
//
// After a conflict (ErrRetry) the whole batch is decided again. No caller has an answer yet, so
// only the command that lost the conflict gets another result. When the store refuses the data
// (ErrRejected), the batch is split, so that one bad command harms no other. Any other error is
// answered as it is, and the batch is not split.
func (e *Executor[C, R]) commitAndAnswer(batch []*Call[C, R]) {
	err := ErrRetry
	for try := 0; try < commitAttempts && errors.Is(err, ErrRetry); try++ {
		if try > 0 {
			e.stats.retried.Add(1)
		}
		if err = e.commit(batch); err == nil {
			e.scheduler.forget(batch)
			for _, c := range batch {
				c.group.answered(1)
			}
			return
		}
	}
	undecided := errors.Is(err, ErrRetry) || errors.Is(err, ErrRejected)
	if undecided && len(batch) > 1 {
		e.stats.split.Add(1)
		e.commitAndAnswer(batch[:len(batch)/2])
		e.commitAndAnswer(batch[len(batch)/2:])
		return
	}
	e.scheduler.forget(batch)
	err = e.answerFor(err)
	for _, c := range batch {
		c.Result, c.failed = e.config.Failed(err), true
		c.group.answered(1)
	}
}

func (e *Executor[C, R]) commit(batch []*Call[C, R]) error {
	ctx, cancel := context.WithTimeout(context.Background(), e.config.BatchTimeout)
	defer cancel()
	err := e.config.Store.Commit(ctx, batch)
	if err == nil {
		e.stats.batches.Add(1)
		e.stats.commands.Add(int64(len(batch)))
	}
	return err
}

// answerFor returns the final answer to a single command that was not committed, or to a batch
// whose outcome is unknown.
func (e *Executor[C, R]) answerFor(err error) error {
	switch {
	case errors.Is(err, ErrRetry):
		return e.config.Answers.Contended.Wrap(err)
	case errors.Is(err, ErrRejected):
		return e.config.Answers.Rejected.Wrap(err)
	default:
		return fault.Of(err)
	}
}
