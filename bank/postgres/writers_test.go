package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	pg "codebank.dev/native/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Only a transaction that may write an event of this ledger holds marks and floor up: none of
// another database, and none that has never touched the outbox.
func TestTransactionsThatCannotWriteEventsHoldNothingUp(t *testing.T) {
	url := postgrestest.Database(t)
	for name, at := range map[string]string{"in another database": postgrestest.Database(t), "in the ledger's": url} {
		open := opened(t, at, "SELECT 1")
		_, err := open.Exec(t.Context(), "SELECT pg_current_xact_id()")
		require.NoError(t, err, name)
	}
	store := openAt(t, url)
	customer := banktest.OpenCustomer(t, store, 1000)
	epoch, err := store.Acquire(t.Context(), "relay", time.Minute)
	require.NoError(t, err)
	banktest.Buy(t, store, customer, 1)
	mark, err := store.Mark(t.Context(), epoch)
	require.NoError(t, err)
	require.NotEmpty(t, relay(t, store, epoch))
	requireSettled(t, store, mark, true)
	floor := store.Floor()
	for range 2 {
		banktest.Buy(t, store, customer, 1)
		relay(t, store, epoch)
	}
	require.Greater(t, store.Floor(), floor)
}

// A writer takes its id before it has a transaction id, in a subtransaction, or prepares its
// transaction. It holds the mark up until it ends.
func everyKindOfWriterHoldsTheMarkBack(t *testing.T, url string) {
	store := openAt(t, url)
	epoch, err := store.Acquire(t.Context(), "relay", time.Hour)
	require.NoError(t, err)
	insert := `INSERT INTO outbox (transaction_id, key, schema_version, body) VALUES (gen_random_uuid(), gen_random_uuid(), 1, '')`
	for kind, does := range map[string]struct{ before, after, end []string }{
		"plain":                            {before: []string{"BEGIN", insert}, end: []string{"COMMIT"}},
		"rolled back":                      {before: []string{"BEGIN", insert}, end: []string{"ROLLBACK"}},
		"subtransaction":                   {before: []string{"BEGIN", "SAVEPOINT a", insert, "RELEASE a"}, end: []string{"COMMIT"}},
		"after another, rolled back":       {before: []string{"BEGIN", "SAVEPOINT a", insert, "ROLLBACK TO a", insert}, end: []string{"COMMIT"}},
		"prepared before the mark":         {before: []string{"BEGIN", insert, "PREPARE TRANSACTION 'p'"}, end: []string{"COMMIT PREPARED 'p'"}},
		"prepared after the mark":          {before: []string{"BEGIN", insert}, after: []string{"PREPARE TRANSACTION 'p'"}, end: []string{"COMMIT PREPARED 'p'"}},
		"prepared after, then rolled back": {before: []string{"BEGIN", insert}, after: []string{"PREPARE TRANSACTION 'p'"}, end: []string{"ROLLBACK PREPARED 'p'"}},
	} {
		t.Run(kind, func(t *testing.T) {
			conn, err := pgx.Connect(t.Context(), url)
			require.NoError(t, err)
			defer conn.Close(context.Background())
			run := func(statements []string) {
				for _, sql := range statements {
					_, err := conn.Exec(t.Context(), sql)
					require.NoError(t, err, sql)
				}
			}
			run(does.before)
			mark, err := store.Mark(t.Context(), epoch)
			require.NoError(t, err)
			requireSettled(t, store, mark, false)
			run(does.after)
			requireSettled(t, store, mark, false)
			run(does.end)
			relay(t, store, epoch)
			requireSettled(t, store, mark, true)
		})
	}
}

// Prepared transactions need a server of their own.
func TestMarksBesideOddWriters(t *testing.T) {
	server := postgrestest.Own(t, pg.Options{Settings: map[string]string{"max_prepared_transactions": "20", "fsync": "off"}})
	for name, test := range map[string]func(*testing.T, string){"one": everyKindOfWriterHoldsTheMarkBack, "many": noRowBecomesVisibleBelowADrainedMarkOrTheFloor} {
		require.NoError(t, server.CreateDatabase(t.Context(), name))
		t.Run(name, func(t *testing.T) { test(t, server.URL(name)) })
	}
}

