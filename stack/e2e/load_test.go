package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/native/process"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// dial connects to a bank as the operator, who may do everything but pay for a shop.
func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	return dialAs(t, launch.Bank, address, launch.Operator)
}

// dialAs connects to a program of the stack with the certificate of another; "" has none.
func dialAs(t *testing.T, program, address, as string) *grpc.ClientConn {
	t.Helper()
	connection, err := system.Dial(program, address, as)
	require.NoError(t, err)
	t.Cleanup(func() { connection.Close() })
	return connection
}

// lastID makes the request ids of all tests unique.
var lastID atomic.Int64

func newRequestID() string {
	return fmt.Sprintf("e2e-%d-%d", time.Now().UnixNano(), lastID.Add(1))
}

// issue issues a card. change may set rules.
func issue(t *testing.T, connection *grpc.ClientConn, limit int64, change func(*bankv1.IssueCardRequest)) *bankv1.IssueCardResponse {
	t.Helper()
	request := &bankv1.IssueCardRequest{
		RequestId: newRequestID(), HolderName: "Ada Lovelace", Currency: "BRL", CreditLimitMinor: limit,
	}
	if change != nil {
		change(request)
	}
	issued, err := bankv1.NewCardServiceClient(connection).IssueCard(t.Context(), request)
	require.NoError(t, err)
	return issued
}

func purchase(card string, amount int64) *bankv1.AuthorizePurchaseRequest {
	return &bankv1.AuthorizePurchaseRequest{
		RequestId:   newRequestID(),
		CardSource:  &bankv1.AuthorizePurchaseRequest_Card{Card: card},
		AmountMinor: amount, Currency: "BRL",
		Merchant:    &bankv1.Merchant{Id: "livraria-aurora", Name: "Livraria Aurora", CategoryCode: "5942", City: "São Paulo", Country: "BR"},
		Description: "three paperbacks", Channel: bankv1.Channel_CHANNEL_ECOMMERCE,
	}
}

// eager is how many purchases a load makes at full speed beyond those that its test waits for. Then each
// worker waits for leisure before each purchase: what is bought during a long wait proves no more, and
// every later audit compares it.
const (
	eager   = 1_000
	leisure = 20 * time.Millisecond
)

// load buys without a pause while its test waits for purchases, and records every request: the answered
// ones with their answer, and the ones with an unknown outcome.
type load struct {
	t         *testing.T
	purchases []bankv1.PurchaseServiceClient
	cards     []*bankv1.IssueCardResponse
	limit     int64
	ended     sync.WaitGroup
	stopped   atomic.Bool
	answered  atomic.Int64
	goal      atomic.Int64 // of the answered ones

	mutex    sync.Mutex
	outcomes map[string]*bankv1.Purchase
	unknown  []*bankv1.AuthorizePurchaseRequest
}

// startLoad starts workers that buy at the banks at addresses, with a few cards. Their limit is
// so low that the load reaches it.
func startLoad(t *testing.T, workers, cards int, addresses ...string) *load {
	t.Helper()
	l := &load{t: t, limit: 5_000, outcomes: make(map[string]*bankv1.Purchase)}
	for i, address := range addresses {
		connection := dial(t, address)
		l.purchases = append(l.purchases, bankv1.NewPurchaseServiceClient(connection))
		for range cards {
			if i == 0 {
				l.cards = append(l.cards, issue(t, connection, l.limit, nil))
			}
		}
	}
	for worker := range workers {
		l.ended.Go(func() { l.work(worker) })
	}
	t.Cleanup(l.stop)
	return l
}

func (l *load) work(worker int) {
	for !l.stopped.Load() {
		if l.answered.Load() > l.goal.Load()+eager {
			time.Sleep(leisure)
		}
		request := purchase(l.cards[rand.IntN(len(l.cards))].GetCard().GetName(), 1+rand.Int64N(3))
		answer, err := l.send(worker, request)
		if err == nil {
			l.record(request, answer)
			continue
		}
		l.mutex.Lock()
		l.unknown = append(l.unknown, request)
		l.mutex.Unlock()
		l.sendUntilAnswered(worker, request)
	}
}

// sendUntilAnswered sends a request with an unknown outcome until it is answered, as a careful
// client does. The answer is recorded later, by resolveUnknown.
func (l *load) sendUntilAnswered(worker int, request *bankv1.AuthorizePurchaseRequest) {
	for !l.stopped.Load() {
		if _, err := l.send(worker, request); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond) // does not hammer a bank that is down
	}
}

