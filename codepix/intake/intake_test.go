package intake_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/codepix/banks"
	"codebank.dev/codepix/codepixtest"
	"codebank.dev/codepix/inmem"
	"codebank.dev/codepix/intake"
	"codebank.dev/codepix/payment"
	"codebank.dev/native/await"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

const (
	sender   = codepixtest.SenderBank
	receiver = codepixtest.ReceiverBank
)

// setting is the intake of a hub in memory.
type setting struct {
	intake.Config
	files *codepixtest.Banks
	store *inmem.Payments

	mutex     sync.Mutex
	woken     int
	initiated []string
}

func newSetting(t *testing.T) *setting {
	t.Helper()
	s := &setting{files: codepixtest.NewBanks(t, sender, receiver), store: inmem.NewPayments()}
	known, err := banks.Open(s.files.Path)
	require.NoError(t, err)
	s.Config = intake.Config{
		Store: s.store, Banks: known, Now: func() time.Time { return codepixtest.Noon.Add(time.Second) }, Stats: intake.NewStats(),
		Wake: func() {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			s.woken++
		},
		Initiated: func(bank, account string) { s.initiated = append(s.initiated, bank+" "+account) },
	}
	return s
}

// handle lets the handler of a bank deal with records, and returns the causes of the letters.
func (s *setting) handle(t *testing.T, bank string, records ...*kgo.Record) (causes []string) {
	t.Helper()
	letters, err := intake.New(s.Config, bank).Handle(t.Context(), records)
	require.NoError(t, err)
	for _, letter := range letters {
		causes = append(causes, letter.Cause)
	}
	return causes
}

func TestMessagesOfBanksAreDecided(t *testing.T) {
	s := newSetting(t)
	first := codepixtest.Payment(1)
	require.Empty(t, s.handle(t, sender, s.files.Signed(t, sender, first), s.files.Signed(t, sender, first)))
	require.Equal(t, []string{sender + " " + first.Terms.Sender.Account.String()}, s.initiated, "a repeat is no new payment")
	require.Empty(t, s.handle(t, receiver, s.files.Signed(t, receiver, codepixtest.Answer(first, payment.Confirm))))
	back := codepixtest.Return(1, &first, 10)
	require.Empty(t, s.handle(t, receiver, s.files.Signed(t, receiver, back)))
	require.Empty(t, s.handle(t, sender, s.files.Signed(t, sender, codepixtest.Answer(first, payment.Complete))))
	require.Len(t, s.initiated, 1, "a return looks nobody up")
	require.Equal(t, 4, s.woken)
	p, _, err := s.store.Payment(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, payment.Completed, p.State)
	require.NoError(t, testutil.CollectAndCompare(s.Stats, strings.NewReader(`
		# HELP codebank_pix_states_total Payments and returns that this process has brought to a state.
		# TYPE codebank_pix_states_total counter
		codebank_pix_states_total{state="COMPLETED"} 1
		codebank_pix_states_total{state="CONFIRMED"} 1
		codebank_pix_states_total{state="PENDING"} 2
		codebank_pix_states_total{state="REJECTED"} 0
	`), "codebank_pix_states_total"))
}

