package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// opened is a transaction that a test holds open beside the adapter.
func opened(t testing.TB, url, begin string) pgx.Tx {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	_, err = conn.Exec(t.Context(), begin)
	require.NoError(t, err)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	return tx
}

// queue puts n events without an account into the outbox and returns the lowest id.
func queue(t testing.TB, tx pgx.Tx, n int) (lowest int64) {
	t.Helper()
	require.NoError(t, tx.QueryRow(t.Context(), `WITH queued AS (
		INSERT INTO outbox (transaction_id, key, schema_version, body)
		SELECT gen_random_uuid(), gen_random_uuid(), 1, 'late' FROM generate_series(1, $1) RETURNING id) SELECT min(id) FROM queued`, n).Scan(&lowest))
	return lowest
}

// relay fetches and deletes every row, a few times over, as long as there are any.
func relay(t testing.TB, store *postgres.Store, epoch int64) (ids []int64) {
	t.Helper()
	for {
		waiting, err := store.Fetch(t.Context(), 1000, nil)
		require.NoError(t, err)
		if len(waiting) == 0 {
			return ids
		}
		var page []int64
		for _, row := range waiting {
			page = append(page, row.ID)
		}
		require.NoError(t, store.Delete(t.Context(), epoch, page))
		ids = append(ids, page...)
	}
}

// An id is taken before the commit, so a lower id can become visible late. It is fetched, however
// many rows above it were fetched and deleted in the meantime.
func TestARowCommittedLateIsStillFetched(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	customer := banktest.OpenCustomer(t, store, 1_000_000)
	epoch, err := store.Acquire(t.Context(), "relay", time.Minute)
	require.NoError(t, err)

	late, failed := opened(t, url, "SELECT 1"), opened(t, url, "SELECT 1")
	lateID := queue(t, late, 1)
	failedID := queue(t, failed, 3)
	for range 10 {
		banktest.Buy(t, store, customer, 1)
		require.Len(t, relay(t, store, epoch), 1)
		require.LessOrEqual(t, store.Floor(), lateID)
	}
	require.NoError(t, failed.Rollback(t.Context()))
	banktest.Buy(t, store, customer, 1)
	relay(t, store, epoch)
	require.LessOrEqual(t, store.Floor(), lateID)
	require.NoError(t, late.Commit(t.Context()))
	waiting, err := store.Fetch(t.Context(), 10, []int64{failedID + 1})
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	require.Equal(t, lateID, waiting[0].ID)
	require.Equal(t, []int64{lateID}, relay(t, store, epoch))
	// No transaction holds the floor back any more.
	banktest.Buy(t, store, customer, 1)
	relay(t, store, epoch)
	relay(t, store, epoch)
	require.Greater(t, store.Floor(), failedID)
}

func TestAFloorMovesPastDeadRowsAndToTheNextLeader(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	snapshot := opened(t, url, "SET default_transaction_isolation = 'repeatable read'")
	var one int
	require.NoError(t, snapshot.QueryRow(t.Context(), "SELECT count(*) FROM outbox").Scan(&one))
	writer := opened(t, url, "SELECT 1")
	lowest := queue(t, writer, 5000)
	require.NoError(t, writer.Commit(t.Context()))
	epoch, err := store.Acquire(t.Context(), "one", time.Minute)
	require.NoError(t, err)
	require.Len(t, relay(t, store, epoch), 5000)
	relay(t, store, epoch)
	require.Equal(t, lowest+5000, store.Floor(), "an old reader holds nothing up")
	_, err = store.Acquire(t.Context(), "one", time.Minute)
	require.NoError(t, err)

	next := openAt(t, url)
	await.Until(t, func() bool {
		_, err = store.Acquire(t.Context(), "one", time.Nanosecond)
		require.NoError(t, err)
		_, err = next.Acquire(t.Context(), "two", time.Minute)
		return err == nil
	}, time.Minute, time.Millisecond)
	require.Equal(t, store.Floor(), next.Floor())
}

// When a copy of the database takes over that never had the last ids, the floor of the other one is
// forgotten.
func TestTheFloorOfAnotherDatabaseIsReset(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	customer := banktest.OpenCustomer(t, store, 1000)
	epoch, err := store.Acquire(t.Context(), "relay", time.Minute)
	require.NoError(t, err)
	for range 5 {
		banktest.Buy(t, store, customer, 1)
		relay(t, store, epoch)
	}
	relay(t, store, epoch)
	require.Greater(t, store.Floor(), int64(4))
	admin := administer(t, url)
	admin(`ALTER SEQUENCE outbox_id_seq RESTART WITH 2`)
	banktest.Buy(t, store, customer, 1)
	require.Equal(t, []int64{2}, relay(t, store, epoch))
}

func TestALargeBacklogIsEstimated(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	writer := opened(t, url, "SELECT 1")
	queue(t, writer, 12_345)
	require.NoError(t, writer.Commit(t.Context()))
	rows, oldest, err := store.Backlog(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 12_345, rows)
	require.WithinDuration(t, time.Now(), oldest, time.Minute)
}

// BenchmarkFetch compares an empty outbox with one whose deleted rows are kept by an old snapshot.
func BenchmarkFetch(b *testing.B) {
	fetch := func(b *testing.B, store *postgres.Store) {
		for b.Loop() {
			waiting, err := store.Fetch(b.Context(), 500, nil)
			require.NoError(b, err)
			require.Empty(b, waiting)
		}
	}
	b.Run("empty", func(b *testing.B) { fetch(b, openAt(b, postgrestest.Database(b))) })
	b.Run("dead=1000000", func(b *testing.B) {
		url := postgrestest.Database(b)
		store := openAt(b, url)
		snapshot := opened(b, url, "SET default_transaction_isolation = 'repeatable read'")
		var none int
		require.NoError(b, snapshot.QueryRow(b.Context(), "SELECT count(*) FROM outbox").Scan(&none))
		writer := opened(b, url, "SELECT 1")
		queue(b, writer, 1_000_000)
		require.NoError(b, writer.Commit(b.Context()))
		epoch, err := store.Acquire(b.Context(), "relay", time.Minute)
		require.NoError(b, err)
		require.Len(b, relay(b, store, epoch), 1_000_000)
		fetch(b, store)
	})
}

// BenchmarkRelay fetches and deletes a page of events at a time.
func BenchmarkRelay(b *testing.B) {
	for _, page := range []int{100, 1000} {
		b.Run(fmt.Sprintf("page=%d", page), func(b *testing.B) {
			url := postgrestest.Database(b)
			store := openAt(b, url)
			writer := opened(b, url, "SELECT 1")
			queue(b, writer, b.N*page)
			require.NoError(b, writer.Commit(b.Context()))
			epoch, err := store.Acquire(b.Context(), "relay", time.Hour)
			require.NoError(b, err)
			client, server := processorTime(b)
			b.ResetTimer()
			ids := make([]int64, 0, page)
			for range b.N {
				waiting, err := store.Fetch(b.Context(), page, nil)
				require.NoError(b, err)
				require.Len(b, waiting, page)
				ids = ids[:0]
				for _, row := range waiting {
					ids = append(ids, row.ID)
				}
				require.NoError(b, store.Delete(b.Context(), epoch, ids))
			}
			events := float64(b.N * page)
			clientAfter, serverAfter := processorTime(b)
			b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64((clientAfter-client).Microseconds())/events, "client-µs/event")
			b.ReportMetric(float64((serverAfter-server).Microseconds())/events, "server-µs/event")
		})
	}
}
