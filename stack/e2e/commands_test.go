package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/native/await"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

// The topics of commands by event.
const (
	commandsTopic       = "bank-001.commands.v1"
	resultsTopic        = "bank-001.command-results.v1"
	commandsDeadLetters = "dlq.bank-001.commands"
)

// outage is how long the broker is away: for longer than its clients wait before they say so.
const outage = 12 * time.Second

// producer is a program outside of the stack that asks by event.
type producer struct {
	*testing.T
	stack *launch.Stack
	kafka *kgo.Client
	topic string
	key   *command.Key
	frame []byte
	bank  bankv1.WalletServiceClient
}

// newProducer is the program events, which asks on a topic that is signed with keys of its own.
func newProducer(t *testing.T, stack *launch.Stack, topic, signed string) *producer {
	t.Helper()
	content, err := os.ReadFile(stack.ProducerKeyFile(signed, launch.Events))
	require.NoError(t, err)
	keys, err := command.ParseKeys(content)
	require.NoError(t, err)
	client, err := kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	schema := call(t, http.MethodGet, stack.Addresses().RegistryConfluent()+"/subjects/"+topic+"-value/versions/latest", nil)
	return &producer{
		T: t, stack: stack, kafka: client, topic: topic, key: keys.Signer(launch.Events),
		frame: event.AppendFrame(nil, uint32(schema["id"].(float64))),
		bank:  bankv1.NewWalletServiceClient(dial(t, stack.Addresses().BankGRPC())),
	}
}

// sign makes the record of a body under a key.
func (p *producer) sign(key string, body []byte) *kgo.Record {
	mac := p.key.Sign(command.Record{Topic: p.topic, Key: []byte(key), Body: body})
	return &kgo.Record{
		Topic: p.topic, Key: []byte(key), Value: append(append([]byte(nil), p.frame...), body...),
		Headers: []kgo.RecordHeader{{Key: command.HeaderKey, Value: []byte(p.key.ID)}, {Key: command.HeaderMAC, Value: []byte(mac)}},
	}
}

// command makes the record of a command for the owner of an account.
func (p *producer) command(account *bankv1.Account, kind string, change func(*command.Command)) (*kgo.Record, string) {
	p.Helper()
	asked := command.Command{
		BankCode: launch.BankCode, RequestID: newRequestID(), Kind: kind, PrincipalKind: command.User, PrincipalID: account.GetCustomerId(),
		AccountID: idOf(account.GetName()), AcceptedAtMillis: time.Now().UnixMilli(),
	}
	change(&asked)
	body, err := command.Encode(&asked)
	require.NoError(p, err)
	return p.sign(asked.AccountID, body), asked.RequestID
}

// send sends records in order.
func (p *producer) send(records ...*kgo.Record) {
	p.Helper()
	require.NoError(p, p.kafka.ProduceSync(p.Context(), records...).FirstErr())
}

// results are the results of the program events by request id, and how often each is on the topic.
func (p *producer) results() (map[string]command.Result, map[string]int) {
	p.Helper()
	decoder, err := command.NewDecoder[command.Result]("")
	require.NoError(p, err)
	found, times := map[string]command.Result{}, map[string]int{}
	require.NoError(p, pipes.ReadAll(p.Context(), p.stack.Addresses().Kafka(), func(record *kgo.Record) {
		_, body, err := event.ParseFrame(record.Value)
		require.NoError(p, err)
		result, err := decoder.Decode(body)
		require.NoError(p, err)
		name := result.Producer + " " + result.RequestID
		if first, again := found[name]; again {
			first.PublishedAtMillis, first.TraceID = result.PublishedAtMillis, result.TraceID
			require.Equal(p, first, result, "a repeat gets its first result")
		}
		found[name] = result
		times[name]++
	}, resultsTopic))
	return found, times
}

// await waits until a command of the program events has a result.
func (p *producer) await(request string) command.Result {
	p.Helper()
	var result command.Result
	await.Until(p, func() bool {
		all, _ := p.results()
		found, ok := all[launch.Events+" "+request]
		result = found
		return ok
	}, timeout, 100*time.Millisecond, request)
	return result
}

