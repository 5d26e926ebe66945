package files_test

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"codebank.dev/statement/files"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/statementtest"
	"github.com/stretchr/testify/require"
)

const (
	account = "3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01"
	million = 1_000_000
	// maxHeap is how much a file may take of memory, however long it is.
	maxHeap = 64 << 20
)

// fill writes a line a second, each like the first one.
const fill = `INSERT INTO statement_lines (sequence, amount_minor, balance_after_minor, held_after_minor, available_after_minor, credit_limit_minor,
	occurred_at, event_id, transaction_id, account_id, customer_id, bank_code, kind, direction, status, currency, card_id, card_brand, card_last4,
	card_bin, merchant_id, merchant_name, merchant_city, merchant_country, channel, description)
SELECT n, amount_minor, -100 * n, 0, 100000 - 100 * n, credit_limit_minor, occurred_at + n * interval '1 second', account_id || ':' || n,
	'transaction-' || n, account_id, customer_id, bank_code, kind, direction, status, currency, card_id, card_brand, card_last4, card_bin, merchant_id,
	merchant_name, merchant_city, merchant_country, channel, 'Lunch ' || n
FROM statement_lines, generate_series(2, $1) AS n WHERE sequence = 1`

// BenchmarkMillionLines makes a CSV of a million lines and reads it back, and copies the same columns out of the same table.
// "made/copied" and "read/copied" are rates over that of COPY TO. "heap-MiB" is the most memory over idle.
func BenchmarkMillionLines(b *testing.B) {
	url := postgrestest.Database(b)
	store, err := postgres.Open(b.Context(), postgres.Config{URL: statementtest.Migrated(b, url), BankCode: statementtest.Bank})
	require.NoError(b, err)
	defer store.Close()
	require.NoError(b, store.Prepare(b.Context(), slog.New(slog.DiscardHandler)))
	sink := statementtest.NewSink(b, url)
	sink.Write(b, statementtest.Purchase(account, 1))
	_, err = sink.Pool().Exec(b.Context(), fill, million)
	require.NoError(b, err)
	_, err = sink.Pool().Exec(b.Context(), "VACUUM ANALYZE statement_lines")
	require.NoError(b, err)
	maker := &files.Maker{Workshop: store, Part: store.Part, States: statement.NewService(store), BankCode: statementtest.Bank, Now: time.Now, Logger: slog.Default()}
	service := &files.Service{Store: store, States: maker.States, Maker: maker, Now: time.Now, New: newID}
	var made, read, copied time.Duration
	var heap uint64
	_, err = maker.States.State(b.Context(), statementtest.Customer, request().Account)
	for state := (statement.State{}); state.CompleteTo < million; {
		require.NoError(b, err)
		state, err = maker.States.State(b.Context(), statementtest.Customer, request().Account)
	}
	for b.Loop() {
		copied += copyOut(b, sink)
		asked, err := service.Request(b.Context(), request())
		require.NoError(b, err)
		took, most := watched(func() {
			require.NoError(b, maker.Make(b.Context(), asked.ID, files.Waiting{Until: time.Now().Add(time.Hour)}))
		})
		made, heap = made+took, max(heap, most)
		took, most = watched(func() {
			size := int64(0)
			require.NoError(b, service.Content(b.Context(), files.Query{Owner: asked.Owner, Reader: asked.Reader, Account: asked.Account}, asked.ID,
				func(part []byte) error { size += int64(len(part)); return nil }))
			require.Greater(b, size, int64(million*100))
		})
		read, heap = read+took, max(heap, most)
	}
	require.LessOrEqual(b, heap, uint64(maxHeap))
	b.ReportMetric(float64(copied)/float64(made), "made/copied")
	b.ReportMetric(float64(copied)/float64(read), "read/copied")
	b.ReportMetric(float64(million*b.N)/made.Seconds(), "lines/s")
	b.ReportMetric(float64(heap)/(1<<20), "heap-MiB")
}

func newID() id.ID {
	made, err := id.New(rand.Reader)
	if err != nil {
		panic(err)
	}
	return made
}

func request() *files.File {
	parsed, err := id.Parse(account)
	if err != nil {
		panic(err)
	}
	owner := "user:" + statementtest.Customer
	return &files.File{Account: parsed, Owner: owner, Reader: statementtest.Customer, Requester: owner, RequestID: newID().String(), Format: file.CSV,
		Language: file.English, Range: statement.Range{Start: statementtest.Opened, End: statementtest.Opened.AddDate(0, 1, 0)}}
}

// copyOut copies the columns of a file out of the table, as the server itself writes CSV, and returns how long it took.
func copyOut(b *testing.B, sink *statementtest.Sink) time.Duration {
	b.Helper()
	conn, err := sink.Pool().Acquire(b.Context())
	require.NoError(b, err)
	defer conn.Release()
	began := time.Now()
	tag, err := conn.Conn().PgConn().CopyTo(b.Context(), io.Discard, `COPY (SELECT event_id, occurred_at, kind, direction, amount_minor, currency, balance_after_minor,
		description, merchant_name, merchant_city, merchant_country, merchant_category_code, merchant_reference, counterparty_name, counterparty_account_id,
		counterparty_bank_code, card_brand, card_last4, transaction_id, original_transaction_id
		FROM statement_lines WHERE account_id = '`+account+`' ORDER BY sequence) TO STDOUT (FORMAT csv)`)
	require.NoError(b, err)
	require.EqualValues(b, million, tag.RowsAffected())
	return time.Since(began)
}

// watched runs work, and returns how long it took and how many bytes of heap it had at most over those before.
func watched(work func()) (took time.Duration, most uint64) {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	idle := stats.HeapInuse
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		for ticker := time.NewTicker(50 * time.Millisecond); ctx.Err() == nil; <-ticker.C {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			if stats.HeapInuse > idle {
				most = max(most, stats.HeapInuse-idle)
			}
		}
	})
	began := time.Now()
	work()
	took = time.Since(began)
	cancel()
	watching.Wait()
	return took, most
}
