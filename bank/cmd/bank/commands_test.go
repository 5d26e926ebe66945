package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc"

	"codebank.dev/bank"
	"codebank.dev/bank/intake"
	"codebank.dev/native/await"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/consumer/consumertest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/wallstest"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

var (
	commandTopic = intake.Topic("001")
	resultTopic  = intake.ResultTopic("001")
	commandGroup = intake.Reader("001")
	letterTopic  = "dlq." + commandGroup
)

// The producers of the tests: gateway speaks for users, and teller is an operator.
const gateway = "gateway"

// desk sends commands by the topic, and reads their results.
type desk struct {
	file   string
	keys   *command.Keys
	client *kgo.Client

	mutex sync.Mutex
	// every are all keys that were used, the present ones last.
	every []*command.Keys
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
		content, err = keys.With(producer+"-"+strings.ToLower(uuid.NewString()[:8]), producer, producer == gateway)
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(file, content, 0o600))
	keys, err := command.ParseKeys(content)
	require.NoError(t, err)
	return keys
}

func newDesk(t *testing.T, brokers []string) *desk {
	d := &desk{file: filepath.Join(t.TempDir(), "command-keys.json"), results: make(map[string][]command.Result)}
	d.use(newKeys(t, d.file, gateway, teller))
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
				d.mutex.Lock()
				defer d.mutex.Unlock()
				if err = errors.Join(err, failed, d.verify(record, body, result.Producer)); err != nil || string(record.Key) != result.AccountID || result.PublishedAtMillis == 0 {
					t.Errorf("result %d: %v: %+v", record.Offset, err, result)
				}
				result.PublishedAtMillis = 0
				d.results[result.RequestID] = append(d.results[result.RequestID], result)
			})
		}
	}()
	return d
}

// use makes the desk sign with keys from now on.
func (d *desk) use(keys *command.Keys) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.keys, d.every = keys, append(d.every, keys)
}

