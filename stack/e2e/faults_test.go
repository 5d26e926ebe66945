package e2e

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"

	"codebank.dev/native/await"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// killCount is how often the bank is killed in its test.
const killCount = 6

func TestABankKilledUnderLoadLosesNothingAndDoublesNothing(t *testing.T) {
	stack := running(t)
	bank := stack.Process(launch.Bank)
	load := startLoad(t, 32, 8, stack.Addresses().BankGRPC())
	for range killCount {
		load.progress(300)
		bank.Kill()
		restart(t, bank)
	}
	load.progress(300)
	load.resolveUnknown()
	load.verify(stack)
}

func TestPurchasesGoOnWithoutABrokerAndTheirEventsArriveLater(t *testing.T) {
	stack := running(t)
	kafka := stack.Process(launch.Kafka)
	load := startLoad(t, 8, 4, stack.Addresses().BankGRPC())
	load.progress(100)
	require.NoError(t, kafka.Stop(t.Context()))
	load.progress(1000)
	require.Empty(t, load.unknown, "no purchase failed")
	restart(t, kafka)
	load.progress(100)
	load.resolveUnknown()
	load.verify(stack)
}

func TestTheBankStartsAndDecidesWithEverythingElseDown(t *testing.T) {
	stack := running(t)
	away := []string{launch.Connect, launch.Registry, launch.Elasticsearch, launch.Kafka}
	for _, name := range away {
		require.NoError(t, stack.Process(name).Stop(t.Context()))
	}
	bank := stack.Process(launch.Bank)
	require.NoError(t, bank.Stop(t.Context()))
	restart(t, bank)
	load := startLoad(t, 4, 2, stack.Addresses().BankGRPC())
	load.progress(200)
	load.resolveUnknown()
	require.Empty(t, load.unknown)
	for _, wave := range [][]string{{launch.Kafka, launch.Elasticsearch}, {launch.Registry}, {launch.Connect}} {
		for _, name := range wave {
			restart(t, stack.Process(name))
		}
	}
	load.verify(stack)
}

func TestTwoBanksOnOneLedgerActAsOne(t *testing.T) {
	stack := running(t)
	_, second := replica(t, stack, nil)
	first := stack.Addresses().BankGRPC()
	one, two := dial(t, first), dial(t, second)
	card := issue(t, one, 1_000, nil)

	request := purchase(card.GetCard().GetName(), 400)
	banks := []bankv1.PurchaseServiceClient{bankv1.NewPurchaseServiceClient(one), bankv1.NewPurchaseServiceClient(two)}
	answers := make([]*bankv1.AuthorizePurchaseResponse, 100)
	var asking sync.WaitGroup
	for i := range answers {
		asking.Go(func() {
			var err error
			answers[i], err = banks[i%2].AuthorizePurchase(t.Context(), request)
			require.NoError(t, err)
		})
	}
	asking.Wait()
	for _, answer := range answers {
		require.True(t, proto.Equal(answers[0], answer), "one request id, one answer")
	}
	other := proto.CloneOf(request)
	other.AmountMinor++
	for _, bank := range banks {
		_, err := bank.AuthorizePurchase(t.Context(), other)
		require.Equal(t, codes.Aborted, status.Code(err), "another body under the same id")
	}
	account, err := bankv1.NewCardServiceClient(two).GetAccount(t.Context(), &bankv1.GetAccountRequest{Name: card.GetCard().GetAccount()})
	require.NoError(t, err)
	require.Equal(t, int64(600), account.GetAccount().GetAvailableMinor(), "charged once")

	load := startLoad(t, 32, 4, first, second)
	load.progress(2000)
	load.resolveUnknown()
	load.verify(stack)
}

func TestABankFrozenInTheMiddleOfABatchDelaysNoOtherBank(t *testing.T) {
	stack := running(t)
	frozen, second := replica(t, stack, nil)
	first := stack.Addresses().BankGRPC()
	load := startLoad(t, 16, 4, first, second)
	for range 3 {
		load.progress(200)
		require.NoError(t, frozen.Signal(syscall.SIGSTOP))
		load.progress(200)
		require.NoError(t, frozen.Signal(syscall.SIGCONT))
	}
	load.progress(200)
	load.resolveUnknown()
	load.verify(stack)
}

func TestALeadingRelayThatDiesOrFreezesIsReplaced(t *testing.T) {
	stack := running(t)
	leader := stack.Process(launch.Bank)
	_, second := replica(t, stack, nil)
	load := startLoad(t, 8, 4, second)
	load.progress(200)
	// It is frozen for longer than its lease. After it wakes it must not publish as leader.
	require.NoError(t, leader.Signal(syscall.SIGSTOP))
	load.progress(500)
	requirePublished(t, stack)
	require.NoError(t, leader.Signal(syscall.SIGCONT))
	load.progress(200)
	leader.Kill()
	load.progress(500)
	requirePublished(t, stack)
	restart(t, leader)
	load.resolveUnknown()
	load.verify(stack)
}

// requirePublished waits until every event that is committed now has left the outbox.
func requirePublished(t *testing.T, stack *launch.Stack) {
	t.Helper()
	pool := ledgerPool(t, stack)
	var last int64
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT coalesce(max(id), 0) FROM outbox").Scan(&last))
	await.Until(t, func() bool {
		var waiting int64
		err := pool.QueryRow(context.Background(), "SELECT count(*) FROM outbox WHERE id <= $1", last).Scan(&waiting)
		return err == nil && waiting == 0
	}, timeout, 50*time.Millisecond)
}
