package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/codepix/codepixtest"
	"codebank.dev/codepix/failpoints"
	"codebank.dev/codepix/payment"
	"codebank.dev/codepix/postgres"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/outbox/kafka"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/wallstest"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
)

const (
	sender   = codepixtest.SenderBank
	receiver = codepixtest.ReceiverBank
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

// setting is what the program is started with.
type setting struct {
	kit    *wallstest.Kit
	banks  *codepixtest.Banks
	broker *codepixtest.Broker
	url    string // of the owner
	flags  []string
}

func newSetting(t *testing.T) *setting {
	t.Helper()
	s := &setting{
		kit: wallstest.New(t), banks: codepixtest.NewBanks(t, sender, receiver), broker: codepixtest.NewBroker(t, sender, receiver),
		url: postgrestest.Database(t),
	}
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: s.url}))
	files := s.kit.Files(t, "-/codepix")
	s.flags = slices.Concat(s.broker.Flags(), []string{
		"--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--banks=" + s.banks.Path,
		"--database-url=" + databasetest.As(t, s.url, postgres.ServiceRole),
		"--tls-certificate=" + files.Certificate, "--tls-key=" + files.Key, "--tls-authority=" + files.Authority,
	})
	return s
}

// start starts the program and waits for nothing.
func (s *setting) start(t *testing.T, more ...string) *programtest.Program {
	t.Helper()
	p := programtest.Start(t, nil, append(slices.Clone(s.flags), more...)...)
	p.Client = s.kit.HTTP(t, "")
	return p
}

// answer plays both banks, until the context ends: each answers what the hub says, as often as it says so.
func (s *setting) answer(ctx context.Context, t *testing.T, client *kgo.Client, heard func(bank string, message payment.Message)) {
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(from *kgo.Record) {
			bank := sender
			if from.Topic == command.PixToBank(receiver) {
				bank = receiver
			}
			message := s.banks.Read(t, bank, from)
			heard(bank, message)
			switch message.Step {
			case payment.Initiate:
				client.Produce(ctx, s.banks.Signed(t, bank, codepixtest.Answer(message, payment.Confirm)), nil)
			case payment.Confirm:
				client.Produce(ctx, s.banks.Signed(t, bank, codepixtest.Answer(message, payment.Complete)), nil)
			}
		})
	}
}

// Wherever the program is killed, the next one goes on: each payment is completed, each state has one event, and a record
// that is no message goes to its topic of dead letters.
func TestKilledAtAnyFailpointPaymentsAreCompleted(t *testing.T) {
	for _, point := range append(failpoints.Payments(), kafka.RowsPublished) {
		if point == failpoints.HubMigrated {
			continue // bankctl migrates.
		}
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			s := newSetting(t)
			client := s.broker.Client(t, command.PixToBank(sender), command.PixToBank(receiver))
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				s.answer(ctx, t, client, func(string, payment.Message) {})
			}()
			defer func() { cancel(); <-ended }()
			first := codepixtest.Payment(1)
			require.NoError(t, client.ProduceSync(t.Context(), s.banks.Signed(t, sender, first),
				&kgo.Record{Topic: command.PixFromBank(sender), Key: []byte("poison"), Value: []byte("4111 is no message")}).FirstErr())
			if point != failpoints.PixRecordsReleased { // Without their schemas no messages can be sent.
				s.broker.Register(t)
			}
			s.start(t, "--failpoint="+string(point)).AwaitKilledAt(t, string(point))
			s.broker.Register(t)

			next := s.start(t)
			addresses, ready := next.AwaitReady(t)
			require.True(t, ready, next.Log())
			s.awaitCompleted(t, addresses.GRPC, first.ID)
			s.requireEvents(t, first.ID)
			s.requireNothingLeft(t)
			require.NotContains(t, next.Log(), "4111")
			next.Interrupt(t)
		})
	}
}

// awaitCompleted waits until the hub says that a payment is completed.
func (s *setting) awaitCompleted(t *testing.T, address string, name payment.ID) {
	t.Helper()
	client := codepixv1.NewPaymentServiceClient(s.kit.Dial(t, address, "001/bank"))
	await.Until(t, func() bool {
		shown, err := client.GetPayment(t.Context(), &codepixv1.GetPaymentRequest{Name: "payments/" + string(name)})
		return err == nil && shown.GetPayment().GetState() == codepixv1.PaymentState_PAYMENT_STATE_COMPLETED
	}, time.Minute, 10*time.Millisecond)
}

