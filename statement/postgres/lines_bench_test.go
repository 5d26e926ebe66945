package postgres_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/statement"
	"codebank.dev/statement/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// BenchmarkLines reads the newest page of an account, in turn without the policies, as a superuser in one
// statement, and as the program does it: as the statement's role, with a reader. "walled/plain" is the second
// time over the first; the server's processor time is measured apart.
func BenchmarkLines(b *testing.B) {
	store, sink, _ := opened(b)
	const accounts, each, limit = 100, 300, 64
	account := func(n int) string { return fmt.Sprintf("%s%012d", alice[:24], n) }
	for n := range accounts {
		sink.Write(b, purchases(account(n), 1, each)...)
	}
	_, err := sink.Pool().Exec(b.Context(), "VACUUM ANALYZE statement_lines")
	require.NoError(b, err)
	plain := func(n int) {
		rows, err := sink.Pool().Query(b.Context(), postgres.SelectLines, account(n), customer, int64(math.MaxInt64), limit)
		require.NoError(b, err)
		lines, err := pgx.CollectRows(rows, postgres.LineOf)
		require.NoError(b, err)
		require.Len(b, lines, limit)
	}
	walled := func(n int) {
		lines, err := store.Lines(b.Context(), statement.LineQuery{Reader: customer, Account: accountID(account(n)), Below: math.MaxInt64, Limit: limit})
		require.NoError(b, err)
		require.Len(b, lines, limit)
	}
	ways := []func(int){plain, walled}
	var elapsed, processor [2]time.Duration
	for i := 0; b.Loop(); i++ {
		for way, read := range ways {
			_, before := postgrestest.ProcessorTime(b)
			began := time.Now()
			for n := range accounts {
				read(n)
			}
			elapsed[way] += time.Since(began)
			_, after := postgrestest.ProcessorTime(b)
			processor[way] += after - before
		}
	}
	reads := float64(b.N * accounts)
	for way, name := range []string{"plain", "walled"} {
		b.ReportMetric(float64(elapsed[way].Microseconds())/reads, name+"-µs")
		b.ReportMetric(float64(processor[way].Microseconds())/reads, name+"-server-µs")
	}
	b.ReportMetric(float64(elapsed[1])/float64(elapsed[0]), "walled/plain")
}