// do sends a command and returns its result.
func (p *producer) do(account *bankv1.Account, kind string, change func(*command.Command)) command.Result {
	p.Helper()
	record, request := p.command(account, kind, change)
	p.send(record)
	return p.await(request)
}

// What the document of seed 004 does with its event transaction_emitted.
func TestTransactionsByEventAreThoseOfTheBank(t *testing.T) {
	stack := running(t)
	who := newCustomer(t, stack, seedPassword)
	account := openFor(t, stack, who, 0)
	other := openFor(t, stack, who, 0)
	account.CustomerId, other.CustomerId = who.User.String(), who.User.String()
	events := newProducer(t, stack, commandsTopic, launch.Commands)
	of := func(amount int64) func(*command.Command) {
		return func(c *command.Command) { c.AmountMinor, c.Currency = amount, "BRL" }
	}
	shop := func(c *command.Command) {
		of(4_000)(c)
		c.MerchantID, c.MerchantName, c.MerchantCategoryCode, c.MerchantCity, c.MerchantCountry = "padaria", "Padaria do Largo", "5462", "Olinda", "BR"
	}
	deposit := events.do(account, command.Deposit, of(10_000))
	require.Equal(t, command.Completed, deposit.Status, "%+v", deposit)
	require.Equal(t, command.Completed, events.do(account, command.Withdrawal, of(1_000)).Status)
	bought := events.do(account, command.Purchase, shop)
	require.Equal(t, command.Completed, bought.Status, "%+v", bought)
	declined := events.do(account, command.Withdrawal, of(1_000_000))
	require.Equal(t, command.Cancelled, declined.Status)
	require.Equal(t, "INSUFFICIENT_FUNDS", declined.Reason)
	sent := events.do(account, command.Transfer, func(c *command.Command) {
		of(500)(c)
		c.DestinationAccountID = idOf(other.GetName())
	})
	require.Equal(t, command.Completed, sent.Status, "%+v", sent)
	back := events.do(other, command.Reversal, func(c *command.Command) { c.OriginalTransactionID, c.AmountMinor = sent.TransactionID, 200 })
	require.Equal(t, command.Completed, back.Status, "%+v", back)
	require.Equal(t, int64(10_000-1_000-4_000-500+200), balanceOf(t, stack, account))
	require.Equal(t, int64(500-200), balanceOf(t, stack, other))

	read, err := events.bank.GetTransaction(t.Context(), &bankv1.GetTransactionRequest{Name: "transactions/" + bought.TransactionID})
	require.NoError(t, err)
	require.Equal(t, bankv1.TransactionKind_TRANSACTION_KIND_PURCHASE, read.GetTransaction().GetKind())
	require.Equal(t, "Padaria do Largo", read.GetTransaction().GetMerchant().GetName())
	requireAuditEqual(t, stack)
}

// offsets are how far the bank has read its commands.
func offsets(t *testing.T, ledger *pgx.Conn) (sum int64) {
	t.Helper()
	require.NoError(t, ledger.QueryRow(t.Context(), "SELECT coalesce(sum(next_offset), 0) FROM command_offsets").Scan(&sum))
	return sum
}

// awaitRead waits until the bank has read every command that is on the topic now.
func awaitRead(t *testing.T, ledger *pgx.Conn, admin *kadm.Client) {
	t.Helper()
	end := endOffsets(t, admin, []string{commandsTopic})[commandsTopic]
	await.Until(t, func() bool { return offsets(t, ledger) >= end }, timeout, 50*time.Millisecond)
}

// ledgerState is a digest of all that decisions have made.
func ledgerState(t *testing.T, ledger *pgx.Conn) (state string) {
	t.Helper()
	require.NoError(t, ledger.QueryRow(t.Context(), `SELECT md5(
		(SELECT coalesce(string_agg(a::text, chr(10) ORDER BY id), '') FROM accounts a) ||
		(SELECT coalesce(string_agg(e::text, chr(10) ORDER BY transaction_id, leg), '') FROM entries e))`).Scan(&state))
	return state
}