// Writers of every kind run beside a relay that marks and deletes all the time. No row may become
// visible below a drained mark, nor below the floor.
func noRowBecomesVisibleBelowADrainedMarkOrTheFloor(t *testing.T, url string) {
	store := openAt(t, url)
	epoch, err := store.Acquire(t.Context(), "relay", time.Hour)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	for i := range 8 {
		writing.Go(func() { writeOddly(ctx, t, url, i) })
	}
	reader, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer reader.Close(context.Background())

	var marks []bank.Mark
	drained, floors := bank.Mark{}, map[int64]bool{}
	seen := 0
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
		if mark, err := store.Mark(ctx, epoch); err == nil {
			marks = append(marks, mark)
		}
		for _, mark := range marks {
			if is, err := store.Drained(ctx, mark); err == nil && is && mark.LastID > drained.LastID {
				drained = mark
			}
		}
		marks = slices.DeleteFunc(marks, func(mark bank.Mark) bool { return mark.LastID <= drained.LastID })
		floor := store.Floor()
		floors[floor] = true
		// Read without the floor: the store itself would not see a row below it.
		rows, err := reader.Query(ctx, "SELECT id FROM outbox ORDER BY id")
		require.NoError(t, err)
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		require.NoError(t, err)
		if len(ids) > 0 {
			require.Greater(t, ids[0], drained.LastID, "a row below a drained mark")
			require.GreaterOrEqual(t, ids[0], floor, "a row below the floor")
		}
		_, err = store.Fetch(ctx, 1000, nil)
		require.NoError(t, err)
		require.NoError(t, store.Delete(ctx, epoch, ids))
		seen += len(ids)
	}
	stop()
	writing.Wait()
	require.Greater(t, seen, 100)
	require.Positive(t, drained.LastID)
	require.Greater(t, len(floors), 3)
}

// writeOddly writes events until ctx ends, each time in another way and with another pause before
// the commit.
func writeOddly(ctx context.Context, t *testing.T, url string, writer int) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return
	}
	defer conn.Close(context.Background())
	insert := `INSERT INTO outbox (transaction_id, key, schema_version, body)
		SELECT gen_random_uuid(), gen_random_uuid(), 1, '' FROM generate_series(1, 3)`
	name := fmt.Sprintf("'writer %d'", writer)
	ways := [][]string{
		{"BEGIN", insert, "pause", "COMMIT"},
		{"BEGIN", insert, "pause", "ROLLBACK"},
		{"BEGIN", "SAVEPOINT a", insert, "pause", "ROLLBACK TO a", insert, "pause", "COMMIT"},
		{"BEGIN", "SAVEPOINT a", insert, "RELEASE a", "pause", "COMMIT"},
		{"BEGIN", insert, "pause", "PREPARE TRANSACTION " + name, "pause", "COMMIT PREPARED " + name},
		{"BEGIN", insert, "PREPARE TRANSACTION " + name, "pause", "ROLLBACK PREPARED " + name},
		{"BEGIN", "SELECT pg_current_xact_id()", "pause", insert, "COMMIT"},
		{insert},
	}
	for {
		for _, sql := range ways[rand.IntN(len(ways))] {
			if sql == "pause" {
				time.Sleep(rand.N(30 * time.Millisecond))
				continue
			}
			// A way is walked to its end, so that nothing stays prepared.
			if _, err := conn.Exec(context.WithoutCancel(ctx), sql); err != nil {
				t.Error(sql, err)
				return
			}
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// The proof of the marks needs this lock: every transaction that inserts into the outbox holds it
// from before its first id until after its end.
func TestAnInsertHoldsTheLockOfTheOutboxBeforeItTakesAnID(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	administer(t, url)(`
		CREATE FUNCTION need_lock() RETURNS bigint LANGUAGE plpgsql AS $$
		BEGIN
			IF NOT EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'outbox'::regclass
				AND mode = 'RowExclusiveLock' AND granted) THEN
				RAISE EXCEPTION 'no lock' USING ERRCODE = '22000';
			END IF;
			RETURN nextval('outbox_id_seq');
		END $$;
		ALTER TABLE outbox ALTER COLUMN id DROP IDENTITY;
		CREATE SEQUENCE outbox_id_seq;
		ALTER TABLE outbox ALTER COLUMN id SET DEFAULT need_lock();
		GRANT ALL ON SEQUENCE outbox_id_seq TO PUBLIC`)
	customer := banktest.OpenCustomer(t, store, 1000)
	banktest.Buy(t, store, customer, 1)
	banktest.Commit(t, store, bank.Keys{}, func(book *bank.Book) error {
		book.Emit(banktest.EventOf(book.Refuse(banktest.Refusal(banktest.NewID()), banktest.Start)))
		return nil
	})
	encode := func(entry *bank.Entry) (bank.Event, error) { return banktest.EventOf(entry), nil }
	_, err := store.RequeueEvents(t.Context(), postgres.Span{AccountID: customer.Account, From: 1}, encode)
	require.NoError(t, err)
	_, err = store.RequeueRefusals(t.Context(), bank.ID{}, encode)
	require.NoError(t, err)
	waiting, err := store.Fetch(t.Context(), 10, nil)
	require.NoError(t, err)
	require.Len(t, waiting, 5)
}
