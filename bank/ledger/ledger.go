// Package ledger is the executor of the bank: it takes commands that arrive concurrently, decides
// them in batches and commits each batch once. The rules stay plain Go.
//
// The batches are those of package groupcommit: its lanes, its retries and its splits. What this
// package adds is how a batch is decided on a Book and what events it leaves in the outbox.
// A batch has the accounts of its commands to itself, in this process. A command on two accounts is
// decided when no other batch has either of them. When two processes touch the same account, the Store
// keeps them apart.
//
// The files, in reading order:
//
//	ledger.go     Submit and SubmitAll: from a command to its outcome
//	batch.go      decide, encode and commit a batch
//	directory.go  a cache of the facts about cards and accounts
package ledger

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/groupcommit"
)

// Config is the configuration of an Executor. Store, Encoder and Now are required.
type Config struct {
	Store   bank.Store
	Encoder bank.Encoder
	// Now is the clock; decisions use whole milliseconds of it.
	Now func() time.Time
	// Lanes, MaxBatch, QueueLength and BatchTimeout are those of groupcommit.Config.
	Lanes        int
	MaxBatch     int
	QueueLength  int
	BatchTimeout time.Duration
	// ProducerVersion is written into every entry.
	ProducerVersion string
	// Omit fits a new entry to the version of its event: it records the version, and clears the fields
	// that the event does not contain, so that the ledger stores what the event says and no more;
	// default nothing.
	Omit func(*bank.Entry)
	// Committed is called after each commit that put events into the outbox; default nothing. It
	// must not block.
	Committed func(events int)
	// Sends is called after each commit that put messages to the hub into their outbox; default nothing. It must
	// not block.
	Sends func()
}

// Executor decides commands. Make one with New; it is safe for concurrent use.
type Executor struct {
	batches *groupcommit.Executor[submitted, bank.Result]
}

// Stats counts what an executor has done since it was made.
type Stats = groupcommit.Stats

// submitted is a command with the keys that it named when it was submitted.
type submitted struct {
	command bank.Command
	keys    bank.Keys
}

// answers are the executor's own answers.
var answers = groupcommit.Answers{
	Busy:      fault.New(fault.ResourceExhausted, "QUEUE_FULL", "The bank is busy. Nothing was done; please try again."),
	Closed:    fault.New(fault.Unavailable, "SHUTTING_DOWN", "The bank is shutting down. Nothing was done; please try again."),
	Contended: fault.New(fault.Unavailable, "CONTENDED", "Too much is happening on this account. Nothing was done; please try again."),
	Rejected:  fault.New(fault.InvalidArgument, "DATA_REFUSED", "The request holds data that cannot be stored. Nothing was done."),
}

// New starts the lanes of an executor. Close ends them.
func New(config Config) *Executor {
	if config.Omit == nil {
		config.Omit = func(*bank.Entry) {}
	}
	if config.Committed == nil {
		config.Committed = func(int) {}
	}
	if config.Sends == nil {
		config.Sends = func() {}
	}
	return &Executor{groupcommit.New(groupcommit.Config[submitted, bank.Result]{
		Store:   &decider{config},
		Failed:  func(err error) bank.Result { return bank.Result{Err: err} },
		Same:    sameCommand,
		Answers: answers,
		Now:     config.Now,
		Lanes:   config.Lanes, MaxBatch: config.MaxBatch, QueueLength: config.QueueLength, BatchTimeout: config.BatchTimeout,
	})}
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
	result := e.batches.Submit(ctx, submission(command))
	return result.Outcome, result.Err
}

// SubmitAll is Submit for several commands at once. They may share one batch, and the submitter
// waits for all of them together. The results are in the order of the commands.
func (e *Executor) SubmitAll(ctx context.Context, commands []bank.Command) []bank.Result {
	submissions := make([]groupcommit.Command[submitted], len(commands))
	for i, command := range commands {
		submissions[i] = submission(command)
	}
	return e.batches.SubmitAll(ctx, submissions)
}

// submission names the accounts of a command as its resources, all of them, so that the commands on one
// account share batches instead of waiting for each other's locks.
func submission(command bank.Command) groupcommit.Command[submitted] {
	keys := command.Keys()
	return groupcommit.Command[submitted]{Key: command.Key(), Resources: keys.Accounts, Body: submitted{command, keys}}
}

// Joinable is a command that can compare itself with another command. When both ask for exactly the
// same, one decision answers both.
type Joinable interface {
	bank.Command
	SameAs(other bank.Command) bool
}

// sameCommand reports whether the outcome of the first command answers the second one.
func sameCommand(first *groupcommit.Call[submitted, bank.Result], second *submitted) bool {
	joinable, ok := first.Command.command.(Joinable)
	return ok && first.Result.Err == nil && joinable.SameAs(second.command)
}

// Stats returns the counters. Each is exact; together they are of about one moment.
func (e *Executor) Stats() Stats { return e.batches.Stats() }

// Close refuses new commands, decides the accepted ones, and returns when none waits or ctx ends.
// A second call is harmless.
func (e *Executor) Close(ctx context.Context) error { return e.batches.Close(ctx) }
