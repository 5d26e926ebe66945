package postgres_test

import (
	"context"
	"flag"
	"log/slog"
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// database is a migrated database that is emptied for each rule of a suite.
type database struct {
	store *postgres.Store
	conn  *pgx.Conn
}

// migrated migrates the database at an address, whose user must be a superuser, and returns its address for
// the checkout's role.
func migrated(t testing.TB, url string) string {
	t.Helper()
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: url}))
	return databasetest.As(t, url, postgres.ServiceRole)
}

func openDatabase(t testing.TB) *database {
	t.Helper()
	url := postgrestest.Database(t)
	store, err := postgres.Open(t.Context(), postgres.Config{URL: migrated(t, url)})
	require.NoError(t, err)
	t.Cleanup(store.Close)
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

// needy is a store whose user has the privileges that readiness checks. Only the catalogue is
// replaced by another one, because a checkout does that before its calls.
type needy struct {
	*postgres.Store
	owner *postgres.Store
}

func (n needy) Replace(ctx context.Context, products []checkout.Product) error {
	return n.owner.Replace(ctx, products)
}

// A checkout that is ready can answer every call: the calls need no privilege that readiness does
// not check, and so no table.
func TestCallsNeedOnlyWhatReadinessChecks(t *testing.T) {
	d := openDatabase(t)
	openAt := func(address string) *postgres.Store {
		store, err := postgres.Open(t.Context(), postgres.Config{URL: address})
		require.NoError(t, err)
		return store
	}
	store := openAt(databasetest.Needy(t, d.conn.Config().ConnString(), nil, func(address string) error {
		store := openAt(address)
		defer store.Close()
		require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler), store.Migrated))
		return store.Ready(t.Context())
	}))
	defer store.Close()
	checkouttest.TestStore(t, func(t testing.TB) checkouttest.Store {
		d.empty(t)
		return needy{store, d.store}
	})
}

func TestLifecycle(t *testing.T) { checkouttest.TestLifecycle(t, openDatabase(t).empty) }

func TestSchedules(t *testing.T) {
	require.NoError(t, flag.Set("rapid.checks", "200"))
	checkouttest.TestSchedules(t, openDatabase(t).store)
}
