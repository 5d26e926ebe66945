// Package intake is the use case of commands that come by a topic: what somebody asks the bank to do, and does
// not wait for. A command is the call of the same name in another envelope. It has the same rules, the same
// answers, and the same transaction id, so whoever sends it both ways moves money once.
//
// Each command ends with one result, however often it is read: the decision of the ledger, or the reason
// why it can never be decided. A record that is no command of anybody the bank knows is a dead letter.
// Whoever reads the topic stores its offset after Handle, so a crash repeats commands and loses none.
//
// The files, in reading order:
//
//	intake.go   Service, and the batches of a partition
//	verify.go   a record as a command, or as a dead letter
//	execute.go  a command as a call
//	cancel.go   a cancellation: its hold is released, and its request id ends
//	refuse.go   a command that can never be decided ends for good
//	result.go   the ledger's entry as a result
package intake

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/hold"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/fault"
	"codebank.dev/schemas/command"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Edge decides who asks and what he may ask for, as it does for calls.
type Edge interface {
	// Namespace returns the name that the request ids of a producer belong to.
	Namespace(producer string) string
	// Enter returns the subject of a command, and the context to work for it in. user is zero for a producer that
	// speaks for itself. Errors: fault.PermissionDenied when the subject may not give commands of this kind;
	// fault.Unavailable.
	Enter(ctx context.Context, asked Asked) (context.Context, bank.Subject, error)
}

// Asked is who asks for what.
type Asked struct {
	Producer string
	User     bank.ID
	Kind     string // a symbol of command.Command.Kind
	TraceID  string
}

// Results tells everybody how commands ended.
type Results interface {
	// PublishResults returns after the brokers have all of the results, each with a MAC of its signer.
	PublishResults(ctx context.Context, answers []command.Answer) error
}

// Service deals with the commands of a bank. All fields but Logger are required; it is safe for concurrent
// use.
type Service struct {
	Code     bank.Code
	Wallets  *wallet.Service
	Holds    *hold.Service
	Accounts bank.AccountReader
	Store    bank.CommandStore
	Edge     Edge
	Results  Results
	// Keys returns the keys of the producers as they are now.
	Keys   func() *command.Keys
	Now    func() time.Time
	Logger *slog.Logger

	// broken counts how often a record has met an internal error.
	mutex  sync.Mutex
	broken map[place]int
	// slots bounds the commands that are with the ledger at once.
	slots chan struct{}
	once  sync.Once
}

// place is that of a record in its topic.
type place struct {
	partition int32
	offset    int64
}

const (
	// atOnce is how many commands of a process are with the ledger at once. Commands wait; callers do not, and
	// the queue is theirs too.
	atOnce = 256
	// commandTimeout limits one try of one command.
	commandTimeout = 30 * time.Second
	// maxBroken is how often a record is tried that meets an internal error, before it is a dead letter.
	maxBroken = 5
)

var _ consumer.Handler = (*Service)(nil)

// task is a record on its way: the command that it is, and then its result or why it is a dead letter.
type task struct {
	record  *kgo.Record
	order   order
	skipped bool
	result  command.Result
	letter  *consumer.Letter
	err     error
}

// Handle implements consumer.Handler. The commands of an account are decided in the order of the topic, those
// of different accounts side by side, so that they share commits.
func (s *Service) Handle(ctx context.Context, batch []*kgo.Record) ([]consumer.Letter, error) {
	s.once.Do(func() { s.slots, s.broken = make(chan struct{}, atOnce), make(map[place]int) })
	tasks, keys := make([]task, len(batch)), s.Keys()
	var accounts [][]*task
	numbers := make(map[string]int)
	for i, record := range batch {
		t := &tasks[i]
		t.record = record
		if t.skipped = s.forOthers(record); t.skipped {
			continue
		}
		if t.order, t.letter = s.verify(record, keys); t.letter != nil {
			continue
		}
		number, known := numbers[t.order.AccountID]
		if !known {
			number = len(accounts)
			numbers[t.order.AccountID] = number
			accounts = append(accounts, nil)
		}
		accounts[number] = append(accounts[number], t)
	}
	var group sync.WaitGroup
	for _, account := range accounts {
		group.Go(func() { s.account(ctx, account) })
	}
	group.Wait()
	return s.finish(ctx, tasks)
}

// account decides the commands of one account, one after the other. Those that follow one without an answer
// wait for the next try.
func (s *Service) account(ctx context.Context, tasks []*task) {
	for _, t := range tasks {
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			t.err = ctx.Err()
			return
		}
		s.decide(ctx, t)
		<-s.slots
		if t.err != nil {
			return
		}
	}
}

// decide ends one command, if it can.
func (s *Service) decide(ctx context.Context, t *task) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	t.result, t.err = s.execute(ctx, &t.order)
	if t.err == nil || fault.CodeOf(t.err) != fault.Internal {
		return
	}
	at := place{t.record.Partition, t.record.Offset}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.broken[at]++; s.broken[at] < maxBroken {
		return
	}
	if s.Logger != nil {
		s.Logger.Error("a command meets an internal error at every try; it is a dead letter", slog.Int("partition", int(at.partition)),
			slog.Int64("offset", at.offset), slog.Any("error", t.err))
	}
	t.letter, t.err = letter(t.record, "INTERNAL", "The bank met an internal error at every try. Its log says more; send the letter again when the fault is repaired."), nil
}

// finish publishes the results of a batch, and returns its letters.
func (s *Service) finish(ctx context.Context, tasks []task) ([]consumer.Letter, error) {
	var letters []consumer.Letter
	var answers []command.Answer
	var failures []error
	for i := range tasks {
		switch t := &tasks[i]; {
		case t.skipped:
		case t.err != nil:
			failures = append(failures, t.err)
		case t.letter != nil:
			letters = append(letters, *t.letter)
		default:
			answers = append(answers, command.Answer{RecordKey: t.record.Key, Result: t.result, Signer: t.order.key})
		}
	}
	if len(failures) > 0 {
		return nil, errors.Join(failures[0])
	}
	if len(answers) > 0 {
		if err := s.Results.PublishResults(ctx, answers); err != nil {
			return nil, err
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i := range tasks {
		delete(s.broken, place{tasks[i].record.Partition, tasks[i].record.Offset})
	}
	return letters, nil
}
