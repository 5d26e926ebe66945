package table_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/auditlogtest"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database/wire"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

var (
	begin  = &wire.Statement{Name: "begin", SQL: "BEGIN"}
	commit = &wire.Statement{Name: "commit", SQL: "COMMIT"}
)

func open(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), postgrestest.Database(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	_, err = conn.Exec(t.Context(), table.SQL)
	require.NoError(t, err)
	return conn
}

func TestTheTableIsAnAuditLog(t *testing.T) {
	conn := open(t)
	auditlogtest.TestTable(t, conn)
	auditlogtest.TestTable(t, conn)
}

func TestARecordIsCommittedWithItsActOrNeitherIs(t *testing.T) {
	conn := open(t)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, table.Append(t.Context(), tx, auditlogtest.Record("CARD_BLOCKED")))
	require.NoError(t, tx.Rollback(t.Context()))
	head, err := table.Verify(t.Context(), conn)
	require.NoError(t, err)
	require.Zero(t, head)
}

func TestABatchAppendsWhatATransactionAppends(t *testing.T) {
	conn := open(t)
	records := []auditlog.Record{auditlogtest.Record("CARD_ISSUED"), auditlogtest.Record("CARD_BLOCKED")}
	session := wire.SessionOf(conn.PgConn())
	require.NoError(t, session.PrepareStatements(t.Context(), append(table.Statements, begin, commit)...))
	for range 2 {
		var head auditlog.Head
		first := wire.Batch{Session: session}
		first.Add(begin, nil)
		table.AddLock(&first, &head)
		_, _, err := first.Run(t.Context())
		require.NoError(t, err)
		second := wire.Batch{Session: session}
		table.AddRows(&second, head, records)
		second.Add(commit, nil)
		_, tag, err := second.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, "COMMIT", tag)
	}
	byBatch, err := table.Verify(t.Context(), conn)
	require.NoError(t, err)
	other := open(t)
	auditlogtest.Append(t, other, records...)
	auditlogtest.Append(t, other, records...)
	byTransaction, err := table.Verify(t.Context(), other)
	require.NoError(t, err)
	require.EqualValues(t, 4, byBatch.Sequence)
	require.Equal(t, byTransaction, byBatch)
}

// Every head that a reader sees is a row of the one chain, whatever is appended meanwhile. The log has more
// rows than a page.
func TestAppendsAtTheSameMomentAreOneChain(t *testing.T) {
	conn := open(t)
	const writers, transactions, each = 4, 8, 300
	pool, err := pgxpool.New(t.Context(), conn.Config().ConnString())
	require.NoError(t, err)
	defer pool.Close()
	records := make([]auditlog.Record, each)
	for i := range records {
		records[i] = auditlogtest.Record(auditlog.Act(fmt.Sprint("ACT_", i)))
	}
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for range transactions {
				err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return table.Append(t.Context(), tx, records...) })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	var published []auditlog.Head
	for len(published) == 0 || published[len(published)-1].Sequence < writers*transactions*each && !t.Failed() {
		head, err := table.Head(t.Context(), pool)
		require.NoError(t, err)
		published = append(published, head)
		_, err = table.Verify(t.Context(), pool, published...)
		require.NoError(t, err)
	}
	writing.Wait()
	head, err := table.Verify(t.Context(), conn, published...)
	require.NoError(t, err)
	require.EqualValues(t, writers*transactions*each, head.Sequence)
}

// An owner of the table can switch the trigger off. The chain then shows what was done.
func TestTheFirstBrokenRowIsNamed(t *testing.T) {
	for name, tt := range map[string]struct{ sql, want string }{
		"a row was changed":         {"UPDATE audit_log SET result = 'x' WHERE sequence = 3", "row 3 was changed"},
		"a time was changed":        {"UPDATE audit_log SET at = at + interval '1 microsecond' WHERE sequence = 1", "row 1 was changed"},
		"a row is gone":             {"DELETE FROM audit_log WHERE sequence = 4", "row 4 is missing"},
		"the last row is gone":      {"DELETE FROM audit_log WHERE sequence = 6", "row 6 is missing"},
		"all rows are gone":         {"DELETE FROM audit_log", "row 1 is missing"},
		"the head was moved":        {"UPDATE audit_head SET sequence = 5", "row 6 is not the head"},
		"two rows were exchanged":   {"UPDATE audit_log SET sequence = CASE sequence WHEN 2 THEN -3 ELSE -2 END WHERE sequence IN (2, 3)", "row 1 is missing"},
		"a row was put behind them": {"INSERT INTO audit_log SELECT 7, at, act, who_kind, who, what, address, trace_id, result, hash, previous FROM audit_log WHERE sequence = 6", "row 7"},
		"the end is gone, and the head was moved": {
			"DELETE FROM audit_log WHERE sequence > 4; UPDATE audit_head SET (sequence, hash) = (SELECT sequence, hash FROM audit_log WHERE sequence = 4)",
			"row 5 is missing: row 6 was published"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := open(t)
			for range 6 {
				auditlogtest.Append(t, conn, auditlogtest.Record("CARD_BLOCKED"))
			}
			head, err := table.Verify(t.Context(), conn)
			require.NoError(t, err)
			_, err = conn.Exec(t.Context(), "ALTER TABLE audit_log DISABLE TRIGGER ALL; "+tt.sql)
			require.NoError(t, err)
			_, err = table.Verify(t.Context(), conn, head)
			require.ErrorContains(t, err, tt.want)
			require.ErrorAs(t, err, new(*auditlog.BrokenError))
		})
	}
}
