package postgres_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/postgres"
	stackpostgres "codebank.dev/native/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// A program that believes something else than checkout.Order does not get through.
func TestTheDatabaseRepeatsTheRules(t *testing.T) {
	d := openDatabase(t)
	now := checkouttest.Start()
	orders := checkouttest.Batched(t, d.store)
	create := func(requestID string, change func(checkout.Order) (checkout.Order, error)) checkout.Order {
		order, created, err := orders.Create(t.Context(), checkouttest.Order(t, "shop", requestID, now))
		require.NoError(t, err)
		require.True(t, created)
		if change != nil {
			order, err = orders.Change(t.Context(), order, change)
			require.NoError(t, err)
		}
		return order
	}
	pending := create("pending", nil)
	voiding := create("voiding", func(o checkout.Order) (checkout.Order, error) { return o.GivenUp(checkout.TimedOut, now) })
	ended := create("ended", func(o checkout.Order) (checkout.Order, error) {
		return o.Answered(checkout.Decision{Outcome: checkout.OutcomeApproved, Purchase: "purchases/1"}, now)
	})
	const approve = `UPDATE orders SET state = 2, purchase = 'purchases/2', token = NULL, token_expires_at = NULL,
		next_at = NULL, voiding = 0, tries = 0, ended_at = now() WHERE id = $1`
	for _, rule := range []struct {
		name, sql string
		order     checkout.Order
	}{
		{"an ended order is not opened again", `UPDATE orders SET state = 1 WHERE id = $1`, ended},
		{"an approved order is not declined", `UPDATE orders SET state = 3, decline_code = '51', decline_reason = 'X' WHERE id = $1`, ended},
		{"an ended order keeps its time", `UPDATE orders SET ended_at = now() WHERE id = $1`, ended},
		{"an order being voided is not approved", approve, voiding},
		{"a decision to void is not taken back", `UPDATE orders SET voiding = 0 WHERE id = $1`, voiding},
		{"an approved order has a purchase", strings.Replace(approve, "'purchases/2'", "''", 1), pending},
		{"a declined order has a reason", strings.Replace(approve, "state = 2", "state = 3", 1), pending},
		{"an ended order keeps no token", strings.Replace(approve, "token = NULL", "token = 'ctk_x'", 1), pending},
		{"an open order has a next attempt", `UPDATE orders SET next_at = NULL WHERE id = $1`, pending},
		{"an open order keeps its token", `UPDATE orders SET token = 'ctk_other' WHERE id = $1`, pending},
		{"a price does not change", `UPDATE orders SET total_minor = 1 WHERE id = $1`, pending},
		{"an order stays its caller's", `UPDATE orders SET caller = 'thief' WHERE id = $1`, pending},
		{"an order stays its owner's", `UPDATE orders SET owner = 'user:thief' WHERE id = $1`, pending},
		{"an order is not deleted", `DELETE FROM orders WHERE id = $1`, ended},
		{"an item does not change", `UPDATE order_items SET quantity = 1 WHERE order_id = $1`, pending},
		{"an item is not deleted", `DELETE FROM order_items WHERE order_id = $1`, pending},
		{"there is no fourth state", `UPDATE orders SET state = 4 WHERE id = $1`, pending},
	} {
		t.Run(rule.name, func(t *testing.T) {
			_, err := d.conn.Exec(t.Context(), rule.sql, [16]byte(rule.order.ID))
			var refused *pgconn.PgError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "23", refused.Code[:2], refused.Message)
		})
	}
	takeBack := func(o checkout.Order) (checkout.Order, error) {
		o.PendingCharge.Voiding = checkout.NotVoiding
		return o, nil
	}
	_, err := d.store.Change(t.Context(), voiding.ID, takeBack)
	require.Equal(t, fault.Internal, fault.CodeOf(err), "a broken program, not an absent database")
	_, err = orders.Change(t.Context(), voiding, takeBack)
	require.Equal(t, fault.Internal, fault.CodeOf(err), "in a batch too")
}

func TestMigratingAgainChangesNothingAndReplicasShareSecrets(t *testing.T) {
	d := openDatabase(t)
	migrated(t, d.conn.Config().ConnString())
	first, err := d.store.Secret(t.Context(), "pages", zeros{})
	require.NoError(t, err)
	second, err := d.store.Secret(t.Context(), "pages", ones{})
	require.NoError(t, err)
	require.Equal(t, first, second)
	other, err := d.store.Secret(t.Context(), "other", ones{})
	require.NoError(t, err)
	require.NotEqual(t, first, other)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type ones struct{}

func (ones) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 1
	}
	return len(p), nil
}

func TestADatabaseThatIsAwayIsUnavailableAndComesBack(t *testing.T) {
	server := postgrestest.Own(t, stackpostgres.Options{})
	store, err := postgres.Open(t.Context(), postgres.Config{URL: migrated(t, server.URL("postgres"))})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler), store.Migrated))
	require.NoError(t, store.Ready(t.Context()))
	orders := checkouttest.Batched(t, store)
	order, _, err := orders.Create(t.Context(), checkouttest.Order(t, "shop", "r1", checkouttest.Start()))
	require.NoError(t, err)

	require.NoError(t, server.Stop(t.Context()))
	_, err = store.ByID(t.Context(), checkouttest.Program("shop"), order.ID)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	_, _, err = orders.Create(t.Context(), checkouttest.Order(t, "shop", "r2", checkouttest.Start()))
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	unchanged := func(o checkout.Order) (checkout.Order, error) { return o, nil }
	_, err = store.Change(t.Context(), order.ID, unchanged)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	_, err = orders.Change(t.Context(), order, unchanged)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.Equal(t, fault.Unavailable, fault.CodeOf(store.Ready(t.Context())))

	require.NoError(t, server.Restart(t.Context()))
	require.Eventually(t, func() bool {
		found, err := store.ByID(t.Context(), checkouttest.Program("shop"), order.ID)
		return err == nil && found.ID == order.ID
	}, 30*time.Second, 10*time.Millisecond)
}
