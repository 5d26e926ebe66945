package e2e

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/native/await"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
)

// The relay goes on when an operator changes or makes again a topic that it publishes to.
func TestTheRelayGoesOnWhenItsTopicsChange(t *testing.T) {
	stack := running(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()))
	require.NoError(t, err)
	defer client.Close()
	admin := kadm.NewClient(client)

	t.Run("a batch is larger than the topic takes", func(t *testing.T) {
		limit := "2000"
		_, err := admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &limit}}, transactions)
		require.NoError(t, err)
		defer func() {
			_, err := admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.DeleteConfig, Name: "max.message.bytes"}}, transactions)
			require.NoError(t, err)
		}()
		refusals := func() int {
			log, err := os.ReadFile(stack.Process(launch.Bank).Log())
			require.NoError(t, err)
			return bytes.Count(log, []byte("the topic refuses batches of this size"))
		}
		before := refusals()
		requireApproved(t, stack, 256)
		await.Until(t, func() bool { return refusals() > before }, timeout, 100*time.Millisecond)
		requireAuditEqual(t, stack)
	})

	t.Run("the topic of watermarks is made again", func(t *testing.T) {
		awaitCompleteTo(t, stack, time.Now())
		deleted, err := admin.DeleteTopics(t.Context(), watermarks)
		require.NoError(t, err)
		require.NoError(t, deleted.Error())
		var report bytes.Buffer
		require.NoError(t, stack.Bankctl(t.Context(), &report, "apply", "topics"), report.String())
		requireApproved(t, stack, 10)
		made := time.Now()
		awaitPublished(t, stack, made)
		awaitCompleteTo(t, stack, made)
		requireAuditEqual(t, stack)
	})
}

// requireApproved buys many times in one message of the stream. The texts of the purchases do not
// get shorter by compression.
func requireApproved(t *testing.T, stack *launch.Stack, count int) {
	t.Helper()
	bank := dial(t, stack.Addresses().BankGRPC())
	card := issue(t, bank, 1_000_000, nil).GetCard().GetName()
	stream, err := bankv1.NewPurchaseServiceClient(bank).AuthorizePurchases(t.Context())
	require.NoError(t, err)
	message := &bankv1.AuthorizePurchasesRequest{}
	for range count {
		one := purchase(card, 10)
		one.Description = randomText(60)
		message.Purchases = append(message.Purchases, one)
	}
	require.NoError(t, stream.Send(message))
	answer, err := stream.Recv()
	require.NoError(t, err)
	require.Len(t, answer.GetResults(), count)
	for _, result := range answer.GetResults() {
		require.Equal(t, bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED, result.GetPurchase().GetStatus(), result.GetError())
	}
	require.NoError(t, stream.CloseSend())
}
