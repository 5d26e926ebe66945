package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/ledger"
	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plainEncoder writes an event id instead of Avro, which is enough for these tests.
type plainEncoder struct{}

func (plainEncoder) Append(dst []byte, entry *bank.Entry) ([]byte, int, error) {
	return entry.AppendEventID(dst), 1, nil
}

// scripted is a store that first returns the errors of its script, and waits at a gate.
type scripted struct {
	bank.Store
	mutex  sync.Mutex
	script []error
	before func(bank.Keys) error
	calls  atomic.Int64
}

func (s *scripted) Execute(ctx context.Context, keys bank.Keys, decide func(*bank.Book) error) error {
	s.calls.Add(1)
	s.mutex.Lock()
	var next error
	if len(s.script) > 0 {
		next, s.script = s.script[0], s.script[1:]
	}
	s.mutex.Unlock()
	if s.before != nil {
		if err := s.before(keys); err != nil {
			return err
		}
	}
	if next != nil {
		return next
	}
	return s.Store.Execute(ctx, keys, decide)
}

func newExecutor(t *testing.T, store bank.Store, change func(*ledger.Config)) *ledger.Executor {
	t.Helper()
	config := ledger.Config{Store: store, Encoder: plainEncoder{}, Now: time.Now, ProducerVersion: "test"}
	if change != nil {
		change(&config)
	}
	executor := ledger.New(config)
	t.Cleanup(func() { require.NoError(t, executor.Close(context.Background())) })
	return executor
}

// spend is a plain command: it takes amount when the account covers it.
type spend struct {
	id       bank.ID
	customer banktest.Customer
	amount   int64
	print    byte
}

func (s *spend) Key() bank.ID    { return s.id }
func (s *spend) Keys() bank.Keys { return banktest.KeysOf(s.customer, s.id) }
func (s *spend) SameAs(other bank.Command) bool {
	o, ok := other.(*spend)
	return ok && o.id == s.id && o.print == s.print
}

func (s *spend) Decide(book *bank.Book, now time.Time) bank.Outcome {
	request := bank.Request{Caller: "test", ID: s.id.String(), Fingerprint: [32]byte{s.print}}
	first, err := book.Repeat(s.id, &request)
	if first != nil || err != nil {
		return bank.Outcome{Entry: first, Err: err}
	}
	entry := banktest.Purchase(s.customer, s.id, s.amount)
	entry.Request = request
	account, _ := book.Account(s.customer.Account)
	effect := bank.Effect{Balance: -s.amount}
	if !account.Covers(s.amount) {
		entry.Status, entry.Decline, effect = bank.Declined, bank.InsufficientFunds, bank.Effect{}
		entry.DebitAccount, entry.CreditAccount = bank.ID{}, bank.ID{}
	}
	posted, err := book.Post(entry, effect, now)
	return bank.Outcome{Entry: posted, Err: err}
}

func TestParallelSpendingNeverPassesTheLimit(t *testing.T) {
	store := inmem.New(time.Now)
	customer := banktest.OpenCustomer(t, store, 1000)
	executor := newExecutor(t, store, nil)
	var approved atomic.Int64
	var working sync.WaitGroup
	for range 64 {
		working.Go(func() {
			for range 50 {
				outcome, err := executor.Submit(t.Context(), &spend{id: banktest.NewID(), customer: customer, amount: 1})
				require.NoError(t, err)
				if outcome.Entry.Status == bank.Approved {
					approved.Add(1)
				}
			}
		})
	}
	working.Wait()
	require.Equal(t, int64(1000), approved.Load())
	account, err := store.Account(t.Context(), customer.Account)
	require.NoError(t, err)
	require.Zero(t, account.Available())
	require.Equal(t, int64(1+64*50), account.Sequence, "every decision took a sequence")
	require.Less(t, executor.Stats().Batches, executor.Stats().Commands, "commits were shared")
}

