package postgres_test

import (
	"context"
	"flag"
	"testing"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// database is a migrated database that is emptied for each rule of a suite.
type database struct {
	store *postgres.Store
	conn  *pgx.Conn
}

func openDatabase(t testing.TB) *database {
	t.Helper()
	url := postgrestest.Database(t)
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Migrate(t.Context()))
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return &database{store: store, conn: conn}
}

func (d *database) empty(t testing.TB) checkouttest.Store {
	t.Helper()
	_, err := d.conn.Exec(t.Context(), "TRUNCATE orders, order_items, products, stores")
	require.NoError(t, err)
	return d.store
}

func TestStore(t *testing.T) { checkouttest.TestStore(t, openDatabase(t).empty) }

func TestLifecycle(t *testing.T) { checkouttest.TestLifecycle(t, openDatabase(t).empty) }

func TestSchedules(t *testing.T) {
	require.NoError(t, flag.Set("rapid.checks", "200"))
	checkouttest.TestSchedules(t, openDatabase(t).store)
}