// verify returns an error unless a result is signed with a key of its producer. The caller holds the mutex.
func (d *desk) verify(record *kgo.Record, body []byte, producer string) error {
	signed := command.Record{Topic: record.Topic, Key: record.Key, Body: body}
	for _, keys := range d.every {
		key, err := keys.Verify(signed, string(consumer.Header(record, command.HeaderKey)), string(consumer.Header(record, command.HeaderMAC)))
		if err == nil && key.Producer == producer {
			return nil
		}
	}
	return command.ErrForged
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
	await.Until(t, func() bool { return d.count(requestID) > after }, 5*time.Minute, 5*time.Millisecond, "no result of %s", requestID)
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
		RequestId: uuid.NewString(), Currency: "BRL", CustomerId: user, OpeningDepositMinor: deposit,
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
	ada, bob := uuid.NewString(), uuid.New().String()
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

// letters returns the causes of the dead letters, in the order of the topic. There must be so many.
func (w *world) letters(n int) (causes []string) {
	w.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.ConsumeTopics(letterTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(w, err)
	defer reader.Close()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	for len(causes) < n {
		fetches := reader.PollFetches(ctx)
		require.NoError(w, fetches.Err())
		for _, record := range fetches.Records() {
			causes = append(causes, string(consumer.Header(record, "__connect.errors.exception.class.name")))
		}
	}
	require.Len(w, causes, n)
	return causes
}

// Whoever can write on the topic moves nothing that nobody has signed for this bank, and keeps nobody waiting.
func TestWhatIsForgedMovesNothingAndKeepsNobodyWaiting(t *testing.T) {
	w := newWorld(t)
	p := w.start("--command-keys=" + w.desk.file)
	ada := uuid.NewString()
	from, to := openFor(t, p.conn, ada, 1_000), openFor(t, p.conn, uuid.NewString(), 0)
	genuine := w.desk.record(gateway, transferCommand("genuine", ada, from, to, 10))
	forge := func(change func(*kgo.Record)) *kgo.Record {
		record := *genuine
		record.Value, record.Headers = bytes.Clone(genuine.Value), slices.Clone(genuine.Headers)
		change(&record)
		return &record
	}
	stranger := newKeys(t, filepath.Join(t.TempDir(), "other.json"), gateway)
	forged := map[string]*kgo.Record{
		"unsigned": forge(func(r *kgo.Record) { r.Headers = nil }),
		"altered":  forge(func(r *kgo.Record) { r.Value[len(r.Value)-40] ^= 1 }),
		"moved":    forge(func(r *kgo.Record) { r.Key = []byte(strings.TrimPrefix(to, "accounts/")) }),
		"poison":   forge(func(r *kgo.Record) { r.Value = []byte("\x00\x00\x00\x00\x01poison") }),
		"unframed": forge(func(r *kgo.Record) { r.Value = []byte("poison") }),
		"empty":    forge(func(r *kgo.Record) { r.Value, r.Key = nil, nil }),
		"stranger": (&desk{keys: stranger}).record(gateway, transferCommand("stranger", ada, from, to, 10)),
		"for-user": w.desk.record(teller, transferCommand("for-user", ada, from, to, 10)),
	}
	for name, record := range forged {
		require.NoError(t, w.desk.send(t.Context(), record), name)
	}
	require.Equal(t, command.Completed, w.desk.ask(t, gateway, transferCommand("behind", ada, from, to, 1)).Status)
	require.Equal(t, []int64{999, 1}, balances(t, p.conn, from, to))
	causes := w.letters(len(forged))
	slices.Sort(causes)
	require.Equal(t, []string{"FORGED", "FORGED", "FORGED", "FORGED", "FORGED", "NOT_FOR_USERS", "NOT_FRAMED", "NOT_FRAMED"}, causes)

	// A genuine record that is replayed moves its money once.
	for range 3 {
		require.NoError(t, w.desk.send(t.Context(), forge(func(*kgo.Record) {})))
	}
	await.Until(t, func() bool { return w.desk.count("genuine") == 3 }, time.Minute, 5*time.Millisecond)
	w.desk.await(t, "genuine", 0)
	require.Equal(t, []int64{989, 11}, balances(t, p.conn, from, to))

	// A key that is taken out of the file counts no more, and one that is added counts, without a restart.
	old := w.desk.keys
	w.desk.use(newKeys(t, w.desk.file, gateway))
	w.requireRead(t, p, "a file of keys was read again")
	require.Equal(t, command.Completed, w.desk.ask(t, gateway, transferCommand("new-key", ada, from, to, 1)).Status)
	require.NoError(t, w.desk.send(t.Context(), (&desk{keys: old}).record(gateway, transferCommand("old-key", ada, from, to, 1))))
	require.Len(t, w.letters(len(forged)+1), len(forged)+1)
	require.Equal(t, []int64{988, 12}, balances(t, p.conn, from, to))
}

// requireRead waits until the log of a bank has a line.
func (w *world) requireRead(t *testing.T, p *process, line string) {
	t.Helper()
	await.Until(t, func() bool { return strings.Contains(p.Log(), line) }, time.Minute, 10*time.Millisecond, line)
}

// ledger returns a digest of all entries and the state of the accounts.
func (w *world) ledger() (digest string) {
	w.Helper()
	require.NoError(w, w.database.QueryRow(w.Context(), `SELECT md5(string_agg(e::text, '|' ORDER BY e.transaction_id, e.leg)) ||
		(SELECT md5(string_agg(concat_ws(',', a.id, a.balance, a.held, a.sequence), '|' ORDER BY a.id)) FROM accounts a) FROM entries e`).Scan(&digest))
	return digest
}

// asyncLoad sends random commands of several users. Some of them cannot be decided.
type asyncLoad struct {
	users, accounts []string
	asked           []command.Command
}

func newAsyncLoad(t *testing.T, conn grpc.ClientConnInterface, n int) *asyncLoad {
	l := &asyncLoad{}
	for range 6 {
		l.users = append(l.users, uuid.NewString())
		l.accounts = append(l.accounts, openFor(t, conn, l.users[len(l.users)-1], 1_000))
	}
	for i := range n {
		from := rand.IntN(len(l.users))
		to := (from + 1 + rand.IntN(len(l.users)-1)) % len(l.users)
		asked := transferCommand(fmt.Sprint("load-", i), l.users[from], l.accounts[from], l.accounts[to], 1+rand.Int64N(100))
		switch {
		case i%7 == 0:
			asked.DestinationAccountID = uuid.NewString()
		case i%11 == 0:
			asked.PrincipalID = l.users[to]
		}
		l.asked = append(l.asked, asked)
	}
	return l
}

// send puts some of the commands on the topic, in their order.
func (l *asyncLoad) send(t *testing.T, d *desk, from, to int) {
	t.Helper()
	var records []*kgo.Record
	for _, asked := range l.asked[from:to] {
		records = append(records, d.record(gateway, asked))
	}
	require.NoError(t, d.send(t.Context(), records...))
}

// awaitAll waits until each command has at least so many results, all of them the same, and returns how many
// have moved money.
func (l *asyncLoad) awaitAll(t *testing.T, d *desk, times int) (completed int) {
	t.Helper()
	for _, asked := range l.asked {
		if d.await(t, asked.RequestID, times-1).Status == command.Completed {
			completed++
		}
	}
	return completed
}

// requireConserved requires that no money was made or lost.
func (l *asyncLoad) requireConserved(t *testing.T, conn grpc.ClientConnInterface) {
	t.Helper()
	sum := int64(0)
	for _, balance := range balances(t, conn, l.accounts...) {
		require.GreaterOrEqual(t, balance, int64(0))
		sum += balance
	}
	require.Equal(t, int64(1_000*len(l.accounts)), sum)
}

// A ledger that is restored, or a topic that is read from its beginning, changes nothing: the same results and
// the same ledger.
func TestReadFromTheBeginningTheTopicChangesNothing(t *testing.T) {
	w := newWorld(t)
	p := w.start("--command-keys=" + w.desk.file)
	load := newAsyncLoad(t, p.conn, 200)
	load.send(t, w.desk, 0, 200)
	require.Positive(t, load.awaitAll(t, w.desk, 1))
	load.requireConserved(t, p.conn)
	before := w.ledger()

	// While the bank runs: what comes next shows that the offsets are older than their reader.
	_, err := w.database.Exec(t.Context(), "DELETE FROM command_offsets")
	require.NoError(t, err)
	load.send(t, w.desk, 0, 200)
	load.awaitAll(t, w.desk, 3)
	require.Equal(t, before, w.ledger())

	p.Interrupt(t)
	_, err = w.database.Exec(t.Context(), "UPDATE command_offsets SET next_offset = next_offset / 2")
	require.NoError(t, err)
	p = w.start("--command-keys=" + w.desk.file)
	load.awaitAll(t, w.desk, 4)
	require.Equal(t, before, w.ledger())
}

// Two banks share the partitions of the topic. Whichever is killed, each command ends once, by whatever way it
// came.
func TestTwoReplicasEndEachCommandOnce(t *testing.T) {
	w := newWorld(t)
	w.kit.StartIdentity(t)
	keys := "--command-keys=" + w.desk.file
	running := []*process{w.start(keys), w.start(keys, "--relay=false")}
	load := newAsyncLoad(t, running[0].conn, 400)
	readers := consumertest.Group{Client: w.desk.client, Name: commandGroup}
	members := readers.AwaitMembers(t, 2)
	load.send(t, w.desk, 0, 100)
	running[0].Kill(t)
	load.send(t, w.desk, 100, 200)
	running[0] = w.start(keys)
	load.send(t, w.desk, 200, 300)
	readers.AwaitMembers(t, 2, members...)
	running[1].Interrupt(t)
	load.send(t, w.desk, 300, 400)
	require.Positive(t, load.awaitAll(t, w.desk, 1))
	load.requireConserved(t, running[0].conn)

	// Half of them come by calls too, under the same names, from who has sent them.
	before := w.ledger()
	address, ready := running[0].AwaitReady(t)
	require.True(t, ready)
	caller := w.kit.Dial(t, address.GRPC, gateway)
	for i := 0; i < len(load.asked); i += 2 {
		w.requireSameByCall(t, caller, load.asked[i])
	}
	require.Equal(t, before, w.ledger())
}

// requireSameByCall sends a command as a call of its user, and requires the transaction of its result.
func (w *world) requireSameByCall(t *testing.T, conn grpc.ClientConnInterface, asked command.Command) {
	t.Helper()
	result := w.desk.await(t, asked.RequestID, 0)
	ctx := wallstest.WithToken(t.Context(), w.kit.Customer(t, asked.PrincipalID))
	answer, err := bankv1.NewWalletServiceClient(conn).Transfer(ctx, &bankv1.TransferRequest{
		RequestId: asked.RequestID, Source: "accounts/" + asked.AccountID, Destination: "accounts/" + asked.DestinationAccountID,
		AmountMinor: asked.AmountMinor, Currency: asked.Currency, Message: asked.Description,
	})
	if result.Reason == "ACCOUNT_NOT_FOUND" {
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
		return
	}
	require.NoError(t, err)
	made := answer.GetTransaction()
	require.Equal(t, "transactions/"+result.TransactionID, made.GetName())
}

// While the ledger is away the commands wait, and all end when it is back.
func TestCommandsWaitForTheLedger(t *testing.T) {
	w := newWorld(t)
	p := w.start("--command-keys=" + w.desk.file)
	load := newAsyncLoad(t, p.conn, 100)
	load.send(t, w.desk, 0, 50)
	w.desk.await(t, load.asked[49].RequestID, 0)
	resume := w.lockLedger(t)
	load.send(t, w.desk, 50, 100)
	w.requireRead(t, p, "the partition waits and tries again")
	resume()
	require.Positive(t, load.awaitAll(t, w.desk, 1))
	load.requireConserved(t, p.conn)
}

// lockLedger keeps everybody from the entries of the ledger until resume.
func (w *world) lockLedger(t *testing.T) (resume func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.owner)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "BEGIN; LOCK TABLE entries IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	return func() { require.NoError(t, conn.Close(t.Context())) }
}

// The names of --namespaces are those of commands too.
func TestTheRequestIDsOfAProducerBelongToItsNamespace(t *testing.T) {
	w := newWorld(t)
	p := w.start("--command-keys="+w.desk.file, "--namespaces="+gateway+"=app")
	ada := uuid.NewString()
	from, to := openFor(t, p.conn, ada, 1_000), openFor(t, p.conn, uuid.NewString(), 0)
	result := w.desk.ask(t, gateway, transferCommand("lunch", ada, from, to, 300))
	require.Equal(t, bank.Code("001").TransactionID("app", "lunch").String(), result.TransactionID)
	require.Equal(t, gateway, result.Producer)
	// A producer that speaks for itself may do what the program of its name may.
	require.Equal(t, command.Completed, w.desk.ask(t, teller, transferCommand("by-teller", "", from, to, 1)).Status)
	refused := w.desk.ask(t, gateway, transferCommand("by-gateway", "", from, to, 1))
	require.Equal(t, []string{command.Cancelled, "NOT_ALLOWED"}, []string{refused.Status, refused.Reason})
	var acts int
	require.NoError(t, w.database.QueryRow(t.Context(), "SELECT count(*) FROM audit_log WHERE who = $1 AND trace_id = $2", teller, strings.Repeat("ab", 16)).Scan(&acts))
	require.Equal(t, 1, acts, "what an operator does by the topic is in the audit log")
}

func TestCommandsNeedWhatTheyAreReadFrom(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.json")
	newKeys(t, keys, gateway)
	required := []string{"--database-url=" + programtest.NoDatabase, "--vault-key-file=none", "--relay=false", "--command-keys=" + keys}
	brokers := []string{"--kafka-brokers=127.0.0.1:1", "--registry-url=http://127.0.0.1:1"}
	_, err := parse(append(required, brokers[0]), nil, io.Discard)
	require.ErrorContains(t, err, "--registry-url are required")
	_, err = parse(append(required, append(brokers, "--event-version=2")...), nil, io.Discard)
	require.ErrorContains(t, err, "--event-version 3")
	_, err = parse(append(required, brokers...), nil, io.Discard)
	require.NoError(t, err)
}
