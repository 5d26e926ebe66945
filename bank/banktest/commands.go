package banktest

import (
	"sync"
	"testing"
	"time"

	"codebank.dev/bank"
	"github.com/stretchr/testify/require"
)

func keepsOutcomes(t *testing.T, ledger Ledger) {
	first := bank.CommandOutcome{TransactionID: NewID(), Reason: "ACCOUNT_NOT_FOUND", Field: "destination", DecidedAt: Start}
	other := bank.CommandOutcome{TransactionID: NewID(), Reason: "CASH_NOT_ALLOWED", DecidedAt: Start.Add(time.Millisecond)}
	later := first
	later.Reason, later.Field, later.DecidedAt = "CANCELLED_BY_REQUEST", "", Start.Add(time.Hour)
	for _, each := range [][2]bank.CommandOutcome{{first, first}, {other, other}, {later, first}, {first, first}} {
		stored, err := ledger.StoreOutcome(t.Context(), each[0])
		require.NoError(t, err)
		require.Equal(t, each[1], stored)
	}
	// Of several at once, one is stored, and all get it.
	transaction, got := NewID(), make([]bank.CommandOutcome, 8)
	var group sync.WaitGroup
	for i := range got {
		group.Go(func() {
			var err error
			got[i], err = ledger.StoreOutcome(t.Context(), bank.CommandOutcome{TransactionID: transaction, Reason: string(rune('A' + i)), DecidedAt: Start})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, each := range got {
		require.Equal(t, got[0], each)
	}
}

func keepsOffsets(t *testing.T, ledger Ledger) {
	topic, other := NewID(), NewID()
	offsets, err := ledger.LoadOffsets(t.Context(), topic)
	require.NoError(t, err)
	require.Empty(t, offsets)
	for _, step := range []struct {
		topic      bank.ID
		partition  int32
		from, next int64
		ok         bool
	}{
		{topic, 0, 5, 7, false}, // nothing is stored: the ledger is older than its reader
		{topic, 0, 0, 10, true},
		{topic, 0, 10, 20, true},
		{topic, 0, 10, 15, true}, // an earlier owner of the partition; the greatest stays
		{topic, 0, 21, 30, false},
		{topic, 5, 0, 3, true},
		{other, 0, 0, 1 << 40, true},
	} {
		ok, err := ledger.StoreOffset(t.Context(), step.topic, step.partition, step.from, step.next)
		require.NoError(t, err)
		require.Equal(t, step.ok, ok, step)
	}
	offsets, err = ledger.LoadOffsets(t.Context(), topic)
	require.NoError(t, err)
	require.Equal(t, map[int32]int64{0: 20, 5: 3}, offsets)
	offsets, err = ledger.LoadOffsets(t.Context(), other)
	require.NoError(t, err)
	require.Equal(t, map[int32]int64{0: 1 << 40}, offsets)
}