func TestOneRequestSentAHundredTimesIsDecidedOnce(t *testing.T) {
	store := inmem.New(time.Now)
	customer := banktest.OpenCustomer(t, store, 1000)
	executor := newExecutor(t, store, nil)
	id := banktest.NewID()
	var working sync.WaitGroup
	sequences := make([]int64, 100)
	for i := range sequences {
		working.Go(func() {
			outcome, err := executor.Submit(t.Context(), &spend{id: id, customer: customer, amount: 400})
			require.NoError(t, err)
			sequences[i] = outcome.Entry.Sequence
		})
	}
	working.Wait()
	for _, sequence := range sequences {
		require.Equal(t, int64(2), sequence)
	}
	_, err := executor.Submit(t.Context(), &spend{id: id, customer: customer, amount: 400, print: 1})
	require.ErrorIs(t, err, bank.ErrRequestIDReused)
}

func TestAConflictDecidesTheBatchAgainOnFreshReads(t *testing.T) {
	inner := inmem.New(time.Now)
	customer := banktest.OpenCustomer(t, inner, 1000)
	store := &scripted{Store: inner, script: []error{bank.ErrRetry, bank.ErrRetry}}
	executor := newExecutor(t, store, nil)
	outcome, err := executor.Submit(t.Context(), &spend{id: banktest.NewID(), customer: customer, amount: 1})
	require.NoError(t, err)
	require.Equal(t, int64(2), outcome.Entry.Sequence)
	require.Equal(t, int64(2), executor.Stats().Retried)
}

func TestAConflictThatLastsIsUnavailableAndNothingIsCommitted(t *testing.T) {
	inner := inmem.New(time.Now)
	customer := banktest.OpenCustomer(t, inner, 1000)
	store := &scripted{Store: inner, script: []error{bank.ErrRetry, bank.ErrRetry, bank.ErrRetry}}
	executor := newExecutor(t, store, nil)
	_, err := executor.Submit(t.Context(), &spend{id: banktest.NewID(), customer: customer, amount: 1})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.ErrorIs(t, err, bank.ErrRetry)
}

func TestOneBadCommandHarmsNoOtherOfItsBatch(t *testing.T) {
	inner := inmem.New(time.Now)
	customer := banktest.OpenCustomer(t, inner, 1000)
	bad := banktest.NewID()
	gate := make(chan struct{})
	store := &scripted{Store: inner, before: func(keys bank.Keys) error {
		<-gate
		for _, id := range keys.Transactions {
			if id == bad {
				return fmt.Errorf("%w: it holds data that cannot be stored", bank.ErrRejected)
			}
		}
		return nil
	}}
	executor := newExecutor(t, store, func(c *ledger.Config) { c.Lanes = 1 })
	var working sync.WaitGroup
	results := make([]error, 33)
	submit := func(i int) {
		id := banktest.NewID()
		if i == 20 {
			id = bad
		}
		working.Go(func() {
			_, results[i] = executor.Submit(t.Context(), &spend{id: id, customer: customer, amount: 1})
		})
	}
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	submit(0)
	await.Until(t, func() bool { return store.calls.Load() == 1 }, time.Minute, time.Millisecond)
	for i := 1; i < len(results); i++ {
		submit(i)
	}
	await.Until(t, func() bool { return executor.Stats().Waiting == 32 }, time.Minute, time.Millisecond)
	open()
	working.Wait()
	for i, err := range results {
		if i == 20 {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
		} else {
			require.NoError(t, err)
		}
	}
	account, err := inner.Account(t.Context(), customer.Account)
	require.NoError(t, err)
	require.Equal(t, int64(-32), account.Balance)
}

func TestAnUnknownOutcomeIsUnavailableForTheWholeBatchWithoutSplitting(t *testing.T) {
	inner := inmem.New(time.Now)
	customer := banktest.OpenCustomer(t, inner, 1000)
	away := fault.New(fault.Unavailable, "AWAY", "away")
	store := &scripted{Store: inner, script: []error{away}}
	executor := newExecutor(t, store, nil)
	id := banktest.NewID()
	_, err := executor.Submit(t.Context(), &spend{id: id, customer: customer, amount: 1})
	require.ErrorIs(t, err, away)
	require.Equal(t, int64(1), store.calls.Load())
	outcome, err := executor.Submit(t.Context(), &spend{id: id, customer: customer, amount: 1})
	require.NoError(t, err, "the same id may be sent again")
	require.Equal(t, bank.Approved, outcome.Entry.Status)
}

