package postgres_test

import (
	"context"
	"testing"

	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// requireRefused requires that a role lacks the privilege for each statement, or does not own what
// it is about.
func requireRefused(t *testing.T, url, role string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databasetest.As(t, url, role))
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, statement := range statements {
		_, err := conn.Exec(t.Context(), statement)
		require.Equal(t, "42501", database.State(err), "%s: %s: %v", role, statement, err)
	}
}

func TestNoRoleChangesHistory(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	banktest.Buy(t, store, banktest.OpenCustomer(t, store, 1000), 10)
	for _, role := range []string{postgres.ServiceRole, postgres.OperatorRole, postgres.AuditorRole} {
		requireRefused(t, url, role,
			`UPDATE entries SET amount = 1`, `DELETE FROM entries`, `TRUNCATE entries`, `DELETE FROM accounts`,
			`ALTER TABLE entries DISABLE TRIGGER ALL`, `ALTER TABLE entries DROP CONSTRAINT entries_rules`,
			`ALTER TABLE entries ADD COLUMN mine integer`, `DROP TABLE entries`, `DROP VIEW refusals`,
			`DROP TRIGGER entries_are_final ON entries`, `SET session_replication_role = replica`,
			`CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
			`CREATE TABLE mine ()`, `UPDATE bank SET code = '002'`, `DELETE FROM migrations`,
			`UPDATE accounts SET customer_id = gen_random_uuid()`, `UPDATE cards SET account_id = gen_random_uuid()`,
			`UPDATE vault SET lookup = ''`, `UPDATE outbox SET body = ''`,
			`UPDATE audit_log SET who = ''`, `DELETE FROM audit_log`, `ALTER TABLE audit_log DISABLE TRIGGER ALL`,
			`CREATE OR REPLACE FUNCTION refuse_audit_log_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`)
	}
	requireRefused(t, url, postgres.OperatorRole, `SELECT FROM vault`, `INSERT INTO entries DEFAULT VALUES`, `DELETE FROM outbox`,
		`UPDATE accounts SET balance = 0`)
	requireRefused(t, url, postgres.AuditorRole, `SELECT FROM vault`, `INSERT INTO outbox DEFAULT VALUES`, `UPDATE accounts SET version = 0`,
		`UPDATE relay_lease SET epoch = 0`, `INSERT INTO audit_log DEFAULT VALUES`, `UPDATE audit_head SET sequence = 0`)
}

// A table that is added is nobody's before the schema says whose it is.
func TestEveryTableBelongsToARole(t *testing.T) {
	url := postgrestest.Database(t)
	openAt(t, url)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	for _, table := range tables {
		used := table == "migrations"
		for _, role := range postgres.Schema().Roles {
			used = used || role.Rights[table] != ""
		}
		require.True(t, used, "%s: say in roles.go what who may do with it", table)
	}
}
