package ledger

import (
	"context"
	"errors"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
)

// commitAttempts is how often a batch is decided on fresh reads before it is split.
const commitAttempts = 3

// commitAndAnswer decides and commits a batch and answers every call in it.
//
// After a conflict (bank.ErrRetry) the whole batch is decided again. No caller has an answer yet,
// so only the command that lost the conflict gets another outcome. When the store refuses the data
// (bank.ErrRejected), the batch is split, so that one bad command harms no other. Any other error
// is answered as it is, and the batch is not split.
func (e *Executor) commitAndAnswer(batch []*call) {
	err := error(bank.ErrRetry)
	for try := 0; try < commitAttempts && errors.Is(err, bank.ErrRetry); try++ {
		if try > 0 {
			e.stats.retried.Add(1)
		}
		var outcomes []bank.Outcome
		outcomes, err = e.commit(batch)
		if err == nil {
			e.lanes.forget(batch)
			for i, c := range batch {
				c.answer(outcomes[i], outcomes[i].Err)
			}
			return
		}
	}
	undecided := errors.Is(err, bank.ErrRetry) || errors.Is(err, bank.ErrRejected)
	if undecided && len(batch) > 1 {
		e.stats.split.Add(1)
		e.commitAndAnswer(batch[:len(batch)/2])
		e.commitAndAnswer(batch[len(batch)/2:])
		return
	}
	e.lanes.forget(batch)
	for _, c := range batch {
		c.answer(bank.Outcome{}, answerFor(err))
	}
}

// The final answers to a single command that the store did not commit.
var (
	errContended = fault.New(fault.Unavailable, "CONTENDED", "Too much is happening on this account. Nothing was done; please try again.")
	errRefused   = fault.New(fault.InvalidArgument, "DATA_REFUSED", "The request holds data that cannot be stored. Nothing was done.")
)

func answerFor(err error) error {
	switch {
	case errors.Is(err, bank.ErrRetry):
		return errContended.Wrap(err)
	case errors.Is(err, bank.ErrRejected):
		return errRefused.Wrap(err)
	default:
		return fault.Of(err)
	}
}

// commit decides the batch on one Book and commits it. The outcomes are in batch order and valid
// only when the error is nil.
func (e *Executor) commit(batch []*call) ([]bank.Outcome, error) {
	var keys bank.Keys
	for _, c := range batch {
		keys.Add(c.keys)
	}
	keys.Sort()
	ctx, cancel := context.WithTimeout(context.Background(), e.config.BatchTimeout)
	defer cancel()

	var outcomes []bank.Outcome
	events := 0
	err := e.config.Store.Execute(ctx, keys, func(book *bank.Book) error {
		outcomes = e.decide(book, batch)
		var err error
		events, err = e.emit(book)
		return err
	})
	if err == nil {
		e.stats.batches.Add(1)
		e.stats.commands.Add(int64(len(batch)))
		if events > 0 {
			e.config.Committed(events)
		}
	}
	return outcomes, err
}

// decide runs each command on the book, in the order of arrival.
func (e *Executor) decide(book *bank.Book, batch []*call) []bank.Outcome {
	outcomes := make([]bank.Outcome, len(batch))
	for i, c := range batch {
		before := len(book.Posted())
		now := e.config.Now().UTC()
		outcomes[i] = c.command.Decide(book, now.Truncate(time.Millisecond))
		spent := max(now.Sub(c.arrived).Microseconds(), 0)
		for _, entry := range book.Posted()[before:] {
			entry.DecisionMicros = spent
			entry.ProducerVersion = e.config.ProducerVersion
			e.config.Omit(entry)
		}
	}
	return outcomes
}

// emit encodes the events of the new entries into the book's outbox. All bodies share one buffer.
func (e *Executor) emit(book *bank.Book) (int, error) {
	posted := book.Posted()
	body := make([]byte, 0, 320*len(posted))
	events := 0
	for _, entry := range posted {
		if entry.Status == bank.Voided {
			continue
		}
		start := len(body)
		var version int
		var err error
		if body, version, err = e.config.Encoder.Append(body, entry); err != nil {
			return 0, fault.New(fault.Internal, "ENCODING", "Something went wrong on our side.").Wrap(err)
		}
		book.Emit(bank.Event{
			TransactionID: entry.TransactionID,
			AccountID:     entry.AccountID,
			Sequence:      entry.Sequence,
			Key:           entry.EventKey(),
			SchemaVersion: version,
			Body:          body[start:len(body):len(body)],
		})
		events++
	}
	return events, nil
}
