package postgres_test

import (
	"testing"

	"codebank.dev/checkout/postgres"
	"github.com/stretchr/testify/require"
)

// A list reads its page from the end of an index, however many orders there are: no part of it is sorted
// but what is open, and what the parts have found.
func TestAListIsReadFromAnIndex(t *testing.T) {
	d := openDatabase(t)
	_, err := d.conn.Exec(t.Context(), `SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off`)
	require.NoError(t, err)
	for _, list := range postgres.Lists() {
		index, sql := list[0], list[1]
		results, err := d.conn.PgConn().Exec(t.Context(), "EXPLAIN (GENERIC_PLAN) "+sql).ReadAll()
		require.NoError(t, err)
		plan := ""
		for _, row := range results[0].Rows {
			plan += string(row[0]) + "\n"
		}
		require.Contains(t, plan, "Index Scan Backward using "+index+" on orders", plan)
		require.NotContains(t, plan, "Seq Scan on orders", plan)
		require.Contains(t, plan, "Index Scan Backward using orders_open on orders", plan)
	}
}