func ledgerConnection(t *testing.T, stack *launch.Stack) *pgx.Conn {
	t.Helper()
	url, err := stack.DatabaseURL(t.Context(), launch.LedgerDatabase)
	require.NoError(t, err)
	ledger, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ledger.Close(context.Background()) })
	return ledger
}

// While the broker is away, transfers are taken, and all of them end when it is back. Then everything that
// anybody has asked for is read again from the beginning.
func TestTransfersAreTakenWhileTheBrokerIsAway(t *testing.T) {
	stack := running(t)
	who := newCustomer(t, stack, seedPassword)
	const deposit = 1_000
	from, to := openFor(t, stack, who, deposit), openFor(t, stack, who, 0)
	one, two := idOf(from.GetName()), idOf(to.GetName())
	require.Equal(t, http.StatusCreated, ask(t, stack, who, "before", http.MethodPost, "/cmd/transfer", transferBody(one, two, "1")).status)

	kafka := stack.Process(launch.Kafka)
	require.NoError(t, kafka.Stop(t.Context()))
	began := time.Now()
	var mutex sync.Mutex
	var accepted []string
	var asking sync.WaitGroup
	for worker := range 4 {
		asking.Go(func() {
			for n := 0; time.Since(began) < outage; n++ {
				got := ask(t, stack, who, fmt.Sprintf("away-%d-%d", worker, n), http.MethodPost, "/cmd/transfer", transferBody(one, two, "7"))
				if !assertCreated(t, got) {
					return
				}
				mutex.Lock()
				accepted = append(accepted, string(got.body))
				mutex.Unlock()
				time.Sleep(100 * time.Millisecond) // customers, not a load
			}
		})
	}
	asking.Wait()
	restart(t, kafka)
	require.Greater(t, len(accepted), deposit/7, "so many that the money does not last")
	completed, cancelled := 0, 0
	for _, one := range accepted {
		switch ended := awaitTransfer(t, stack, who, one); ended["status"] {
		case "completed":
			completed++
		default:
			require.Equal(t, "cancelled", ended["status"])
			require.Equal(t, "not_enough_funds", ended["error"])
			cancelled++
		}
	}
	require.Equal(t, deposit/7, completed)
	require.Equal(t, len(accepted), completed+cancelled)
	require.Equal(t, int64(1+7*completed), balanceOf(t, stack, to))
	requireAuditEqual(t, stack)
	requireReadingAgainChangesNothing(t, stack)
}

func assertCreated(t *testing.T, got *answer) bool {
	t.Helper()
	if got.status != http.StatusCreated {
		t.Errorf("a transfer while the broker is away: %d %s", got.status, got.body)
	}
	return got.status == http.StatusCreated
}

// requireReadingAgainChangesNothing lets the bank read all commands from the beginning.
func requireReadingAgainChangesNothing(t *testing.T, stack *launch.Stack) {
	t.Helper()
	events := newProducer(t, stack, commandsTopic, launch.Commands)
	admin, ledger, bank := kadm.NewClient(events.kafka), ledgerConnection(t, stack), stack.Process(launch.Bank)
	awaitRead(t, ledger, admin)
	before, letters := ledgerState(t, ledger), endOffsets(t, admin, []string{commandsDeadLetters})[commandsDeadLetters]
	first, _ := events.results()
	require.NoError(t, bank.Stop(t.Context()))
	_, err := ledger.Exec(t.Context(), "UPDATE command_offsets SET next_offset = 0")
	require.NoError(t, err)
	restart(t, bank)
	awaitRead(t, ledger, admin)
	require.Equal(t, before, ledgerState(t, ledger))
	again, times := events.results()
	require.Equal(t, len(first), len(again))
	for name := range first {
		require.GreaterOrEqual(t, times[name], 2, "%s is answered again", name)
	}
	added := endOffsets(t, admin, []string{commandsDeadLetters})[commandsDeadLetters] - letters
	require.LessOrEqual(t, added, letters, "what was refused is refused again, and nothing else")
	require.Equal(t, letters > 0, added > 0)
	requireAuditEqual(t, stack)
}

