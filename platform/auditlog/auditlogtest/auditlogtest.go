// Package auditlogtest tests that the migrations of a service made an audit log that is one.
package auditlogtest

import (
	"testing"
	"time"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Record returns a record of an operator's act.
func Record(act auditlog.Act) auditlog.Record {
	return auditlog.Record{
		At: time.Date(2026, 11, 30, 12, 0, 0, 123456789, time.UTC), Act: act, WhoKind: "OPERATOR", Who: "teller", What: "cards/1",
		Address: "192.0.2.1", Trace: "0af7651916cd43dd8448eb211c80319c", Result: auditlog.ResultOK,
	}
}

// Append commits records in a transaction of their own.
func Append(t testing.TB, conn *pgx.Conn, records ...auditlog.Record) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return table.Append(t.Context(), tx, records...) }))
}

// TestTable tests the audit log of a database that a service has migrated. The log may have rows, and has
// more afterwards.
func TestTable(t *testing.T, conn *pgx.Conn) {
	before, err := table.Verify(t.Context(), conn)
	require.NoError(t, err)
	first, second := Record("CARD_BLOCKED"), Record("CARD_UNBLOCKED")
	Append(t, conn, first, second)
	var rows []auditlog.Row
	head, err := table.Rows(t.Context(), conn, func(row auditlog.Row) error {
		if row.Sequence > before.Sequence {
			row.At = row.At.UTC()
			rows = append(rows, row)
		}
		return nil
	})
	require.NoError(t, err)
	one := before.Next(first)
	require.Equal(t, []auditlog.Row{one, one.Head().Next(second)}, rows)
	require.Equal(t, rows[1].Head(), head)
	_, err = table.Verify(t.Context(), conn, before, head)
	require.NoError(t, err)

	for _, sql := range []string{"UPDATE audit_log SET who = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"} {
		_, err := conn.Exec(t.Context(), sql)
		require.ErrorContains(t, err, "append-only", sql)
	}
	for _, change := range []func(*auditlog.Record){
		func(r *auditlog.Record) { r.WhoKind = "" },
		func(r *auditlog.Record) { r.Act = "" },
	} {
		record := Record("CARD_BLOCKED")
		change(&record)
		err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return table.Append(t.Context(), tx, first, record) })
		require.ErrorContains(t, err, "violates check constraint")
	}
	after, err := table.Verify(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, head, after, "what is refused leaves nothing")
	var heads int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM audit_head").Scan(&heads))
	require.Equal(t, 1, heads)
}
