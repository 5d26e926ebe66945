package postgres_test

import (
	"context"
	"strings"
	"testing"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/statement"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/statementtest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// as connects to a database as one of its roles.
func as(t testing.TB, url, role string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databasetest.As(t, url, role))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// inTransaction runs work in a transaction that sees the rows of a reader.
func inTransaction(t testing.TB, conn *pgx.Conn, reader string, work func(pgx.Tx)) {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(context.Background())) }()
	_, err = tx.Exec(t.Context(), postgres.SetReader, reader)
	require.NoError(t, err)
	work(tx)
}

// planAs returns the plan of a query whose parameters are an account, a reader and more, as the statement's
// role.
func planAs(t testing.TB, url, query string, account string, reader statement.Reader, more ...any) string {
	t.Helper()
	var plan []string
	inTransaction(t, as(t, url, postgres.ServiceRole), string(reader), func(tx pgx.Tx) {
		rows, err := tx.Query(t.Context(), "EXPLAIN "+query, append([]any{account, reader}, more...)...)
		require.NoError(t, err)
		plan, err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
	})
	return strings.Join(plan, "\n")
}

// counts returns how many rows a query without a WHERE sees of lines and accounts.
func counts(t testing.TB, query interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}) (lines, accounts int) {
	t.Helper()
	require.NoError(t, query.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM statement_lines), (SELECT count(*) FROM statement_accounts)").
		Scan(&lines, &accounts))
	return lines, accounts
}

// A query that forgets its WHERE sees the rows of its reader only.
func TestAQueryWithoutAWhereSeesNothingOfOthers(t *testing.T) {
	store, sink, url := opened(t)
	const stranger = "5c0d5bc1-0a35-4a3c-a5bd-74a0bd0b3d45"
	foreign := purchases(bob, 1, 5)
	for i := range foreign {
		foreign[i].CustomerID = stranger
	}
	sink.Write(t, purchases(alice, 1, 3)...)
	sink.Write(t, foreign...)
	sink.Write(t, statementtest.Refusal("a-transaction"))
	for _, account := range []string{alice, bob} {
		_, _, err := store.Advance(t.Context(), statement.Everybody, accountID(account), 100)
		require.NoError(t, err)
	}
	conn := as(t, url, postgres.ServiceRole)
	requireSeen := func(reader string, wantLines, wantAccounts int) {
		t.Helper()
		inTransaction(t, conn, reader, func(tx pgx.Tx) {
			lines, accounts := counts(t, tx)
			require.Equal(t, []int{wantLines, wantAccounts}, []int{lines, accounts}, "reader %q", reader)
			// A program of the version before names the reader only, and customers of somebody else count for nothing.
			_, err := tx.Exec(t.Context(), "SELECT set_config('codebank.customers', $1, true)", "another {"+statementtest.Customer+"}")
			require.NoError(t, err)
			lines, accounts = counts(t, tx)
			require.Equal(t, []int{wantLines, wantAccounts}, []int{lines, accounts}, "reader %q", reader)
		})
	}
	lines, accounts := counts(t, conn)
	require.Zero(t, lines+accounts, "without a reader")
	requireSeen("", 0, 0)
	requireSeen("*", 9, 2)
	requireSeen(statementtest.Customer, 3, 1)
	requireSeen(stranger, 5, 1)
	requireSeen(alice, 0, 0)
	lines, accounts = counts(t, conn)
	require.Zero(t, lines+accounts, "a reader ends with his transaction")

	require.NoError(t, link(t, store, stranger, carol))
	requireSeen(stranger, 0, 0)
	requireSeen(carol, 5, 1)
	inTransaction(t, conn, carol, func(tx pgx.Tx) {
		tag, err := tx.Exec(t.Context(), "UPDATE statement_accounts SET balance_minor = 7")
		require.NoError(t, err)
		require.EqualValues(t, 1, tag.RowsAffected(), "nor does it change another's account")
		_, err = tx.Exec(t.Context(), "SAVEPOINT before")
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), `INSERT INTO statement_accounts SELECT $1, complete_to, complete_to_time, balance_minor, held_minor,
			credit_limit_minor, currency FROM statement_accounts`, alice[:35]+"9")
		require.ErrorContains(t, err, "row-level security")
		_, err = tx.Exec(t.Context(), "ROLLBACK TO before")
		require.NoError(t, err)
	})
}

