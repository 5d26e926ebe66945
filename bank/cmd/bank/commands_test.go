package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc"

	"codebank.dev/bank/intake"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

var (
	commandTopic = intake.Topic("001")
	resultTopic  = intake.ResultTopic("001")
	letterTopic  = "dlq." + intake.Reader("001")
)

// The producers of the tests: gateway speaks for users, and teller is an operator.
const gateway = "gateway"

// desk sends commands by the topic, and reads their results.
type desk struct {
	file   string
	keys   *command.Keys
	client *kgo.Client

	mutex sync.Mutex
	// results are the results by their request ids, in the order of the topic, each without the time at which
	// it was published.
	results map[string][]command.Result
}

// newKeys writes a file of keys for producers, and returns what it holds.
func newKeys(t *testing.T, file string, producers ...string) *command.Keys {
	t.Helper()
	content := []byte(`{"keys":[]}`)
	for _, producer := range producers {
		keys, err := command.ParseKeys(content)
		require.NoError(t, err)
		content, err = keys.With(producer+"-"+strings.ToLower(uuid.New().String()[:8]), producer, producer == gateway)
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(file, content, 0o600))
	keys, err := command.ParseKeys(content)
	require.NoError(t, err)
	return keys
}

func newDesk(t *testing.T, brokers []string) *desk {
	d := &desk{file: filepath.Join(t.TempDir(), "command-keys.json"), results: make(map[string][]command.Result)}
	d.keys = newKeys(t, d.file, gateway, teller)
	var err error
	d.client, err = kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(resultTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	t.Cleanup(d.client.Close)
	decoder, err := command.NewDecoder[command.Result]("")
	require.NoError(t, err)
	go func() {
		for {
			fetches := d.client.PollFetches(context.Background())
			if fetches.IsClientClosed() {
				return
			}
			fetches.EachRecord(func(record *kgo.Record) {
				_, body, err := event.ParseFrame(record.Value)
				result, failed := decoder.Decode(body)
				if err = errors.Join(err, failed); err != nil || string(record.Key) != result.AccountID || result.PublishedAtMillis == 0 {
					t.Errorf("result %d: %v: %+v", record.Offset, err, result)
				}
				result.PublishedAtMillis = 0
				d.mutex.Lock()
				defer d.mutex.Unlock()
				d.results[result.RequestID] = append(d.results[result.RequestID], result)
			})
		}
	}()
	return d
}

// record returns the record of a command as a producer signs it.
func (d *desk) record(producer string, asked command.Command) *kgo.Record {
	body, err := command.Encode(&asked)
	if err != nil {
		panic(err)
	}
	signer, key := d.keys.Signer(producer), []byte(asked.AccountID)
	return &kgo.Record{Topic: commandTopic, Key: key, Value: append(event.AppendFrame(nil, 1), body...), Headers: []kgo.RecordHeader{
		{Key: command.HeaderKey, Value: []byte(signer.ID)},
		{Key: command.HeaderMAC, Value: []byte(signer.Sign(command.Record{Topic: commandTopic, Key: key, Body: body}))},
	}}
}

// send puts records on the topic.
func (d *desk) send(ctx context.Context, records ...*kgo.Record) error {
	return d.client.ProduceSync(ctx, records...).FirstErr()
}

// count returns how many results a request has.
func (d *desk) count(requestID string) int {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return len(d.results[requestID])
}

// await returns the first result of a request after so many. All others of it must be the same.
func (d *desk) await(t testing.TB, requestID string, after int) command.Result {
	t.Helper()
	require.Eventually(t, func() bool { return d.count(requestID) > after }, time.Minute, 5*time.Millisecond, "no result of %s", requestID)
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for _, result := range d.results[requestID] {
		require.Equal(t, d.results[requestID][0], result, "each result of a command is the same")
	}
	return d.results[requestID][0]
}

// ask sends a command of a producer and returns its result.
func (d *desk) ask(t testing.TB, producer string, asked command.Command) command.Result {
	t.Helper()
	before := d.count(asked.RequestID)
	require.NoError(t, d.send(t.Context(), d.record(producer, asked)))
	return d.await(t, asked.RequestID, before)
}

// transfer returns a command for a user; zero for the producer itself.
func transferCommand(requestID, user, from, to string, amount int64) command.Command {
	asked := command.Command{
		BankCode: "001", RequestID: requestID, Kind: command.Transfer, PrincipalKind: command.Service,
		AccountID: strings.TrimPrefix(from, "accounts/"), DestinationAccountID: strings.TrimPrefix(to, "accounts/"),
		AmountMinor: amount, Currency: "BRL", Description: "lunch", AcceptedAtMillis: time.Now().UnixMilli(), TraceID: strings.Repeat("ab", 16),
	}
	if user != "" {
		asked.PrincipalKind, asked.PrincipalID = command.User, user
	}
	return asked
}

// openFor opens a wallet of a user, as an operator.
func openFor(t *testing.T, conn grpc.ClientConnInterface, user string, deposit int64) string {
	t.Helper()
	opened, err := bankv1.NewWalletServiceClient(conn).OpenAccount(t.Context(), &bankv1.OpenAccountRequest{
		RequestId: uuid.New().String(), Currency: "BRL", CustomerId: user, OpeningDepositMinor: deposit,
	})
	require.NoError(t, err)
	return opened.GetAccount().GetName()
}

// balances returns the balances of accounts, in their order.
func balances(t *testing.T, conn grpc.ClientConnInterface, accounts ...string) (all []int64) {
	t.Helper()
	for _, account := range accounts {
		read, err := bankv1.NewWalletServiceClient(conn).GetBalance(t.Context(), &bankv1.GetBalanceRequest{Name: account})
		require.NoError(t, err)
		all = append(all, read.GetAccount().GetBalanceMinor())
	}
	return all
}

// A command by the topic is the call of the same name: the same rules, the same transaction, one result.
func TestACommandByTheTopicIsTheCallInAnotherEnvelope(t *testing.T) {
	w := newWorld(t)
	p := w.start("--command-keys=" + w.desk.file)
	ada, bob := uuid.New().String(), uuid.New().String()
	from, to := openFor(t, p.conn, ada, 1_000), openFor(t, p.conn, bob, 0)

	sent := transferCommand("lunch", ada, from, to, 300)
	done := w.desk.ask(t, gateway, sent)
	require.Equal(t, command.Completed, done.Status, "%+v", done)
	require.Equal(t, int64(3), done.Sequence)
	require.Equal(t, []any{int64(300), "BRL", gateway, sent.TraceID, sent.AccountID, command.Transfer},
		[]any{done.AmountMinor, done.Currency, done.Producer, done.TraceID, done.AccountID, done.Kind})
	require.Equal(t, []int64{700, 300}, balances(t, p.conn, from, to))
	require.Equal(t, done, w.desk.ask(t, gateway, sent), "sent again, it has the same result")
	require.Equal(t, []int64{700, 300}, balances(t, p.conn, from, to))
}
