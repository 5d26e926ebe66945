package postgres_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/postgres"
	"codebank.dev/native/await"
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
	refund := checkouttest.NewID(t)
	refunding := create("refunding", func(o checkout.Order) (checkout.Order, error) {
		return o.Answered(checkout.Decision{Outcome: checkout.OutcomeApproved, Purchase: "purchases/3"}, now)
	})
	refunding, err := orders.Change(t.Context(), refunding, func(o checkout.Order) (checkout.Order, error) {
		return o.Refunding(refund, checkouttest.RefundRequest(o.ID, "f1", 100).RefundRequest, now, now)
	})
	require.NoError(t, err)
	const insertRefund = `INSERT INTO refunds (id, order_id, caller, request_id, asked_by, asked_minor, amount_minor, reason, trace_id, state,
		reversal, refusal_reason, refusal_message, tries, next_at, created_at)
		SELECT gen_random_uuid(), $1, 'shop', 'f2', 'shop', 0, 1, '', '', 1, '', '', '', 0, now(), now()`
	const doneRefund = `UPDATE refunds SET state = 2, reversal = 'reversals/1', next_at = NULL, ended_at = now() WHERE order_id = $1`
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
		{"an order gets no other secret", `UPDATE orders SET secret_hash = decode(repeat('00', 32), 'hex') WHERE id = $1`, pending},
		{"an order is not deleted", `DELETE FROM orders WHERE id = $1`, ended},
		{"an item does not change", `UPDATE order_items SET quantity = 1 WHERE order_id = $1`, pending},
		{"an item is not deleted", `DELETE FROM order_items WHERE order_id = $1`, pending},
		{"there is no sixth state", `UPDATE orders SET state = 6 WHERE id = $1`, pending},
		{"an order that was not paid is not refunded", strings.Replace(approve, "state = 2", "refunded_minor = 1, state = 4", 1), pending},
		{"an order is not refunded without a refund", `UPDATE orders SET state = 4, refunded_minor = 1 WHERE id = $1`, ended},
		{"a pending refund gives nothing back", `UPDATE orders SET state = 4, refunded_minor = 100 WHERE id = $1`, refunding},
		{"what is refunded is of an order that was paid", insertRefund, pending},
		{"no more is refunded than was paid", strings.Replace(insertRefund, "0, 1,", "0, 20871,", 1), refunding},
		{"a refund begins pending", strings.Replace(insertRefund, "'', 1, ''", "'', 2, 'reversals/1'", 1), refunding},
		{"an order says what its refunds say", doneRefund, refunding},
		{"a refund that is done has a reversal", strings.Replace(doneRefund, "'reversals/1'", "''", 1), refunding},
		{"a refund that was refused has a reason", strings.Replace(strings.Replace(doneRefund, "state = 2", "state = 3", 1), "'reversals/1'", "''", 1), refunding},
		{"an amount that is reserved does not change", `UPDATE refunds SET amount_minor = 1, asked_minor = 1 WHERE order_id = $1`, refunding},
		{"a refund stays its order's", `UPDATE refunds SET order_id = gen_random_uuid() WHERE order_id = $1`, refunding},
		{"a refund is not deleted", `DELETE FROM refunds WHERE order_id = $1`, refunding},
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
	_, err = d.store.Change(t.Context(), voiding.ID, takeBack)
	require.Equal(t, fault.Internal, fault.CodeOf(err), "a broken program, not an absent database")
	_, err = orders.Change(t.Context(), voiding, takeBack)
	require.Equal(t, fault.Internal, fault.CodeOf(err), "in a batch too")
	doneOnce, err := orders.Change(t.Context(), refunding, func(o checkout.Order) (checkout.Order, error) { return o.RefundAnswered(refund, "reversals/1", now) })
	require.NoError(t, err)
	require.Equal(t, checkout.PartiallyRefunded, doneOnce.State)
	for _, sql := range []string{
		"UPDATE refunds SET state = 1, reversal = '', next_at = now(), ended_at = NULL WHERE order_id = $1", "UPDATE orders SET state = 2, refunded_minor = 0 WHERE id = $1",
		"UPDATE orders SET state = 5, refunded_minor = total_minor WHERE id = $1", "UPDATE orders SET refunded_minor = 99 WHERE id = $1",
	} {
		_, err := d.conn.Exec(t.Context(), sql, [16]byte(refunding.ID))
		var refused *pgconn.PgError
		require.ErrorAs(t, err, &refused, sql)
		require.Equal(t, "23", refused.Code[:2], sql)
	}
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
	await.Until(t, func() bool {
		found, err := store.ByID(t.Context(), checkouttest.Program("shop"), order.ID)
		return err == nil && found.ID == order.ID
	}, 30*time.Second, 10*time.Millisecond)
}
