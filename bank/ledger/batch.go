package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/groupcommit"
)

// call is a command in a batch.
type call = groupcommit.Call[submitted, bank.Result]

// decider decides and commits batches.
type decider struct{ config Config }

var _ groupcommit.Store[submitted, bank.Result] = (*decider)(nil)

// Commit implements groupcommit.Store: it decides the batch on one Book and commits it.
func (d *decider) Commit(ctx context.Context, batch []*call) error {
	var keys bank.Keys
	for _, c := range batch {
		keys.Add(c.Command.keys)
	}
	keys.Sort()
	events, sends := 0, false
	err := d.config.Store.Execute(ctx, keys, func(book *bank.Book) error {
		d.decide(book, batch)
		var err error
		events, err = d.emit(book)
		sends = book.Sends()
		return err
	})
	switch {
	case err == nil:
		if events > 0 {
			d.config.Committed(events)
		}
		if sends {
			d.config.Sends()
		}
		return nil
	case errors.Is(err, bank.ErrRetry):
		return fmt.Errorf("%w: %w", groupcommit.ErrRetry, err)
	case errors.Is(err, bank.ErrRejected):
		return fmt.Errorf("%w: %w", groupcommit.ErrRejected, err)
	}
	return err
}

// decide runs each command on the book, in the order of arrival.
func (d *decider) decide(book *bank.Book, batch []*call) {
	for _, c := range batch {
		before := len(book.Posted())
		now := d.config.Now().UTC()
		c.Result.Outcome = c.Command.command.Decide(book, now.Truncate(time.Millisecond))
		c.Result.Err = c.Result.Outcome.Err
		spent := max(now.Sub(c.Arrived).Microseconds(), 0)
		for _, entry := range book.Posted()[before:] {
			entry.DecisionMicros = spent
			entry.ProducerVersion = d.config.ProducerVersion
			d.config.Omit(entry)
		}
	}
}

// emit encodes the events of the new entries into the book's outbox. All bodies share one buffer.
func (d *decider) emit(book *bank.Book) (int, error) {
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
		if body, version, err = d.config.Encoder.Append(body, entry); err != nil {
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
