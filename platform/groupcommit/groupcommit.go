// Package groupcommit takes commands that arrive concurrently and commits them in batches, so that
// one durable commit serves many callers. What a command is, how a batch is decided and where it is
// written belong to the Store; this package knows neither a business nor a database.
//
// A batch takes the commands that arrived while the previous batch was committing. There is no timer:
// an idle service answers after one commit, and a busy service shares each commit among up to a full
// batch of callers. A few lanes commit batches side by side. A command names the resources that it
// changes, such as accounts, and two batches at once never share a resource.
//
// The files, in reading order:
//
//	groupcommit.go  Config, New, Close
//	submit.go       Submit and SubmitAll: from a command to its result
//	scheduler.go    which commands wait, and which of them share a batch
//	batch.go        commit and answer; conflicts and splits
//	stats.go        the counters
package groupcommit

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
)

// The errors of a Store that the executor acts on. Any other error says that the outcome is
// unknown, or that the store cannot be used.
var (
	// ErrRetry says that nothing was committed and that the same batch may succeed on fresh reads.
	ErrRetry = errors.New("groupcommit: not committed, decide again on fresh reads")
	// ErrRejected says that nothing was committed because the data of a command was refused.
	ErrRejected = errors.New("groupcommit: not committed, the data was refused")
)

// Store decides and writes batches. C is a command, R the result of one.
type Store[C, R any] interface {
	// Commit decides the commands of a batch, in their order, writes what follows in one durable
	// commit, and sets the Result of every call. The results count only if it returns nil: then
	// everything is durable. ErrRetry and ErrRejected mean that certainly nothing was written, and
	// that the commands may be given to Commit again, in the same or in smaller batches. After any
	// other error the outcome is unknown. The keys in a batch are unique. Commit must not keep the
	// batch. Safe for concurrent use.
	Commit(ctx context.Context, batch []*Call[C, R]) error
}

// Call is one command on its way from its submitter to the store and back.
type Call[C, R any] struct {
	// Key identifies the command: a second one with the same key waits while the first is in flight.
	Key id.ID
	// Resources are what the command changes, any number of them: commands that share one are never in
	// two batches at once. Commands that would wait for each other's locks should share one. They must
	// not be changed.
	Resources []id.ID
	// Command is what is to be done.
	Command C
	// Arrived is when the executor got the command, by its clock.
	Arrived time.Time
	// Result is set by Store.Commit.
	Result R

	// failed says that Result was made from an error of the batch.
	failed bool
	group  *group
	// arrival is the place of the call in the order of arrival, and parked how often it was parked.
	arrival uint64
	parked  int
	// duplicateOf is the call in flight with the same key; then this call never waited.
	duplicateOf *Call[C, R]
	// refused is why this call never waited.
	refused error
}

// Config is the configuration of an Executor. Store, Failed, Answers and Now are required.
type Config[C, R any] struct {
	Store Store[C, R]
	// Failed makes the result of a command that was not committed, or whose outcome is unknown.
	Failed func(error) R
	// Same reports whether two commands with the same key ask for exactly the same, and whether the
	// first, which was committed, answers the second. Nil: never.
	Same func(first *Call[C, R], second *C) bool
	// Answers are the errors of the executor itself, in the service's own words.
	Answers Answers
	// Now is the clock of Call.Arrived.
	Now func() time.Time
	// Lanes is how many batches may be decided or committed at once; default two for each
	// processor. A second batch starts only when it is full, because every batch has a
	// fixed cost.
	Lanes int
	// MaxBatch is the largest number of commands that share a commit; default 256.
	MaxBatch int
	// QueueLength is how many commands may wait before Submit refuses more; default 2048.
	QueueLength int
	// BatchTimeout limits one attempt of a batch at the store; default 8 s.
	BatchTimeout time.Duration
}

// Answers are the errors that an executor answers by itself. All are required.
type Answers struct {
	// Busy refuses a command when the queue is full; fault.ResourceExhausted. If it names no wait,
	// the answer asks for a quarter of a second.
	Busy *fault.Error
	// Closed refuses a command after Close; fault.Unavailable.
	Closed *fault.Error
	// Contended answers a single command that lost every conflict; fault.Unavailable.
	Contended *fault.Error
	// Rejected answers a single command whose data the store refuses.
	Rejected *fault.Error
}

// retryAfterBusy is how long a refused caller is asked to wait. In this time a full queue drains
// even at a hundredth of the usual rate.
const retryAfterBusy = 250 * time.Millisecond

// Executor commits commands in batches. Make one with New; it is safe for concurrent use.
type Executor[C, R any] struct {
	config    Config[C, R]
	scheduler *scheduler[C, R]
	done      sync.WaitGroup
	stats     stats
}

// New starts the lanes of an executor. Close ends them.
func New[C, R any](config Config[C, R]) *Executor[C, R] {
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
	if config.Same == nil {
		config.Same = func(*Call[C, R], *C) bool { return false }
	}
	if config.Answers.Busy.RetryAfter == 0 {
		config.Answers.Busy = config.Answers.Busy.After(retryAfterBusy)
	}
	e := &Executor[C, R]{config: config, scheduler: newScheduler[C, R](config.MaxBatch, config.QueueLength)}
	for range config.Lanes {
		e.done.Go(e.run)
	}
	return e
}

// run is a lane: it takes and commits batches, one after the other, until the executor is closed and
// no command waits.
func (e *Executor[C, R]) run() {
	b := &batch[C, R]{calls: make([]*Call[C, R], 0, e.config.MaxBatch)}
	for e.scheduler.take(b) {
		e.commitAndAnswer(b.calls)
		e.scheduler.end(b)
	}
}

// Close refuses new commands, commits the accepted ones, and returns when none waits or ctx ends. A
// second call is harmless.
func (e *Executor[C, R]) Close(ctx context.Context) error {
	e.scheduler.close()
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
