package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/schemas/event"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/statementtest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// What the table of BenchmarkSink holds before it is measured, and what is then written.
const (
	sinkAccounts = 10_000
	sinkBefore   = 300_000
	sinkBatch    = 10_000 // batch.size of connectors/sinks/statement-postgres.json
	sinkBatches  = 20
)

// sinkRows makes lines as the sink's topic has them: each batch has events of many accounts, and time goes on. Its
// parameters are the columns, the number of accounts, the beginning of their ids, that number again, the first event and
// the last one, and the account whose one line is the pattern.
const sinkRows = `SELECT %s FROM (
	SELECT line.*, n / %d + 1 AS new_sequence, '%s' || lpad((hashint4(n %% %d)::bigint & 1099511627775)::text, 12, '0') AS new_account
	FROM statement_lines AS line, generate_series(%d, %d) AS n WHERE line.account_id = '%s' ORDER BY n) AS line`

// sinkColumns replaces some columns of the pattern.
var sinkColumns = map[string]string{
	"event_id": "new_account || ':' || new_sequence", "transaction_id": "gen_random_uuid()::text", "account_id": "new_account",
	"customer_id": "new_account", "sequence": "new_sequence::bigint", "occurred_at": "occurred_at + new_sequence * interval '1 minute'",
}

// sinkSide is a database that is written to as the sink does it.
type sinkSide struct {
	name  string
	conn  *pgx.Conn
	taken []time.Duration
}

// BenchmarkSink writes batches of 10,000 rows by one binary COPY each, as the sink does (PostgresSession.append), into tables that
// hold 300,000 lines already, by turns: as migrated, and with the index by account and time that migration 00012 drops.
// "with/without" is the rate with that index over the rate as migrated, by the medians of the batches.
func BenchmarkSink(b *testing.B) {
	columns, batches := sinkBatchesOf(b)
	for b.Loop() {
		sides := []*sinkSide{{name: "with"}, {name: "without"}}
		sides[0].open(b, "CREATE INDEX ON statement_lines (account_id, occurred_at, sequence) WHERE account_id IS NOT NULL", columns, batches)
		sides[1].open(b, "SELECT", columns, batches)
		for number, batch := range batches[sinkBefore/sinkBatch:] {
			// Neither is always first.
			for i := range sides {
				side := sides[(i+number)%len(sides)]
				began := time.Now()
				side.write(b, columns, batch)
				side.taken = append(side.taken, time.Since(began))
			}
		}
		rate := make([]float64, len(sides))
		for i, side := range sides {
			slices.Sort(side.taken)
			rate[i] = sinkBatch / side.taken[len(side.taken)/2].Seconds()
			b.ReportMetric(rate[i], side.name+"-rows/s")
			b.ReportMetric(sinkBatch/side.taken[0].Seconds(), side.name+"-best-rows/s")
		}
		b.ReportMetric(rate[0]/rate[1], "with/without")
	}
}

// sinkBatchesOf returns the columns that the sink writes, and batches in the binary format of COPY.
func sinkBatchesOf(b *testing.B) (columns string, batches [][]byte) {
	url := postgrestest.Database(b)
	statementtest.Migrated(b, url)
	sink := statementtest.NewSink(b, url)
	sink.Write(b, statementtest.Purchase(alice, 1))
	conn, err := sink.Pool().Acquire(b.Context())
	require.NoError(b, err)
	defer conn.Release()
	var names, values []string
	for _, field := range event.Fields() {
		if field.Internal {
			continue
		}
		names = append(names, field.Name)
		value := field.Name
		if other := sinkColumns[field.Name]; other != "" {
			value = other
		}
		values = append(values, value)
	}
	for first := 0; first < sinkBefore+sinkBatches*sinkBatch; first += sinkBatch {
		var batch bytes.Buffer
		query := fmt.Sprintf(sinkRows, strings.Join(values, ", "), sinkAccounts, alice[:24], sinkAccounts, first, first+sinkBatch-1, alice)
		_, err := conn.Conn().PgConn().CopyTo(b.Context(), &batch, "COPY ("+query+") TO STDOUT (FORMAT binary)")
		require.NoError(b, err)
		batches = append(batches, batch.Bytes())
	}
	return strings.Join(names, ", "), batches
}

// open makes a database, changes it as its administrator, and fills it.
func (s *sinkSide) open(b *testing.B, change, columns string, batches [][]byte) {
	url := postgrestest.Database(b)
	statementtest.Migrated(b, url)
	administrator, err := pgx.Connect(b.Context(), url)
	require.NoError(b, err)
	_, err = administrator.Exec(b.Context(), change)
	require.NoError(b, errors.Join(err, administrator.Close(b.Context())))
	s.conn, err = pgx.Connect(b.Context(), databasetest.As(b, url, postgres.SinkRole, "BYPASSRLS"))
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.conn.Close(context.Background()) })
	for _, batch := range batches[:sinkBefore/sinkBatch] {
		s.write(b, columns, batch)
	}
}

func (s *sinkSide) write(b *testing.B, columns string, batch []byte) {
	tag, err := s.conn.PgConn().CopyFrom(b.Context(), bytes.NewReader(batch), "COPY statement_lines ("+columns+") FROM STDIN (FORMAT binary)")
	require.NoError(b, err)
	require.EqualValues(b, sinkBatch, tag.RowsAffected())
}
