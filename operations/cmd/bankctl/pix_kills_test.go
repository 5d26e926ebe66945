package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"codebank.dev/native/await"
	"codebank.dev/operations/audit/pix"
	"codebank.dev/platform/fault"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

const (
	// killTransfers is how many payments customers ask for, and killReturnEvery that of so many to an open account one
	// is given back.
	killTransfers   = 2_000
	killReturnEvery = 20
	// killsOfEach is how often the hub and the receiving bank are each killed, and killsOfSender the sending one.
	killsOfEach, killsOfSender = 20, 5
	// killHealed is how long the test waits, after the last start and the last answer to a customer, until every payment has
	// an end. It prints how long that took; a minute is what the design promises, and more is for a busy machine.
	killHealed = 3 * time.Minute
	// killClients is how many customers ask at once.
	killClients = 16
	// killWallets is how many accounts each bank has, and killDeposit what each begins with, in minor units.
	killWallets = 4
	killDeposit = 1_000_000
)

// pixLoad is the customers of both banks.
type pixLoad struct {
	*pixWorld
	seed    uint64
	clients map[string]bankv1.PixServiceClient
	wallets map[string][]string
	keys    map[string][]string
	// closed is a key whose account is closed.
	closed string
	// sent are the payments by their number, backs how many are given back, and returning how many of these have no
	// answer yet.
	sent             [killTransfers]pixSent
	backs, returning atomic.Int64
	mutex            sync.Mutex
	faults           []error
}

// pixSent is a payment: by which bank, and the name that it was answered with first.
type pixSent struct {
	from, name string
	toClosed   bool
}

// Payments between two banks come to one end each, whatever is killed meanwhile: the hub, the bank that receives, and
// now and then the one that sends. Messages come late and again, and answers to customers are lost. The programs, the
// databases and the records are real ones.
func TestPaymentsBetweenBanksOutliveKills(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: dozens of kills take a minute")
	}
	t.Parallel()
	l := newPixLoad(t, uint64(time.Now().UnixNano()))
	ctx, end := context.WithCancel(t.Context())
	defer end()
	stop := l.repeatMessages(ctx)
	defer stop()
	numbers := make(chan int, killTransfers)
	var sending sync.WaitGroup
	for range killClients {
		sending.Go(func() {
			for n := range numbers {
				l.pay(ctx, n)
			}
		})
	}
	l.killAll(numbers)
	restarted := time.Now()
	close(numbers)
	sending.Wait() // On a busy machine many begin only now.
	healed := time.Now()
	t.Logf("seed %d: every customer had his answer %v after the last start", l.seed, healed.Sub(restarted))
	await.Until(t, func() bool {
		report := l.compare()
		return l.returning.Load() == 0 && report.Equal && len(report.Open) == 0
	}, killHealed, 200*time.Millisecond, "every payment has an end")
	t.Logf("seed %d: all payments had ended %v after that", l.seed, time.Since(healed))
	require.Empty(t, l.faults)
	stop()
	l.awaitRead()
	l.judge()
}

func newPixLoad(t *testing.T, seed uint64) *pixLoad {
	t.Logf("seed %d", seed)
	l := &pixLoad{
		pixWorld: newPixWorld(t), seed: seed, clients: make(map[string]bankv1.PixServiceClient), wallets: make(map[string][]string), keys: make(map[string][]string),
	}
	for _, program := range l.programs() {
		program.awaitReady()
	}
	for code, document := range map[string]string{"001": "52998224725", "002": "11144477735"} {
		conn := l.kit.Dial(t, l.banks[code].front.address(), code+"/"+teller)
		l.clients[code] = bankv1.NewPixServiceClient(conn)
		wallets, customer := bankv1.NewWalletServiceClient(conn), ""
		for i := range killWallets + 1 {
			request := &bankv1.OpenAccountRequest{RequestId: fmt.Sprintf("open-%d", i), CustomerId: customer, Currency: "BRL"}
			if i < killWallets {
				request.OpeningDepositMinor = killDeposit
			}
			opened, err := wallets.OpenAccount(t.Context(), request)
			require.NoError(t, err)
			if i == 0 {
				customer = opened.GetAccount().GetCustomerId()
				_, err = l.clients[code].RegisterHolder(t.Context(), &bankv1.RegisterHolderRequest{
					Customer: "customers/" + customer, FullName: "Ana Lima", Document: document,
				})
				require.NoError(t, err)
			}
			name := opened.GetAccount().GetName()
			key, err := l.clients[code].CreateKey(t.Context(), &bankv1.CreateKeyRequest{
				RequestId: fmt.Sprintf("key-%d", i), Account: name, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_RANDOM,
			})
			require.NoError(t, err)
			if i < killWallets {
				l.wallets[code], l.keys[code] = append(l.wallets[code], name), append(l.keys[code], key.GetKey().GetKey())
				continue
			}
			_, err = wallets.CloseAccount(t.Context(), &bankv1.CloseAccountRequest{RequestId: "close", Name: name})
			require.NoError(t, err)
			if code == "002" {
				l.closed = key.GetKey().GetKey()
			}
		}
	}
	return l
}