func (l *load) send(worker int, request *bankv1.AuthorizePurchaseRequest) (*bankv1.Purchase, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	answer, err := l.purchases[worker%len(l.purchases)].AuthorizePurchase(ctx, request)
	switch status.Code(err) {
	case codes.OK, codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Canceled:
	default:
		l.t.Errorf("a well-formed purchase was answered %v", err)
	}
	return answer.GetPurchase(), err
}

func (l *load) record(request *bankv1.AuthorizePurchaseRequest, answer *bankv1.Purchase) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.outcomes[request.GetRequestId()] = answer
	l.answered.Add(1)
}

// progress waits until n more purchases were answered.
func (l *load) progress(n int64) {
	l.t.Helper()
	goal := l.answered.Load() + n
	l.goal.Store(goal)
	await.Until(l.t, func() bool { return l.answered.Load() >= goal }, timeout, 10*time.Millisecond)
}

func (l *load) stop() {
	l.stopped.Store(true)
	l.ended.Wait()
}

// resolveUnknown ends the load and sends every request with an unknown outcome again until it
// is answered.
func (l *load) resolveUnknown() {
	l.t.Helper()
	l.stop()
	for i, request := range l.unknown {
		await.Until(l.t, func() bool {
			answer, err := l.send(i, request)
			if err == nil {
				l.record(request, answer)
			}
			return err == nil
		}, timeout, 50*time.Millisecond)
	}
	l.t.Logf("%d purchases, %d of them unknown at first", len(l.outcomes), len(l.unknown))
}

// verify checks that no answered purchase was lost or charged twice, that no limit was passed,
// and that the five places agree.
func (l *load) verify(stack *launch.Stack) {
	l.t.Helper()
	connection := dial(l.t, stack.Addresses().BankGRPC())
	purchases, cards := bankv1.NewPurchaseServiceClient(connection), bankv1.NewCardServiceClient(connection)
	spent := make(map[string]int64)
	decisions := make(map[string]int64)
	for id, answer := range l.outcomes {
		read, err := purchases.GetPurchase(l.t.Context(), &bankv1.GetPurchaseRequest{Name: answer.GetName()})
		require.NoError(l.t, err, "an answered purchase is gone: %s", id)
		require.Equal(l.t, answer.GetStatus(), read.GetPurchase().GetStatus())
		decisions[answer.GetCard()]++
		if answer.GetStatus() == bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED {
			spent[answer.GetCard()] += answer.GetAmountMinor()
		}
	}
	for _, card := range l.cards {
		read, err := cards.GetAccount(l.t.Context(), &bankv1.GetAccountRequest{Name: card.GetCard().GetAccount()})
		require.NoError(l.t, err)
		require.Equal(l.t, spent[card.GetCard().GetName()], -read.GetAccount().GetBalanceMinor(), "what was answered is what was charged")
		require.GreaterOrEqual(l.t, read.GetAccount().GetAvailableMinor(), int64(0))
		require.Equal(l.t, 1+decisions[card.GetCard().GetName()], read.GetAccount().GetSequence(), "one sequence per decision")
	}
	requireAuditEqual(l.t, stack)
}

// requireAuditEqual runs the audit, which waits for the pipeline and compares the five places.
func requireAuditEqual(t *testing.T, stack *launch.Stack) {
	t.Helper()
	var report bytes.Buffer
	err := stack.Bankctl(t.Context(), &report, "audit", "--wait", timeout.String())
	require.NoError(t, err, report.String())
	require.Contains(t, report.String(), "audit: equal")
}

// restart starts a process and waits until it is ready.
func restart(t *testing.T, row *process.Process) {
	t.Helper()
	require.NoError(t, row.Start(t.Context()))
	require.NoError(t, row.WaitReady(t.Context()))
}

// replica starts another bank on this stack and stops it at the end of the test. A bank that writes an old event takes
// no commands by the topic and no part in payments between banks, because an old event cannot say how they have ended.
func replica(t *testing.T, stack *launch.Stack, settings map[string]string) (*process.Process, string) {
	t.Helper()
	if settings["event-version"] != "" {
		settings["command-keys"], settings["codepix-address"], settings["pix-keys"] = "", "", ""
	}
	n := int(lastID.Add(1))
	base := stack.Addresses().BasePort + 50
	copied := launch.Copy{
		Name: "bank-" + strconv.Itoa(n), GRPCPort: base + 2*(n%20), HTTPPort: base + 2*(n%20) + 1, Settings: settings,
	}
	row, err := stack.Replica(t.Context(), launch.Bank, copied)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stack.Remove(context.Background(), row)) })
	return row, fmt.Sprintf("127.0.0.1:%d", copied.GRPCPort)
}