// requireEvents requires each state of a completed payment on the topic of events, and one letter.
func (s *setting) requireEvents(t *testing.T, name payment.ID) {
	t.Helper()
	client := s.broker.Client(t, command.PixPaymentTopic, codepixtest.Letters(sender))
	decoder, err := command.NewDecoder[command.PixPayment]("")
	require.NoError(t, err)
	states, letters := map[int64]string{}, 0
	for len(states) < 3 || letters == 0 {
		fetched := client.PollFetches(t.Context())
		require.NoError(t, fetched.Err())
		fetched.EachRecord(func(record *kgo.Record) {
			if record.Topic != command.PixPaymentTopic {
				letters++
				return
			}
			_, body, err := event.ParseFrame(record.Value)
			require.NoError(t, err)
			happened, err := decoder.Decode(body)
			require.NoError(t, err)
			require.Equal(t, string(name), happened.EndToEndID)
			require.Contains(t, []string{"", happened.Status}, states[happened.Version], "an event never comes with other content")
			states[happened.Version] = happened.Status
		})
	}
	require.Equal(t, map[int64]string{1: "PENDING", 2: "CONFIRMED", 3: "COMPLETED"}, states)
}

// requireNothingLeft waits until nothing is to be sent any more.
func (s *setting) requireNothingLeft(t *testing.T) {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), s.url)
	require.NoError(t, err)
	defer admin.Close(context.WithoutCancel(t.Context()))
	await.Until(t, func() bool {
		var left int
		require.NoError(t, admin.QueryRow(t.Context(), "SELECT count(*) FROM payment_outbox").Scan(&left))
		return left == 0
	}, time.Minute, 20*time.Millisecond)
}

// An answer that was lost comes again, because the hub asks again.
func TestAMessageIsSentAgainUntilItIsAnswered(t *testing.T) {
	s := newSetting(t)
	s.broker.Register(t)
	client := s.broker.Client(t, command.PixToBank(receiver))
	first := codepixtest.Payment(1)
	require.NoError(t, client.ProduceSync(t.Context(), s.banks.Signed(t, sender, first)).FirstErr())
	p := s.start(t)
	addresses, ready := p.AwaitReady(t)
	require.True(t, ready, p.Log())
	var values []string
	for len(values) < 2 {
		fetched := client.PollFetches(t.Context())
		require.NoError(t, fetched.Err())
		fetched.EachRecord(func(record *kgo.Record) { values = append(values, string(record.Value)) })
	}
	require.Equal(t, values[0], values[1], "the same message again")
	figures, err := p.Client.Get("https://" + addresses.HTTP + "/metrics")
	require.NoError(t, err)
	var body bytes.Buffer
	_, err = body.ReadFrom(figures.Body)
	require.NoError(t, err)
	require.NoError(t, figures.Body.Close())
	for _, want := range []string{
		`codebank_pix_open_payments{state="PENDING"} 1`, "codebank_pix_oldest_open_seconds", `codebank_pix_states_total{state="PENDING"} 1`,
		`codebank_consumer_records_total{topic="codepix.bank-001.out.v1"} 1`, "codebank_pix_relay_away 0",
	} {
		require.Contains(t, body.String(), want)
	}
	require.NoError(t, client.ProduceSync(t.Context(), s.banks.Signed(t, receiver, codepixtest.Answer(first, payment.Reject))).FirstErr())
	s.requireNothingLeft(t)
	p.Interrupt(t)

	role := databasetest.As(t, s.url, postgres.ServiceRole)
	require.Equal(t, []string{"PAYMENT", "STATE", "FROM", "TO", "AMOUNT", "ACCEPTED", "REASON", string(first.ID), "REJECTED", "001", "002", "BRL", "10.00"},
		strings.Fields(output(t, "payments", "list", "--database-url="+role))[:13])
	require.Contains(t, output(t, "payments", "get", string(first.ID), "--database-url="+role), "ACCOUNT_CLOSED")
	require.NotContains(t, output(t, "payments", "list", "--open", "--database-url="+role), string(first.ID))
}

// output returns what a command prints: the same payments, without topics and without gRPC.
func output(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), args, nil, &out))
	return out.String()
}

func TestACommandThatIsNoneIsRefused(t *testing.T) {
	for _, words := range [][]string{{"payments"}, {"payments", "get"}, {"payments", "get", "E1"}, {"keys", "lost"}, {"payments", "list", "all"}} {
		require.Error(t, run(t.Context(), append(words, "--database-url=postgres://127.0.0.1/none"), nil, &bytes.Buffer{}), words)
	}
	require.Error(t, run(t.Context(), []string{"payments", "list"}, nil, &bytes.Buffer{}), "without a database")
}
