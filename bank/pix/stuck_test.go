package pix_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/bank"
	"codebank.dev/bank/pix"
	"codebank.dev/native/await"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/command"
)

// faulty is a ledger that answers one command with an error.
type faulty struct {
	bank.Submitter
	key bank.ID
	err error
	// mended says that it answers as the ledger does.
	mended atomic.Bool
	// met counts the errors.
	met atomic.Int64
}

func (f *faulty) Submit(ctx context.Context, decided bank.Command) (bank.Outcome, error) {
	if !f.mended.Load() && decided.Key() == f.key {
		f.met.Add(1)
		return bank.Outcome{}, f.err
	}
	return f.Submitter.Submit(ctx, decided)
}

// fails makes the ledger of a bank answer what comes in by a payment with an error of a code.
func (p *participant) fails(m command.PixMessage, code fault.Code) *faulty {
	f := &faulty{Submitter: p.Service.Ledger, key: p.Code.PixInID(m.EndToEndID), err: fault.New(code, "TROUBLE", "Trouble.")}
	p.Service.Ledger = f
	return f
}

// inMemory are the offsets of a bank without a database.
type inMemory struct{ next atomic.Int64 }

func (o *inMemory) LoadOffsets(context.Context, id.ID) (map[int32]int64, error) {
	return map[int32]int64{0: o.next.Load()}, nil
}

func (o *inMemory) StoreOffset(_ context.Context, _ id.ID, _ int32, _, next int64) (bool, error) {
	o.next.Store(next)
	return true, nil
}

// read lets a bank read what the hub says, from a broker, and returns a client that reads its dead letters.
func (p *participant) read(t *testing.T) *kgo.Client {
	t.Helper()
	topic, reader := command.PixToBank(string(p.Code)), pix.Reader(p.Code)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic, consumer.LettersPrefix+reader))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	letters, err := consumer.NewLetters(consumer.LettersConfig{Brokers: cluster.ListenAddrs(), Reader: reader})
	require.NoError(t, err)
	t.Cleanup(letters.Close)
	reads, err := consumer.New(consumer.Config{
		Brokers: cluster.ListenAddrs(), Topic: topic, Group: reader, Handler: p.handler, Offsets: &inMemory{}, DeadLetters: letters,
		Backoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		reads.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(consumer.LettersPrefix+reader),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// arrives waits until an account has a balance.
func (p *participant) arrives(t *testing.T, balance int64) {
	t.Helper()
	await.Until(t, func() bool {
		is, _ := p.balance(t, p.account)
		return is == balance
	}, time.Minute, time.Millisecond)
}

// A message that meets an internal error at every try is a dead letter, and the others of its partition are decided. It is
// sent again when the fault is repaired, and takes effect then.
func TestAMessageThatNobodyCanDecideHoldsUpNoOther(t *testing.T) {
	one, two := twoBanks(t)
	for requestID, amount := range map[string]int64{"first": 10, "bad": 13, "last": 20} {
		_, err := one.pay(t, requestID, "bob", amount)
		require.NoError(t, err)
	}
	var broken *faulty
	var bad, others []*kgo.Record
	for _, m := range one.outgoing(t) {
		if m.AmountMinor == 13 {
			bad, broken = append(bad, two.record(m, command.PixHub)), two.fails(m, fault.Internal)
		} else {
			others = append(others, two.record(m, command.PixHub))
		}
	}
	client := two.read(t)
	require.NoError(t, client.ProduceSync(t.Context(), bad[0], others[0], others[1]).FirstErr())
	two.arrives(t, 1_000_030)
	letter := client.PollFetches(t.Context()).Records()[0]
	require.Equal(t, "INTERNAL", string(consumer.Header(letter, "__connect.errors.exception.class.name")))
	require.EqualValues(t, 5, broken.met.Load())
	_, held := one.balance(t, one.account)
	require.EqualValues(t, 43, held, "the money of a payment in doubt stays held")

	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: bad[0].Topic, Key: bad[0].Key, Value: bad[0].Value, Headers: bad[0].Headers}).FirstErr())
	require.Len(t, client.PollFetches(t.Context()).Records(), 1)
	require.EqualValues(t, 6, broken.met.Load(), "the hub's repeat is tried once")

	broken.mended.Store(true)
	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: bad[0].Topic, Key: letter.Key, Value: letter.Value,
		Headers: append(letter.Headers, kgo.RecordHeader{Key: consumer.HeaderTo, Value: []byte(pix.Reader(two.Code))})}).FirstErr())
	two.arrives(t, 1_000_043)
}

// While the ledger is away, nobody is given up: the messages wait.
func TestWhileTheLedgerIsAwayMessagesWait(t *testing.T) {
	for _, code := range []fault.Code{fault.Unavailable, fault.DeadlineExceeded, fault.ResourceExhausted} {
		one, two := twoBanks(t)
		_, err := one.pay(t, "r1", "bob", 13)
		require.NoError(t, err)
		message := one.outgoing(t)[0]
		record, away := two.record(message, command.PixHub), two.fails(message, code)
		for range 20 {
			letters, err := two.handler.Handle(t.Context(), []*kgo.Record{record})
			require.Empty(t, letters)
			require.Equal(t, code, fault.CodeOf(err))
		}
		away.mended.Store(true)
		letters, err := two.handler.Handle(t.Context(), []*kgo.Record{record})
		require.NoError(t, err)
		require.Empty(t, letters)
		two.arrives(t, 1_000_013)
	}
}

// What the ledger refuses for good is a dead letter at once, whatever the code of the refusal.
func TestWhatTheLedgerRefusesForGoodIsADeadLetter(t *testing.T) {
	for _, code := range []fault.Code{fault.Aborted, fault.PermissionDenied, fault.NotFound, fault.InvalidArgument, fault.FailedPrecondition} {
		one, two := twoBanks(t)
		_, err := one.pay(t, "r1", "bob", 13)
		require.NoError(t, err)
		message := one.outgoing(t)[0]
		two.fails(message, code)
		require.Equal(t, []string{"TROUBLE"}, two.take(t, message))
	}
}