func TestRecordsThatCountForNothing(t *testing.T) {
	s := newSetting(t)
	first, other := codepixtest.Payment(1), codepixtest.Payment(2)
	signed := func() *kgo.Record { return s.files.Signed(t, sender, first) }
	altered := func(change func(*kgo.Record)) *kgo.Record {
		made := signed()
		change(made)
		return made
	}
	contradiction := first
	contradiction.Terms.Amount.Minor++
	require.Empty(t, s.handle(t, sender, signed()))
	for rule, tt := range map[string]struct {
		record *kgo.Record
		cause  string
	}{
		"no frame":                        {altered(func(r *kgo.Record) { r.Value = []byte("4111") }), "NOT_FRAMED"},
		"no MAC":                          {altered(func(r *kgo.Record) { r.Headers = nil }), "FORGED"},
		"a MAC of another body":           {altered(func(r *kgo.Record) { r.Value[len(r.Value)-1]++ }), "FORGED"},
		"a MAC of another key":            {altered(func(r *kgo.Record) { r.Key = []byte("x") }), "FORGED"},
		"a MAC of another topic":          {altered(func(r *kgo.Record) { r.Topic = command.PixFromBank(receiver) }), "FORGED"},
		"signed by the hub":               {altered(func(r *kgo.Record) { s.files.Sign(sender, command.PixHub, r) }), "FORGED"},
		"signed by another bank":          {altered(func(r *kgo.Record) { s.files.Sign(receiver, command.PixBank(receiver), r) }), "FORGED"},
		"signed, and no message":          {altered(func(r *kgo.Record) { r.Value = r.Value[:8]; s.files.Sign(sender, command.PixBank(sender), r) }), "UNREADABLE"},
		"for another bank":                {s.files.Signed(t, sender, codepixtest.Return(1, &first, 1)), "NOT_AUTHOR"},
		"confirmed by the sender":         {s.files.Signed(t, sender, codepixtest.Answer(first, payment.Confirm)), "NOT_AUTHOR"},
		"of another amount":               {s.files.Signed(t, sender, contradiction), "CONTRADICTION"},
		"about a payment that is unknown": {s.files.Signed(t, sender, codepixtest.Answer(other, payment.Complete)), "NO_PAYMENT"},
		"too early":                       {s.files.Signed(t, sender, codepixtest.Answer(first, payment.Complete)), "WRONG_STATE"},
	} {
		require.Equal(t, []string{tt.cause}, s.handle(t, sender, tt.record), rule)
	}
	forOthers := altered(func(r *kgo.Record) {
		r.Headers = []kgo.RecordHeader{{Key: consumer.HeaderTo, Value: []byte("somebody")}}
	})
	require.Empty(t, s.handle(t, sender, forOthers))
	s.files.Write(t, receiver)
	known, err := banks.Open(s.files.Path)
	require.NoError(t, err)
	s.Banks = known
	require.Equal(t, []string{"UNKNOWN_BANK"}, s.handle(t, sender, signed()))
	p, _, err := s.store.Payment(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, payment.Pending, p.State)
	require.Equal(t, 8, testutil.CollectAndCount(s.Stats, "codebank_pix_dead_letters_total"), "one line for each of the causes")
}

// away is a store whose database is away.
type away struct{ payment.Store }

func (away) Apply(context.Context, []payment.Received) ([]payment.Outcome, error) {
	return nil, errors.New("away")
}

func TestWhileTheDatabaseIsAwayTheRecordsAreHandledAgain(t *testing.T) {
	s := newSetting(t)
	s.Store = away{}
	_, err := intake.New(s.Config, sender).Handle(t.Context(), []*kgo.Record{s.files.Signed(t, sender, codepixtest.Payment(1))})
	require.EqualError(t, err, "away")
	require.Empty(t, s.initiated)
	require.Zero(t, s.woken)
}

// faulty is a store that meets an internal error with one payment, until it is mended.
type faulty struct {
	payment.Store
	bad    payment.ID
	mended atomic.Bool
	// met counts the errors of the payment alone.
	met atomic.Int64
}

func (f *faulty) Apply(ctx context.Context, messages []payment.Received) ([]payment.Outcome, error) {
	if !f.mended.Load() && slices.Contains(payment.Names(messages), f.bad) {
		if len(messages) == 1 {
			f.met.Add(1)
		}
		return nil, fault.New(fault.Internal, "TROUBLE", "Trouble.")
	}
	return f.Store.Apply(ctx, messages)
}