// Records that nobody has signed, that were changed or moved, or that come twice, move nothing and hold nobody up.
func TestForgedCommandsMoveNothing(t *testing.T) {
	stack := running(t)
	who, mallory := newCustomer(t, stack, seedPassword), newCustomer(t, stack, seedPassword)
	victim, thief := openFor(t, stack, who, 10_000), openFor(t, stack, mallory, 0)
	victim.CustomerId, thief.CustomerId = who.User.String(), mallory.User.String()
	events := newProducer(t, stack, commandsTopic, launch.Commands)
	admin, ledger := kadm.NewClient(events.kafka), ledgerConnection(t, stack)
	steal := func(c *command.Command) {
		c.AmountMinor, c.Currency, c.DestinationAccountID = 100, "BRL", idOf(thief.GetName())
	}
	fair, request := events.command(victim, command.Transfer, steal)
	events.send(fair)
	require.Equal(t, command.Completed, events.await(request).Status, "the owner has asked for this one")
	awaitRead(t, ledger, admin)
	before := ledgerState(t, ledger)
	letters := func() int64 { return endOffsets(t, admin, []string{commandsDeadLetters})[commandsDeadLetters] }
	lettersBefore := letters()

	var forged []*kgo.Record
	forge := func(change func(*kgo.Record)) {
		record := *fair
		record.Headers = append([]kgo.RecordHeader(nil), fair.Headers...)
		record.Key, record.Value = append([]byte(nil), fair.Key...), append([]byte(nil), fair.Value...)
		change(&record)
		forged = append(forged, &record)
	}
	forge(func(r *kgo.Record) { r.Headers = nil })
	forge(func(r *kgo.Record) { r.Headers = r.Headers[:1] })
	forge(func(r *kgo.Record) { r.Headers[0].Value = []byte("gateway-unknown") })
	forge(func(r *kgo.Record) { r.Headers[1].Value = []byte("AAAA") })
	forge(func(r *kgo.Record) { r.Value[len(r.Value)-12]++ })
	forge(func(r *kgo.Record) { r.Value = append(r.Value, 0) })
	forge(func(r *kgo.Record) { r.Value = r.Value[:len(r.Value)-1] })
	forge(func(r *kgo.Record) { r.Key = []byte(idOf(thief.GetName())) })
	forge(func(r *kgo.Record) { r.Value = []byte("not a command") })
	forge(func(r *kgo.Record) { r.Value = nil })
	// Signed for another topic, where the key is good for something else.
	requests := newProducer(t, stack, "statement-001.requests.v1", launch.Requests)
	forge(func(r *kgo.Record) {
		r.Headers[0].Value = []byte(requests.key.ID)
		r.Headers[1].Value = []byte(requests.key.Sign(command.Record{Topic: commandsTopic, Key: fair.Key, Body: fair.Value[len(requests.frame):]}))
	})
	// Signed well, with another account's key, and for another bank.
	body := fair.Value[len(events.frame):]
	forged = append(forged, events.sign(idOf(thief.GetName()), body))
	other, _ := events.command(victim, command.Transfer, func(c *command.Command) { steal(c); c.BankCode = "002" })
	forged = append(forged, other)
	events.send(forged...)
	// Replayed as it is: it is answered with its first result.
	replayed := *fair
	events.send(&replayed)
	good, request := events.command(victim, command.Transfer, func(c *command.Command) { steal(c); c.AmountMinor = 1 })
	awaitRead(t, ledger, admin)
	require.Equal(t, before, ledgerState(t, ledger))
	require.Equal(t, lettersBefore+int64(len(forged)), letters(), "each has its letter, and the replay has none")
	events.send(good)
	require.Equal(t, command.Completed, events.await(request).Status, "behind them, the next one passes")
	require.Equal(t, int64(10_000-100-1), balanceOf(t, stack, victim))

	require.NoError(t, pipes.ReadAll(t.Context(), stack.Addresses().Kafka(), func(record *kgo.Record) {
		cause := ""
		for _, header := range record.Headers {
			cause += header.Key + "=" + string(header.Value) + "\n"
		}
		require.NotEmpty(t, cause, "a letter says its cause")
	}, commandsDeadLetters))
	requireAuditEqual(t, stack)
}
