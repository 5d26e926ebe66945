package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/native/await"
	"codebank.dev/schemas/event"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

const watermarks, partitions = "bank-001.watermarks.v1", 6

// completeTo returns the smallest of the partitions' newest watermarks in the index: up to this
// time a dashboard is complete. It returns the zero time if a partition has none or the index
// cannot be searched.
func completeTo(t *testing.T, stack *launch.Stack) time.Time {
	// An index that is being created answers 503, and a missing one 404.
	millis, err := pipes.Index(stack.Addresses().Elasticsearch()).CompleteTo(t.Context(), launch.BankCode, partitions)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}

// requireComplete compares the index with the ledger: a search must find every event that
// occurred at or after from and before to. It returns their number.
func requireComplete(t *testing.T, stack *launch.Stack, pool *pgxpool.Pool, from, to time.Time) int64 {
	t.Helper()
	index := pipes.Index(stack.Addresses().Elasticsearch())
	require.NoError(t, index.Refresh(t.Context()))
	found, err := index.Count(t.Context(), fmt.Sprintf(`{"range": {"occurred_at": {"gte": %d, "lt": %d, "format": "epoch_millis"}}}`,
		from.UnixMilli(), to.UnixMilli()))
	require.NoError(t, err)
	var decided int64
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM entries WHERE occurred_at >= $1 AND occurred_at < $2`,
		from, to).Scan(&decided))
	require.EqualValues(t, decided, found, "complete to %s, says the index", to)
	return decided
}

// awaitCompleteTo waits until the index says that it is complete up to a moment.
func awaitCompleteTo(t *testing.T, stack *launch.Stack, moment time.Time) time.Time {
	t.Helper()
	var reached time.Time
	await.Until(t, func() bool {
		reached = completeTo(t, stack)
		return reached.After(moment)
	}, timeout, 100*time.Millisecond)
	return reached
}

// The watermark of the index is true at every moment, also under load, and advances within
// seconds.
func TestTheWatermarkOfTheIndexIsTrue(t *testing.T) {
	stack := running(t)
	pool := ledgerPool(t, stack)
	began := time.Now().Truncate(time.Millisecond)
	load := startLoad(t, 8, 4, stack.Addresses().BankGRPC())
	seen, last := int64(0), began
	for range 4 {
		last = awaitCompleteTo(t, stack, last)
		seen = requireComplete(t, stack, pool, began, last)
	}
	require.Positive(t, seen)
	load.resolveUnknown()
	ended := time.Now()
	to := awaitCompleteTo(t, stack, ended)
	t.Logf("%d events; complete %s after the last", requireComplete(t, stack, pool, began, to), time.Since(ended).Round(time.Second/10))
}

// While nothing reaches the index, its watermark does not advance, whatever the relay
// publishes.
func TestTheWatermarkOfTheIndexDoesNotAdvanceWhileTheSinkIsPaused(t *testing.T) {
	stack := running(t)
	pool := ledgerPool(t, stack)
	began := time.Now().Truncate(time.Millisecond)
	awaitCompleteTo(t, stack, began)
	const sink = "transactions-elasticsearch"
	setConnectorState(t, stack, sink, "pause", "PAUSED")
	defer setConnectorState(t, stack, sink, "resume", "RUNNING")
	// A request that was already sent may still be written.
	time.Sleep(2 * time.Second)
	stood := completeTo(t, stack)

	load := startLoad(t, 4, 4, stack.Addresses().BankGRPC())
	load.progress(200)
	load.resolveUnknown()
	ended := time.Now()
	awaitPublished(t, stack, ended)
	require.Equal(t, stood, completeTo(t, stack))

	setConnectorState(t, stack, sink, "resume", "RUNNING")
	to := awaitCompleteTo(t, stack, ended)
	require.GreaterOrEqual(t, requireComplete(t, stack, pool, began, to), int64(200))
}

// awaitPublished waits until the relay has published for every partition that it is complete up
// to a moment.
func awaitPublished(t *testing.T, stack *launch.Stack, moment time.Time) {
	t.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(stack.Addresses().Kafka()), kgo.ConsumeTopics(watermarks),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	passed := make(map[int32]bool)
	for len(passed) < partitions {
		fetches := reader.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) {
			_, body, err := event.ParseFrame(record.Value)
			require.NoError(t, err)
			mark, err := event.DecodeWatermark(body)
			require.NoError(t, err)
			require.Equal(t, record.Partition, mark.Partition)
			if mark.CompleteToMillis > moment.UnixMilli() {
				passed[mark.Partition] = true
			}
		})
	}
}