func TestAFullQueueRefusesWithRetryInformation(t *testing.T) {
	inner := inmem.New(time.Now)
	customer := banktest.OpenCustomer(t, inner, 1000)
	gate, entered := make(chan struct{}), make(chan struct{}, 16)
	store := &scripted{Store: inner, before: func(bank.Keys) error { entered <- struct{}{}; <-gate; return nil }}
	executor := newExecutor(t, store, func(c *ledger.Config) { c.Lanes, c.QueueLength = 1, 2 })
	var working sync.WaitGroup
	submit := func() error {
		_, err := executor.Submit(t.Context(), &spend{id: banktest.NewID(), customer: customer, amount: 1})
		return err
	}
	working.Go(func() { require.NoError(t, submit()) })
	<-entered
	for range 2 {
		working.Go(func() { require.NoError(t, submit()) })
	}
	await.Until(t, func() bool { return executor.Stats().Waiting == 2 }, time.Minute, time.Millisecond)
	refused := fault.Of(submit())
	require.Equal(t, fault.ResourceExhausted, refused.Code)
	require.Positive(t, refused.RetryAfter)
	close(gate)
	working.Wait()
}

func TestTheBatchGoesOnWithoutACallerThatLeft(t *testing.T) {
	inner := inmem.New(time.Now)
	customer := banktest.OpenCustomer(t, inner, 1000)
	gate, entered := make(chan struct{}), make(chan struct{}, 16)
	store := &scripted{Store: inner, before: func(bank.Keys) error { entered <- struct{}{}; <-gate; return nil }}
	executor := newExecutor(t, store, nil)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	id := banktest.NewID()
	go func() {
		_, err := executor.Submit(ctx, &spend{id: id, customer: customer, amount: 7})
		left <- err
	}()
	<-entered
	leave()
	require.Equal(t, fault.DeadlineExceeded, fault.CodeOf(<-left))
	close(gate)
	outcome, err := executor.Submit(t.Context(), &spend{id: id, customer: customer, amount: 7})
	require.NoError(t, err)
	require.Equal(t, int64(2), outcome.Entry.Sequence, "it was decided once, though its caller had left")
}

func TestCloseDecidesAcceptedCommandsAndRefusesOthers(t *testing.T) {
	inner := inmem.New(time.Now)
	customer := banktest.OpenCustomer(t, inner, 1000)
	executor := ledger.New(ledger.Config{Store: inner, Encoder: plainEncoder{}, Now: time.Now})
	var accepted, refused atomic.Int64
	var working sync.WaitGroup
	for range 32 {
		working.Go(func() {
			for {
				_, err := executor.Submit(t.Context(), &spend{id: banktest.NewID(), customer: customer, amount: 1})
				if err != nil {
					require.Equal(t, fault.Unavailable, fault.CodeOf(err))
					refused.Add(1)
					return
				}
				accepted.Add(1)
			}
		})
	}
	await.Until(t, func() bool { return accepted.Load() > 100 }, time.Minute, time.Millisecond)
	require.NoError(t, executor.Close(t.Context()))
	working.Wait()
	account, err := inner.Account(t.Context(), customer.Account)
	require.NoError(t, err)
	require.Equal(t, accepted.Load(), account.Sequence-1)
	require.Equal(t, int64(32), refused.Load())
}

func TestADecisionThatFailsToEncodeIsNotStored(t *testing.T) {
	inner := inmem.New(time.Now)
	customer := banktest.OpenCustomer(t, inner, 1000)
	executor := newExecutor(t, inner, func(c *ledger.Config) { c.Encoder = brokenEncoder{} })
	_, err := executor.Submit(t.Context(), &spend{id: banktest.NewID(), customer: customer, amount: 1})
	require.Equal(t, fault.Internal, fault.CodeOf(err))
	account, err := inner.Account(t.Context(), customer.Account)
	require.NoError(t, err)
	require.Equal(t, int64(1), account.Sequence)
}

type brokenEncoder struct{}

func (brokenEncoder) Append(dst []byte, _ *bank.Entry) ([]byte, int, error) {
	return dst, 0, errors.New("no such symbol")
}

func TestACardIsFoundAsSoonAsItIsIssued(t *testing.T) {
	store := inmem.New(time.Now)
	directory := ledger.NewCachedDirectory(store)
	_, err := directory.CardByID(t.Context(), bank.ID{1})
	require.ErrorIs(t, err, bank.ErrNotFound)
	customer := banktest.OpenCustomer(t, store, 10)
	facts, err := directory.CardByID(t.Context(), customer.Card)
	require.NoError(t, err)
	require.Equal(t, customer.Account, facts.AccountID)
	again, err := directory.CardByID(t.Context(), customer.Card)
	require.NoError(t, err)
	require.Equal(t, facts, again)
}