// A message that meets an internal error at every try is a dead letter, and other payments are decided. It is sent again
// when the fault is repaired, and takes effect then.
func TestAMessageThatNobodyCanDecideHoldsUpNoOtherPayment(t *testing.T) {
	s := newSetting(t)
	bad, good, next := codepixtest.Payment(1), codepixtest.Payment(2), codepixtest.Payment(3)
	store := &faulty{Store: s.store, bad: bad.ID}
	s.Store = store
	broker := codepixtest.NewBroker(t, sender, receiver)
	readers := intake.NewReaders(intake.ReadersConfig{
		Intake: s.Config, Brokers: broker.Cluster.ListenAddrs(), Offsets: offsets{}, Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { readers.Run(ctx) })
	defer func() { cancel(); running.Wait() }()
	client := broker.Client(t, codepixtest.Letters(sender))
	produce := func(records ...*kgo.Record) {
		for _, record := range records {
			record.Partition = 0
		}
		manual, err := kgo.NewClient(kgo.SeedBrokers(broker.Cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		require.NoError(t, err)
		defer manual.Close()
		require.NoError(t, manual.ProduceSync(t.Context(), records...).FirstErr())
	}
	isPending := func(p payment.ID) func() bool {
		return func() bool {
			found, _, err := s.store.Payment(t.Context(), p)
			return err == nil && found.State == payment.Pending
		}
	}
	produce(s.files.Signed(t, sender, bad), s.files.Signed(t, sender, good))
	await.Until(t, isPending(good.ID), time.Minute, time.Millisecond)
	letter := client.PollFetches(t.Context()).Records()[0]
	require.Equal(t, "INTERNAL", string(consumer.Header(letter, "__connect.errors.exception.class.name")))
	require.EqualValues(t, 5, store.met.Load())
	_, _, err := s.store.Payment(t.Context(), bad.ID)
	require.ErrorIs(t, err, payment.ErrNotFound)

	produce(s.files.Signed(t, sender, bad), s.files.Signed(t, sender, next))
	await.Until(t, isPending(next.ID), time.Minute, time.Millisecond)
	require.Len(t, client.PollFetches(t.Context()).Records(), 1)
	require.EqualValues(t, 6, store.met.Load(), "the bank's repeat is tried once")

	store.mended.Store(true)
	produce(&kgo.Record{Topic: command.PixFromBank(sender), Key: letter.Key, Value: letter.Value,
		Headers: append(letter.Headers, kgo.RecordHeader{Key: consumer.HeaderTo, Value: []byte(intake.Reader(sender))})})
	await.Until(t, isPending(bad.ID), time.Minute, time.Millisecond)
}

// What follows a message that is tried again waits for it if it is about the same payment, and has its outcome told.
func TestAMessageWaitsForTheOneBeforeOfItsPayment(t *testing.T) {
	s := newSetting(t)
	bad, good := codepixtest.Payment(1), codepixtest.Payment(2)
	back := codepixtest.Return(1, &bad, 10)
	store := &faulty{Store: s.store, bad: bad.ID}
	s.Store = store
	handler := intake.New(s.Config, sender)
	records := []*kgo.Record{s.files.Signed(t, sender, bad), s.files.Signed(t, sender, codepixtest.Answer(bad, payment.Complete)),
		s.files.Signed(t, sender, back), s.files.Signed(t, sender, good)}
	for try := range 4 {
		_, err := handler.Handle(t.Context(), records)
		require.Equal(t, fault.Internal, fault.CodeOf(err))
		require.EqualValues(t, try+1, store.met.Load(), "one message of the payment is tried")
	}
	require.Equal(t, []string{sender + " " + good.Terms.Sender.Account.String()}, s.initiated)
	store.mended.Store(true)
	letters, err := handler.Handle(t.Context(), records)
	require.NoError(t, err)
	require.Len(t, letters, 2, "it is too early to complete, and the return is another bank's")
	require.Len(t, s.initiated, 2)
}

// kept is a Publisher that keeps what it gets, and fails for one topic.
type kept struct {
	rows  []outbox.Row
	fails string
}

func (k *kept) Publish(_ context.Context, rows []outbox.Row) []error {
	errs := make([]error, len(rows))
	for i, row := range rows {
		if row.Topic == k.fails {
			errs[i] = errors.New("away")
		}
		k.rows = append(k.rows, row)
	}
	return errs
}

func TestWhatTheHubSendsIsSignedForEachBank(t *testing.T) {
	s := newSetting(t)
	first := codepixtest.Payment(1)
	s.handle(t, sender, s.files.Signed(t, sender, first))
	s.handle(t, receiver, s.files.Signed(t, receiver, codepixtest.Answer(first, payment.Reject)))
	rows, err := s.store.Claim(t.Context(), 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, rows, 3)
	stranger := outbox.Row{ID: id.ID{1}, Topic: command.PixToBank("003")}
	publisher := &kept{fails: command.PixPaymentTopic}
	errs := (&intake.Signing{Publisher: publisher, Banks: s.Banks}).Publish(t.Context(), append([]outbox.Row{stranger}, rows...))
	require.ErrorIs(t, errs[0], outbox.ErrRefused)
	require.Len(t, publisher.rows, 3)
	for i, row := range publisher.rows {
		require.Equal(t, row.Topic == command.PixPaymentTopic, errs[i+1] != nil)
		if row.Topic == command.PixPaymentTopic {
			require.Empty(t, row.Headers)
			continue
		}
		require.Equal(t, command.PixToBank(sender), row.Topic)
		message := s.files.Read(t, sender, asRecord(&row))
		require.Equal(t, payment.Reject, message.Step)
	}
	require.Empty(t, rows[0].Headers, "the rows of the caller stay as they are")
	require.Len(t, (&intake.Signing{Publisher: publisher, Banks: s.Banks}).Publish(t.Context(), []outbox.Row{stranger}), 1)
}

// asRecord returns a row as it is on its topic.
func asRecord(row *outbox.Row) *kgo.Record {
	r := &kgo.Record{Topic: row.Topic, Key: row.Key, Value: append([]byte{0, 0, 0, 0, 1}, row.Body...)}
	for _, header := range row.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: header.Key, Value: header.Value})
	}
	return r
}