// killAll kills programs at random moments and starts them again. Customers may begin as many payments as belong to each
// kill. It returns when all programs are ready again.
func (l *pixLoad) killAll(numbers chan<- int) {
	t, random := l.t, rand.New(rand.NewPCG(l.seed, 0))
	victims := slices.Concat(slices.Repeat([]*pixProgram{l.hub, l.banks["002"]}, killsOfEach), slices.Repeat([]*pixProgram{l.banks["001"]}, killsOfSender))
	random.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
	next := 0
	for i, victim := range victims {
		for ; next < killTransfers*(i+1)/len(victims); next++ {
			numbers <- next
		}
		pause(t.Context(), random, 900*time.Millisecond)
		victim.kill()
		pause(t.Context(), random, 500*time.Millisecond)
		victim.start()
		if i%10 == 9 {
			l.checkTransits()
		}
	}
	for _, program := range l.programs() {
		program.awaitReady()
	}
	require.GreaterOrEqual(t, min(l.hub.kills, l.banks["002"].kills), 20)
}

// pause waits for a random time below most.
func pause(ctx context.Context, random *rand.Rand, most time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(random.Int64N(int64(most)))):
	}
}

// pay sends a payment until it is answered. Of some payments an answer is lost, so the customer asks again, and of some
// two requests are on their way at once.
func (l *pixLoad) pay(ctx context.Context, n int) {
	random := rand.New(rand.NewPCG(l.seed, uint64(n)+1))
	from, to := "001", "002"
	if random.IntN(4) == 0 {
		from, to = to, from
	}
	request := &bankv1.SendPixRequest{
		RequestId: fmt.Sprintf("pix-%d", n), Account: l.wallets[from][random.IntN(killWallets)], AmountMinor: 1 + random.Int64N(300), Currency: "BRL",
		Destination: &bankv1.SendPixRequest_Key{Key: l.keys[to][random.IntN(killWallets)]}, Description: "lunch",
	}
	sent := &l.sent[n]
	sent.from, sent.toClosed = from, to == "002" && random.IntN(20) == 0
	if sent.toClosed {
		request.Destination = &bankv1.SendPixRequest_Key{Key: l.closed}
	}
	var together sync.WaitGroup
	if random.IntN(10) == 0 {
		together.Go(func() { l.answer(ctx, n, request) })
	}
	if random.IntN(5) == 0 {
		hasty, cancel := context.WithTimeout(ctx, time.Duration(random.Int64N(int64(20*time.Millisecond))))
		_, _ = l.clients[from].SendPix(hasty, request) // The customer never learns what became of it.
		cancel()
	}
	l.answer(ctx, n, request)
	together.Wait()
	if !sent.toClosed && random.IntN(killReturnEvery) == 0 {
		l.backs.Add(1)
		l.returning.Add(1)
		go func() {
			defer l.returning.Add(-1)
			l.giveBack(ctx, to, n)
		}()
	}
}

// answer sends a request until it is answered, and compares the answer with those before.
func (l *pixLoad) answer(ctx context.Context, n int, request *bankv1.SendPixRequest) {
	l.ask(ctx, func(ctx context.Context) error {
		got, err := l.clients[l.sent[n].from].SendPix(ctx, request)
		if err != nil {
			return err
		}
		l.mutex.Lock()
		defer l.mutex.Unlock()
		if name := got.GetPix().GetName(); l.sent[n].name == "" {
			l.sent[n].name = name
		} else if l.sent[n].name != name {
			l.faults = append(l.faults, fmt.Errorf("%s is %s and %s", request.GetRequestId(), l.sent[n].name, name))
		}
		return nil
	})
}

// giveBack returns a part of a payment as soon as it has arrived.
func (l *pixLoad) giveBack(ctx context.Context, bank string, n int) {
	l.ask(ctx, func(ctx context.Context) error {
		_, err := l.clients[bank].ReturnPix(ctx, &bankv1.ReturnPixRequest{RequestId: fmt.Sprintf("back-%d", n), Name: l.sent[n].name, AmountMinor: 1})
		if err != nil && fault.CodeOf(err) == fault.NotFound {
			return fault.New(fault.Unavailable, "NOT_YET", "The payment has not arrived.")
		}
		return err
	})
}

