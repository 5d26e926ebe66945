package postgres_test

import (
	"context"
	"testing"

	"codebank.dev/identity/postgres"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestNoRoleChangesTheAuditLog(t *testing.T) {
	o := open(t)
	o.user(t, "alice@example.com")
	for _, role := range postgres.Schema().Roles {
		conn, err := pgx.Connect(t.Context(), databasetest.As(t, o.conn.Config().ConnString(), role.Name))
		require.NoError(t, err)
		defer conn.Close(context.Background())
		for _, statement := range []string{
			"UPDATE audit_log SET who = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log", "DELETE FROM audit_head", "DELETE FROM users",
			"ALTER TABLE audit_log DISABLE TRIGGER ALL", "DROP TABLE audit_log", "UPDATE users SET email = ''", "DELETE FROM migrations",
			"CREATE TABLE mine ()", "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
		} {
			_, err := conn.Exec(t.Context(), statement)
			require.Equal(t, "42501", database.State(err), "%s: %s: %v", role.Name, statement, err)
		}
		_, err = conn.Exec(t.Context(), "SELECT password_hash FROM users")
		require.Equal(t, role.Name == postgres.ServiceRole, err == nil, "%s: %v", role.Name, err)
	}
}