// offsets are those of a program in memory, which begins anew.
type offsets struct{}

func (offsets) LoadOffsets(context.Context, id.ID) (map[int32]int64, error) { return nil, nil }

func (offsets) StoreOffset(context.Context, id.ID, int32, int64, int64) (bool, error) {
	return true, nil
}

func TestABankThatIsAddedIsHeardWithoutARestart(t *testing.T) {
	s := newSetting(t)
	broker := codepixtest.NewBroker(t, sender, receiver)
	s.files.Write(t, sender)
	known, err := banks.Open(s.files.Path)
	require.NoError(t, err)
	s.Banks = known
	readers := intake.NewReaders(intake.ReadersConfig{
		Intake: s.Config, Brokers: broker.Cluster.ListenAddrs(), Offsets: offsets{}, Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { known.Run(ctx, slog.New(slog.DiscardHandler)) })
	running.Go(func() { readers.Run(ctx) })
	defer func() { cancel(); running.Wait() }()
	client := broker.Client(t, codepixtest.Letters(receiver))
	first := codepixtest.Payment(1)
	require.NoError(t, client.ProduceSync(t.Context(), s.files.Signed(t, sender, first),
		s.files.Signed(t, receiver, codepixtest.Answer(first, payment.Reject)), &kgo.Record{Topic: command.PixFromBank(receiver), Value: []byte("poison")}).FirstErr())
	await.Until(t, func() bool {
		p, _, err := s.store.Payment(t.Context(), first.ID)
		return err == nil && p.Reason == payment.UnknownBank
	}, time.Minute, 10*time.Millisecond, "the receiver takes no part yet")
	s.files.Write(t, sender, receiver)
	second := codepixtest.Payment(2)
	await.Until(t, func() bool { return len(known.Current().Codes()) == 2 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, client.ProduceSync(t.Context(), s.files.Signed(t, sender, second)).FirstErr())
	letters := client.PollFetches(t.Context())
	require.NoError(t, letters.Err())
	require.Equal(t, "poison", string(letters.Records()[0].Value))
	require.NoError(t, client.ProduceSync(t.Context(), s.files.Signed(t, receiver, codepixtest.Answer(second, payment.Confirm))).FirstErr())
	await.Until(t, func() bool {
		p, _, err := s.store.Payment(t.Context(), second.ID)
		return err == nil && p.State == payment.Confirmed
	}, time.Minute, 10*time.Millisecond)
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(readers))
	count, err := testutil.GatherAndCount(registry, "codebank_consumer_records_total")
	require.NoError(t, err)
	require.Equal(t, 2, count)
	s.files.Write(t, sender)
	await.Until(t, func() bool {
		count, err := testutil.GatherAndCount(registry, "codebank_consumer_records_total")
		return err == nil && count == 1
	}, time.Minute, 10*time.Millisecond, "a bank that is taken away is heard no more")
}