// ask asks again until there is an answer. A refusal fails the test in the end.
func (l *pixLoad) ask(ctx context.Context, call func(context.Context) error) {
	for ctx.Err() == nil {
		once, cancel := context.WithTimeout(ctx, 3*time.Second)
		err := call(once)
		cancel()
		if err == nil {
			return
		}
		if code := fault.CodeOf(err); code != fault.Unavailable && code != fault.DeadlineExceeded && code != fault.ResourceExhausted {
			l.mutex.Lock()
			l.faults = append(l.faults, err)
			l.mutex.Unlock()
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// repeatMessages delays some of what the broker gives out, and puts each record on its topic again up to three seconds
// later. The function that it returns ends that when no record waits any more.
func (l *pixLoad) repeatMessages(ctx context.Context) (stop func()) {
	const again = "again"
	l.brokers.ControlKey(kmsg.Fetch.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		l.brokers.KeepControl()
		if rand.IntN(10) == 0 {
			l.brokers.SleepControl(func() { pause(ctx, rand.New(rand.NewPCG(rand.Uint64(), 0)), 300*time.Millisecond) })
		}
		return nil, nil, false
	})
	polling, end := context.WithCancel(ctx)
	var repeating sync.WaitGroup
	repeating.Go(func() {
		random := rand.New(rand.NewPCG(l.seed, 1<<63))
		for polling.Err() == nil {
			l.client.PollFetches(polling).EachRecord(func(r *kgo.Record) {
				if slices.ContainsFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == again }) {
					return
				}
				headers := append(slices.Clone(r.Headers), kgo.RecordHeader{Key: again})
				delay := time.Duration(random.Int64N(int64(3 * time.Second)))
				repeating.Go(func() {
					select {
					case <-ctx.Done():
					case <-time.After(delay):
						_ = l.client.ProduceSync(ctx, &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: headers})
					}
				})
			})
		}
	})
	return func() {
		end()
		repeating.Wait()
	}
}

// compare is `bankctl audit pix`.
func (l *pixLoad) compare() *pix.Report {
	l.t.Helper()
	_, stdout, stderr := l.audit("-o", "json")
	report := new(pix.Report)
	require.NoError(l.t, json.NewDecoder(strings.NewReader(stdout)).Decode(report), stderr)
	return report
}

// checkTransits requires that the transit accounts of both banks have given what is credited and not yet captured, while
// payments are under way.
func (l *pixLoad) checkTransits() {
	l.t.Helper()
	for _, found := range l.compare().Findings {
		require.NotEqual(l.t, "transit", found.Field, "seed %d: %s", l.seed, found.Detail)
	}
}

var lagFigure = regexp.MustCompile(`(?m)^codebank_consumer_lag_records{[^}]*} (\S+)$`)

// awaitRead waits until the banks have sent all messages, and every program has dealt with all records.
func (l *pixLoad) awaitRead() {
	l.t.Helper()
	await.Until(l.t, func() bool { return l.figure("SELECT count(*) FROM pix_messages") == 0 }, time.Minute, 50*time.Millisecond, "no message waits")
	for _, program := range l.programs() {
		addresses, _ := program.running.AwaitReady(l.t)
		await.Until(l.t, func() bool {
			answer, err := program.running.Client.Get("https://" + addresses.HTTP + "/metrics")
			require.NoError(l.t, err)
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			require.NoError(l.t, err)
			lags := lagFigure.FindAllStringSubmatch(string(text), -1)
			return len(lags) > 0 && !slices.ContainsFunc(lags, func(lag []string) bool { return lag[1] != "0" })
		}, time.Minute, 50*time.Millisecond, program.pkg)
	}
}

// judge checks what must hold when nothing is under way any more.
func (l *pixLoad) judge() {
	t := l.t
	report := l.compare()
	require.True(t, report.Equal, "seed %d: %v", l.seed, report.Findings)
	require.Empty(t, report.Open)
	require.Equal(t, [2]int{killTransfers, int(l.backs.Load())}, [2]int{report.Payments, report.Returns}, "seed %d: one payment for each request", l.seed)
	var transit int64
	for _, account := range report.Transits {
		transit += account.Minor
	}
	require.Zero(t, transit, "seed %d: the transit accounts at rest", l.seed)
	for _, waiting := range report.Waiting {
		require.Zero(t, waiting.Minor)
	}
	for n := range l.sent {
		sent := &l.sent[n]
		read, err := l.clients[sent.from].GetPix(t.Context(), &bankv1.GetPixRequest{Name: sent.name})
		require.NoError(t, err)
		state, reason := bankv1.PixState_PIX_STATE_COMPLETED, ""
		if sent.toClosed {
			state, reason = bankv1.PixState_PIX_STATE_REJECTED, "ACCOUNT_CLOSED"
		}
		require.Equal(t, state, read.GetPix().GetState(), "seed %d: %s", l.seed, sent.name)
		require.Equal(t, reason, read.GetPix().GetReason())
	}
	require.EqualValues(t, killTransfers, l.figure("SELECT count(*) FROM entries WHERE request_id LIKE 'pix-%'"), "seed %d: one hold for each request", l.seed)
	require.EqualValues(t, 2*killWallets*killDeposit, l.figure("SELECT sum(balance)::bigint FROM accounts"), "seed %d: all customers' money", l.seed)
	require.Zero(t, l.figure("SELECT sum(held)::bigint FROM accounts"))
	l.requireNoLetters()
}
