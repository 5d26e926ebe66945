package postgres_test

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/payment/postgres"
	checkout "codebank.dev/checkout/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/outbox"
	"codebank.dev/platform/outbox/outboxtest"
)

// opened is a migrated database as the two programs' roles see it, and an administrator's connection.
type opened struct {
	store *postgres.Store
	keys  *postgres.Keys
	url   string
	conn  *pgx.Conn
}

func migrate(t testing.TB, url string) {
	t.Helper()
	pool, err := database.Open(t.Context(), database.Config{URL: url, ApplicationName: "test"})
	require.NoError(t, err)
	defer pool.Close()
	require.NoError(t, pool.Migrate(t.Context(), checkout.Schema(), func() {}))
}

func open(t testing.TB) *opened {
	t.Helper()
	url := postgrestest.Database(t)
	migrate(t, url)
	silent := slog.New(slog.DiscardHandler)
	store, err := postgres.Open(t.Context(), postgres.Config{URL: databasetest.As(t, url, checkout.PaymentGatewayRole)})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Prepare(t.Context(), silent, checkout.Schema()))
	require.NoError(t, store.Ready(t.Context()))
	keys, err := postgres.OpenKeys(t.Context(), postgres.Config{URL: databasetest.As(t, url, checkout.PaymentProcessorRole)})
	require.NoError(t, err)
	t.Cleanup(keys.Close)
	require.NoError(t, keys.Prepare(t.Context(), silent, checkout.Schema()))
	require.NoError(t, keys.Ready(t.Context()))
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	o := &opened{store: store, keys: keys, url: url, conn: conn}
	o.newMerchant(t, paymenttest.Cafe.Merchant)
	o.newMerchant(t, paymenttest.Other.Merchant)
	return o
}

func (o *opened) newMerchant(t require.TestingT, merchant string) {
	_, err := o.conn.Exec(context.Background(), "INSERT INTO merchants (slug, name) VALUES ($1, $1) ON CONFLICT DO NOTHING", merchant)
	require.NoError(t, err)
}

func (o *opened) setAccount(t require.TestingT, merchant, account string) {
	_, err := o.conn.Exec(context.Background(), "UPDATE merchants SET settlement_account = $2 WHERE slug = $1", merchant, account)
	require.NoError(t, err)
}

// empty returns the database without charges.
func (o *opened) empty(t testing.TB) paymenttest.Subject {
	t.Helper()
	_, err := o.conn.Exec(t.Context(), `TRUNCATE charges, charge_operations, charge_keys, charge_requests, charge_events,
		charge_statistics, charge_balances, merchant_sequences, charge_feed, charge_outbox, charge_offsets, payouts`)
	require.NoError(t, err)
	return paymenttest.Subject{Store: o.store, Feed: o.store, Figures: o.store, Keys: o.keys, Records: o.store, Expiries: o.store, Publications: o.store, Payouts: o.store, NewMerchant: o.newMerchant,
		SetAccount: o.setAccount}
}

func TestStore(t *testing.T) { paymenttest.TestStore(t, open(t).empty) }

func TestTheOutboxIsAStoreOfTheRelay(t *testing.T) {
	o := open(t)
	outboxtest.TestStore(t, func(t *testing.T) outboxtest.Subject {
		o.empty(t)
		return outboxtest.Subject{Store: o.store, Add: func(t *testing.T, n int) (rows []outbox.Row) {
			for i := range n {
				a := paymenttest.Acceptance(t, paymenttest.Cafe, "k"+strconv.Itoa(i), true)
				_, _, err := o.store.AcceptCharge(t.Context(), a)
				require.NoError(t, err)
				rows = append(rows, a.Record)
			}
			return rows
		}}
	})
}

// A payer sees the merchant's name, and place and category of his first store. A change is seen within a minute.
func TestAMerchantIsShownByHisNameAndHisFirstStore(t *testing.T) {
	o := open(t)
	now := paymenttest.Start
	profiles := o.store.Profiles(func() time.Time { return now })
	of := func(merchant string) payment.Profile {
		profile, err := profiles.Of(t.Context(), merchant)
		require.NoError(t, err)
		return profile
	}
	require.Equal(t, payment.Profile{Name: "nobody"}, of("nobody"))
	require.Equal(t, payment.Profile{Name: "cafe"}, of("cafe"))
	_, err := o.conn.Exec(t.Context(), `INSERT INTO stores (slug, name, category_code, city, country, merchant)
		VALUES ('b', 'B', '5812', 'Recife', 'BR', 'cafe'), ('a', 'A', '5814', 'São Paulo', 'BR', 'cafe')`)
	require.NoError(t, err)
	require.Equal(t, payment.Profile{Name: "cafe"}, of("cafe"), "it was read a moment ago")
	now = now.Add(time.Minute)
	require.Equal(t, payment.Profile{Name: "cafe", CategoryCode: "5814", City: "São Paulo", Country: "BR"}, of("cafe"))
}