func TestCommandsSubmittedTogetherHaveAResultEach(t *testing.T) {
	store := inmem.New(time.Now)
	executor := newExecutor(t, store, nil)
	customer := banktest.OpenCustomer(t, store, 100)
	one, other := banktest.NewID(), banktest.NewID()
	results := executor.SubmitAll(t.Context(), []bank.Command{
		&spend{id: one, customer: customer, amount: 60},
		&spend{id: one, customer: customer, amount: 60},
		&spend{id: other, customer: customer, amount: 60},
	})
	require.Len(t, results, 3)
	for _, s := range results {
		require.NoError(t, s.Err)
	}
	require.Equal(t, results[0].Outcome.Entry.Sequence, results[1].Outcome.Entry.Sequence, "one id, one entry")
	require.Equal(t, bank.Approved, results[0].Outcome.Entry.Status)
	require.NotEqual(t, bank.Approved, results[2].Outcome.Entry.Status, "the rest does not cover it")
	require.Empty(t, executor.SubmitAll(t.Context(), nil))
}

func TestSubmitAllRefusesOnlyTheCommandsThatTheQueueHasNoRoomFor(t *testing.T) {
	store := inmem.New(time.Now)
	executor := newExecutor(t, store, func(c *ledger.Config) { c.Lanes, c.QueueLength = 1, 2 })
	customer := banktest.OpenCustomer(t, store, 1000)
	var commands []bank.Command
	for range 5 {
		commands = append(commands, &spend{id: banktest.NewID(), customer: customer, amount: 1})
	}
	refused := 0
	for _, s := range executor.SubmitAll(t.Context(), commands) {
		if s.Err != nil {
			require.Equal(t, fault.ResourceExhausted, fault.CodeOf(s.Err))
			refused++
		}
	}
	require.Equal(t, 3, refused)
	require.EqualValues(t, 3, executor.Stats().Refused)
}

// pairCommand names two accounts and changes nothing.
type pairCommand struct{ id, one, other bank.ID }

func (c *pairCommand) Key() bank.ID { return c.id }
func (c *pairCommand) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{c.one, c.other}, Transactions: []bank.ID{c.id}}
}
func (c *pairCommand) Decide(*bank.Book, time.Time) bank.Outcome { return bank.Outcome{} }

// While a command on two accounts is committed, no other batch has either of them.
func TestACommandOnTwoAccountsHasBothToItself(t *testing.T) {
	inner := inmem.New(time.Now)
	one, other := banktest.OpenCustomer(t, inner, 1000), banktest.OpenCustomer(t, inner, 1000)
	third := banktest.OpenCustomer(t, inner, 1000)
	gate, entered := make(chan struct{}), make(chan struct{}, 16)
	store := &scripted{Store: inner, before: func(keys bank.Keys) error {
		if len(keys.Accounts) == 2 {
			entered <- struct{}{}
			<-gate
		}
		return nil
	}}
	executor := newExecutor(t, store, func(c *ledger.Config) { c.Lanes, c.MaxBatch = 4, 1 })
	var waiting sync.WaitGroup
	waiting.Go(func() {
		_, err := executor.Submit(t.Context(), &pairCommand{banktest.NewID(), one.Account, other.Account})
		require.NoError(t, err)
	})
	<-entered
	for _, customer := range []banktest.Customer{one, other} {
		waiting.Go(func() {
			_, err := executor.Submit(t.Context(), &spend{id: banktest.NewID(), customer: customer, amount: 1})
			require.NoError(t, err)
		})
	}
	await.Until(t, func() bool { return executor.Stats().Waiting == 2 }, time.Minute, time.Millisecond)
	_, err := executor.Submit(t.Context(), &spend{id: banktest.NewID(), customer: third, amount: 1})
	require.NoError(t, err)
	require.EqualValues(t, 2, executor.Stats().Waiting, "another account is free, these two are not")
	require.EqualValues(t, 2, store.calls.Load())
	close(gate)
	waiting.Wait()
}
