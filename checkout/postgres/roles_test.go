package postgres_test

import (
	"context"
	"testing"

	"codebank.dev/checkout/postgres"
	pool "codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestTheProgramChangesNoOrderButWhatIsOpen(t *testing.T) {
	d := openDatabase(t)
	conn, err := pgx.Connect(t.Context(), databasetest.As(t, d.conn.Config().ConnString(), postgres.ServiceRole))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	for _, statement := range []string{
		"UPDATE orders SET total_minor = 1", "UPDATE orders SET owner = ''", "DELETE FROM orders", "TRUNCATE orders", "UPDATE order_items SET quantity = 1",
		"DELETE FROM order_items", "DELETE FROM products", "DELETE FROM refunds", "UPDATE refunds SET amount_minor = 1", "UPDATE secrets SET value = ''", "DELETE FROM merchants", "UPDATE merchant_secrets SET hash = ''", "DELETE FROM merchant_secrets",
		"UPDATE acts SET fingerprint = ''", "DELETE FROM acts", "UPDATE audit_log SET who = ''", "DELETE FROM audit_log", "DELETE FROM audit_head", "DELETE FROM migrations", "CREATE TABLE mine ()",
		"DROP TABLE orders", "ALTER TABLE orders DISABLE TRIGGER ALL", "ALTER TABLE orders ADD COLUMN mine integer",
		"CREATE OR REPLACE FUNCTION guard_orders() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.Equal(t, "42501", pool.State(err), "%s: %v", statement, err)
	}
}
