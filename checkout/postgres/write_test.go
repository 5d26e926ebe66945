package postgres_test

import (
	"testing"

	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

// The driver's own encoding takes more than a thousand allocations for such a set.
func TestASetIsWrittenWithFewAllocations(t *testing.T) {
	store, set := openDatabase(t).store, placedOrders(t, "request", 32)
	require.NoError(t, store.Write(t.Context(), set))
	require.True(t, set[31].Written)
	allocations := testing.AllocsPerRun(20, func() { require.NoError(t, store.Write(t.Context(), set)) })
	require.False(t, set[0].Written, "the same requests have orders")
	require.Less(t, allocations, 200.0)
}

// A migration may change a table that a prepared statement uses. Then one call fails, and the next
// one prepares again.
func TestAConnectionPreparesStatementsAgainAfterAMigration(t *testing.T) {
	d := openDatabase(t)
	require.NoError(t, d.store.Write(t.Context(), placedOrders(t, "request", 1)))
	_, err := d.conn.Exec(t.Context(), `CREATE DOMAIN order_id AS uuid; ALTER TABLE orders ALTER COLUMN id TYPE order_id`)
	require.NoError(t, err)
	require.Equal(t, fault.Internal, fault.CodeOf(d.store.Write(t.Context(), placedOrders(t, "request", 2))))
	require.NoError(t, d.store.Write(t.Context(), placedOrders(t, "request", 2)))
}