// The owner migrates rows of all customers. With a reader he sees no more than others.
func TestTheOwnerSeesTheRowsOfHisReader(t *testing.T) {
	url := postgrestest.Database(t)
	administrator, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer administrator.Close(context.Background())
	owner := databasetest.As(t, url, "statement_owner", "CREATEROLE")
	_, err = administrator.Exec(t.Context(), "ALTER DATABASE "+administrator.Config().Database+" OWNER TO statement_owner")
	require.NoError(t, err)
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: owner, BankCode: statementtest.Bank}))
	statementtest.NewSink(t, url).Write(t, purchases(alice, 1, 3)...)
	conn := as(t, url, "statement_owner")
	lines, _ := counts(t, conn)
	require.Equal(t, 3, lines, "as programs of the version before, which set no reader")
	for reader, want := range map[string]int{alice: 0, statementtest.Customer: 3} {
		inTransaction(t, conn, reader, func(tx pgx.Tx) {
			lines, _ := counts(t, tx)
			require.Equal(t, want, lines)
		})
	}
	_, err = administrator.Exec(t.Context(), "ALTER DATABASE "+administrator.Config().Database+" OWNER TO CURRENT_USER")
	require.NoError(t, err)
}

func TestTheSinkInsertsAndReadsAndNoMore(t *testing.T) {
	_, sink, url := opened(t)
	sink.Write(t, purchases(alice, 1, 2)...)
	conn := as(t, url, postgres.SinkRole)
	line := []any{"copied", "transaction", statementtest.Bank, "PURCHASE", "DEBIT", "DECLINED", "BRL", int64(1), statementtest.Opened, "ECOMMERCE"}
	columns := []string{"event_id", "transaction_id", "bank_code", "kind", "direction", "status", "currency", "amount_minor", "occurred_at", "channel"}
	copied, err := conn.CopyFrom(t.Context(), pgx.Identifier{"statement_lines"}, columns, pgx.CopyFromRows([][]any{line}))
	require.NoError(t, err)
	require.EqualValues(t, 1, copied)
	_, err = conn.Exec(t.Context(), "CREATE TEMPORARY TABLE staged AS SELECT * FROM statement_lines WITH NO DATA")
	require.NoError(t, err)
	tag, err := conn.Exec(t.Context(), "INSERT INTO statement_lines SELECT * FROM statement_lines ON CONFLICT (event_id) DO NOTHING")
	require.NoError(t, err)
	require.Zero(t, tag.RowsAffected())
	var lines int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM statement_lines").Scan(&lines))
	require.Equal(t, 3, lines)
	requireRefused(t, conn, "UPDATE statement_lines SET amount_minor = 1", "DELETE FROM statement_lines", "SELECT FROM statement_accounts",
		"SELECT FROM statement_settings", "SELECT FROM customer_links", "SELECT FROM audit_log", "INSERT INTO audit_log DEFAULT VALUES")
}

func TestNoRoleChangesLinesOrTables(t *testing.T) {
	_, _, url := opened(t)
	for _, role := range postgres.Schema().Roles {
		requireRefused(t, as(t, url, role.Name),
			"UPDATE statement_lines SET amount_minor = 1", "DELETE FROM statement_lines", "TRUNCATE statement_lines",
			"DROP TABLE statement_lines", "ALTER TABLE statement_lines ADD COLUMN mine integer", "ALTER TABLE statement_lines DISABLE ROW LEVEL SECURITY",
			"ALTER TABLE statement_lines NO FORCE ROW LEVEL SECURITY", "DROP POLICY reader_sees_his_own ON statement_lines",
			"CREATE OR REPLACE FUNCTION customers_of_reader() RETURNS text[] LANGUAGE sql AS 'SELECT NULL::text[]'",
			"CREATE TABLE mine ()", "UPDATE statement_settings SET bank_code = '002'", "DELETE FROM migrations", "UPDATE customer_links SET user_id = ''",
			"UPDATE audit_log SET who = ''", "DELETE FROM audit_log", "ALTER TABLE audit_log DISABLE TRIGGER ALL",
			"CREATE OR REPLACE FUNCTION refuse_audit_log_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
	}
	requireRefused(t, as(t, url, postgres.ServiceRole), "INSERT INTO statement_lines DEFAULT VALUES", "DELETE FROM statement_accounts")
	requireRefused(t, as(t, url, postgres.AuditorRole), "INSERT INTO statement_lines DEFAULT VALUES", "SELECT FROM statement_settings",
		"UPDATE statement_accounts SET complete_to = 1", "INSERT INTO audit_log DEFAULT VALUES", "UPDATE audit_head SET sequence = 0")
}

// requireRefused requires that the role lacks the privilege for each statement, or does not own what it is
// about.
func requireRefused(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := conn.Exec(t.Context(), statement)
		require.Equal(t, "42501", database.State(err), "%s: %s: %v", conn.Config().User, statement, err)
	}
}
