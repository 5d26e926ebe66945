package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/auditlog/auditlogtest"
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
	_, err := d.conn.Exec(t.Context(), "TRUNCATE orders, order_items, refunds, products, stores, merchants, merchant_members, merchant_secrets, merchant_sequences, acts, "+
		"webhook_endpoints, webhook_secrets, webhook_cursors, webhook_deliveries, webhook_attempts")
	require.NoError(t, err)
	return d.store
}

func TestStore(t *testing.T) { checkouttest.TestStore(t, openDatabase(t).empty) }

// needy is a store whose user has the privileges that readiness checks. Only the seeds are stored by another
// one, because a checkout does that before its calls.
type needy struct {
	*postgres.Store
	owner *postgres.Store
}

func (n needy) Seed(ctx context.Context, seeds checkout.Seeds, now time.Time) error {
	return n.owner.Seed(ctx, seeds, now)
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

func TestMerchantRuns(t *testing.T) {
	require.NoError(t, flag.Set("rapid.checks", "40"))
	checkouttest.TestMerchantRuns(t, openDatabase(t).empty)
}

// The log of acts has a record of each act that was done, and of no other.
func TestAnActAndItsRecordAreOneCommit(t *testing.T) {
	d := openDatabase(t)
	require.NoError(t, d.store.Seed(t.Context(), checkouttest.Seeds(), checkouttest.Start()))
	auditlogtest.TestTable(t, d.conn)
	before, err := d.store.AuditHead(t.Context())
	require.NoError(t, err)
	add := func(act checkout.Act, slug string) error {
		_, err := d.store.AddMember(t.Context(), act, slug, checkouttest.NewID(t))
		return err
	}
	act := checkouttest.Act(checkouttest.Operator(), "r1")
	require.NoError(t, add(act, "paper"))
	require.NoError(t, add(act, "paper"), "a repeat")
	require.ErrorIs(t, add(checkouttest.Act(checkouttest.Operator(), "r2"), "nothing"), checkout.ErrNoMerchant)
	after, err := d.store.AuditHead(t.Context())
	require.NoError(t, err)
	next := before.Next(act.Record)
	require.Equal(t, next.Head(), after)
}

// A store from before merchants has a merchant of its slug and name. A replica of a version before still stores its
// catalogue, and neither moves a store to another merchant nor makes merchants of stores that are there.
func TestStoresFromBeforeHaveAMerchant(t *testing.T) {
	d := openDatabase(t)
	exec := func(statement string) {
		t.Helper()
		_, err := d.conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	for _, statement := range []string{
		"DROP TABLE webhook_endpoints, webhook_secrets, webhook_cursors, webhook_deliveries, webhook_attempts",
		"DROP TABLE charges, charge_operations, charge_keys, charge_requests, merchant_sequences, charge_events, charge_outbox, charge_offsets CASCADE",
		"DROP FUNCTION guard_charges, guard_charge_operations, guard_new_charge_operations, guard_charge_keys, guard_deleted_charge_keys, " +
			"guard_charge_events, guard_unchanging CASCADE",
		"DROP TABLE audit_log, audit_head, acts, merchant_secrets, merchant_members, merchants CASCADE",
		"DROP FUNCTION refuse_audit_log_change, guard_merchant_secrets, give_store_a_merchant, count_product_version CASCADE",
		"ALTER TABLE stores DROP COLUMN merchant",
		"ALTER TABLE products DROP COLUMN id, DROP COLUMN picture_url, DROP COLUMN version",
		"DELETE FROM migrations WHERE version_id >= 5",
	} {
		exec(statement)
	}
	const before = `INSERT INTO stores AS s (slug, name, category_code, city, country) VALUES ('%s', 'Livros', '5942', 'Recife', 'BR')
		ON CONFLICT (slug) DO UPDATE SET name = excluded.name`
	exec(fmt.Sprintf(before, "books"))
	exec("INSERT INTO products (slug, store_slug, name, description, price_minor, currency, listed) VALUES ('novel', 'books', 'N', 'N.', 1, 'BRL', true)")
	migrated(t, d.conn.Config().ConnString())
	books, err := d.store.Merchant(t.Context(), checkouttest.Operator(), "books")
	require.NoError(t, err)
	require.Equal(t, "Livros", books.Name)
	products, _, err := d.store.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, "books", products[0].Merchant)
	require.False(t, products[0].ID.IsZero())
	require.EqualValues(t, 1, products[0].Version)

	require.NoError(t, d.store.Seed(t.Context(), checkouttest.Seeds(), checkouttest.Start()))
	exec(fmt.Sprintf(before, "coffee"))
	exec(fmt.Sprintf(before, "maps"))
	exec("UPDATE products SET price_minor = 7 WHERE slug = 'novel'")
	products, _, err = d.store.Load(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, products[2].Version, "the version counts what others change")
	var slugs []string
	merchants, err := d.store.Merchants(t.Context(), checkouttest.Operator(), "", 10)
	require.NoError(t, err)
	for _, m := range merchants {
		slugs = append(slugs, m.Slug)
	}
	require.Equal(t, []string{"beans", "books", "maps", "paper"}, slugs)
}
