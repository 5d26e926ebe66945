package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/paymenttest"
	checkout "codebank.dev/checkout/postgres"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/id"
)

// lives are one charge in each state, and an open operation.
type lives struct{ pending, rejected, authorized, capturing, approved, refunding, refund id.ID }

func live(t *testing.T, o *opened) lives {
	t.Helper()
	accept := func(key string, captureNow bool, answers ...payment.Result) payment.Charge {
		stored, _, err := o.store.AcceptCharge(t.Context(), paymenttest.Acceptance(t, paymenttest.Cafe, key, captureNow))
		require.NoError(t, err)
		for _, answer := range answers {
			answer.Charge = stored.ID
			_, err = o.store.Apply(t.Context(), []payment.Result{answer})
			require.NoError(t, err)
		}
		return stored
	}
	yes, no := paymenttest.Approval(id.ID{}, id.ID{}), paymenttest.Refusal(id.ID{}, id.ID{})
	operate := func(charge payment.Charge, kind payment.Kind) id.ID {
		operation, _, err := o.store.AcceptOperation(t.Context(), paymenttest.Operation(t, &charge, "o"+charge.ID.String(), paymenttest.Ask{Kind: kind}))
		require.NoError(t, err)
		return operation.ID
	}
	capturing, refunding := accept("capturing", false, yes), accept("refunding", true, yes)
	operate(capturing, payment.Capture)
	return lives{
		pending: accept("pending", true).ID, rejected: accept("rejected", true, no).ID, authorized: accept("authorized", false, yes).ID,
		approved: accept("approved", true, yes).ID, capturing: capturing.ID, refunding: refunding.ID, refund: operate(refunding, payment.Refund),
	}
}

// A program that believes something else than package payment does not get through.
func TestTheDatabaseRepeatsTheRules(t *testing.T) {
	o := open(t)
	l := live(t, o)
	payout, _, err := o.store.AcceptPayout(t.Context(), paymenttest.Payout(t, paymenttest.Cafe, "payout", 100))
	require.NoError(t, err)
	const update = "UPDATE charges SET version = version + 1, changed_at = now() + interval '30 years', "
	const approve = update + "state = 4, captured_minor = 500, decided_at = now()"
	for _, rule := range []struct {
		name, sql string
		id        id.ID
	}{
		{"a charge begins undecided", `INSERT INTO charges SELECT (json_populate_record(c, '{"id": "00000000-0000-4000-8000-000000000001"}')).*
			FROM charges c WHERE id = $1`, l.approved},
		{"a charge is not deleted", "DELETE FROM charges WHERE id = $1", l.rejected},
		{"an amount does not change", update + "amount_minor = 1 WHERE id = $1", l.pending},
		{"a charge stays its merchant's", update + "merchant = 'thief' WHERE id = $1", l.pending},
		{"a test stays a test", update + "mode = 2 WHERE id = $1", l.pending},
		{"a change counts", "UPDATE charges SET reserved_minor = 1 WHERE id = $1", l.approved},
		{"a decision needs a time", update + "state = 4, captured_minor = 500 WHERE id = $1", l.pending},
		{"a decided charge has no key", approve + " WHERE id = $1", l.pending},
		{"an undecided charge has a key", "DELETE FROM charge_keys WHERE charge_id = $1", l.pending},
		{"a key does not change", "UPDATE charge_keys SET key = decode(repeat('00', 32), 'hex') WHERE charge_id = $1", l.pending},
		{"a rejection has a reason", update + "state = 2, decided_at = now() WHERE id = $1", l.pending},
		{"a rejection is final", approve + ", rejection_code = '', rejection_reason = '', rejection_message = '' WHERE id = $1", l.rejected},
		{"an authorization is captured by a capture", update + "state = 4, captured_minor = 500 WHERE id = $1", l.authorized},
		{"an authorization is voided by a void", update + "state = 5, ending = 0 WHERE id = $1", l.capturing},
		{"an authorization does not end while it is captured", update + "state = 6, ending = 0 WHERE id = $1", l.capturing},
		{"no more is captured than was agreed to", update + "state = 4, ending = 0, captured_minor = 501 WHERE id = $1", l.capturing},
		{"no more is given back than was captured", update + "refunded_minor = 501 WHERE id = $1", l.approved},
		{"what is reserved is not given back", update + "refunded_minor = 1 WHERE id = $1", l.refunding},
		{"what was given back stays so", update + "refunded_minor = -1 WHERE id = $1", l.approved},
		{"what was captured stays so", update + "captured_minor = 400 WHERE id = $1", l.approved},
		{"a purchase is of a live charge", update + "purchase = 'purchases/00000000-0000-4000-8000-000000000001' WHERE id = $1", l.authorized},
		{"an authorization is asked after", update + "expiry_due_at = NULL WHERE id = $1", l.authorized},
		{"only an authorization is asked after", "UPDATE charges SET expiry_due_at = now() WHERE id = $1", l.approved},
		{"nothing changes with the time to ask", "UPDATE charges SET expiry_due_at = now(), ending = 1 WHERE id = $1", l.authorized},
		{"an operation ends once", "UPDATE charge_operations SET amount_minor = 1 WHERE id = $1", l.refund},
		{"a refused operation has a reason", "UPDATE charge_operations SET outcome = 3, ended_at = now() WHERE id = $1", l.refund},
		{"an operation is not deleted", "DELETE FROM charge_operations WHERE id = $1", l.refund},
		{"one capture or void at a time", `INSERT INTO charge_operations SELECT (json_populate_record(o, '{"id": "00000000-0000-4000-8000-000000000001"}')).*
			FROM charge_operations o WHERE charge_id = $1`, l.capturing},
		{"an operation is its charge's merchant's", `INSERT INTO charge_operations
			SELECT (json_populate_record(o, '{"id": "00000000-0000-4000-8000-000000000001", "merchant": "thief"}')).* FROM charge_operations o WHERE id = $1`, l.refund},
		{"events have no gaps", `INSERT INTO charge_events SELECT (json_populate_record(e, '{"sequence": 1000, "version": 1000}')).*
			FROM charge_events e WHERE charge_id = $1 AND version = 1`, l.pending},
		{"events do not change", "UPDATE charge_events SET state = 1 WHERE charge_id = $1", l.approved},
		{"events are not deleted", "DELETE FROM charge_events WHERE charge_id = $1", l.approved},
		{"what was published is an event", `INSERT INTO charge_feed SELECT merchant, mode, 1000, now() FROM charges WHERE id = $1`, l.approved},
		{"a payout begins undecided", `INSERT INTO payouts SELECT (json_populate_record(p, '{"id": "00000000-0000-4000-8000-000000000001", "state": 2,
			"ended_at": "2031-01-01"}')).* FROM payouts p WHERE id = $1`, payout.ID},
		{"a payout has a time to end", "UPDATE payouts SET state = 2 WHERE id = $1", payout.ID},
		{"a payout that failed has a reason", "UPDATE payouts SET state = 3, ended_at = created_at WHERE id = $1", payout.ID},
		{"a payout keeps its amount", "UPDATE payouts SET state = 2, ended_at = created_at, amount_minor = 200 WHERE id = $1", payout.ID},
		{"a payout keeps its account", "UPDATE payouts SET account = 'accounts/00000000-0000-4000-8000-000000000001' WHERE id = $1", payout.ID},
		{"a payout is not deleted", "DELETE FROM payouts WHERE id = $1", payout.ID},
		{"no more is paid out than there is", "UPDATE charge_balances SET paying_out_minor = captured_minor + 1 WHERE merchant = (SELECT merchant FROM payouts WHERE id = $1)", payout.ID},
		{"no more is paid than there is", "UPDATE charge_balances SET paid_out_minor = captured_minor + 1 WHERE merchant = (SELECT merchant FROM payouts WHERE id = $1)", payout.ID},
		{"requests are not forgotten", "DELETE FROM charge_requests WHERE id = $1", l.approved},
	} {
		_, err := o.conn.Exec(t.Context(), rule.sql, [16]byte(rule.id))
		require.NotNil(t, err, rule.name)
		require.Contains(t, []string{"23000", "23505", "23514"}, database.State(err), "%s: %v", rule.name, err)
	}
}

// Each program may do what it must and nothing else. Nobody but the processor reads a key.
func TestEachProgramHasItsRights(t *testing.T) {
	o := open(t)
	live(t, o)
	gateway := []string{
		"SELECT key FROM charge_keys", "SELECT * FROM charge_keys", "UPDATE charge_keys SET key = ''", "DELETE FROM charges", "UPDATE charges SET amount_minor = 1",
		"DELETE FROM charge_events", "UPDATE charge_events SET state = 1", "UPDATE charge_requests SET fingerprint = ''", "DELETE FROM charge_requests",
		"UPDATE charge_outbox SET body = ''", "DELETE FROM charge_statistics", "UPDATE charge_statistics SET hour = now()", "DELETE FROM charge_balances", "DELETE FROM charge_feed", "UPDATE charge_feed SET merchant = ''", "DELETE FROM payouts", "UPDATE payouts SET amount_minor = 1", "UPDATE payouts SET account = ''", "UPDATE merchants SET settlement_account = ''", "SELECT * FROM orders", "ALTER TABLE charges DISABLE TRIGGER ALL", "TRUNCATE charges",
	}
	processor := []string{
		"SELECT * FROM charges", "SELECT * FROM charge_operations", "SELECT * FROM charge_outbox", "SELECT * FROM charge_requests", "SELECT * FROM charge_events",
		"SELECT * FROM charge_feed", "SELECT * FROM payouts", "SELECT * FROM secrets", "DELETE FROM charge_keys", "UPDATE charge_keys SET key = ''", "INSERT INTO charge_keys VALUES (gen_random_uuid(), '')",
	}
	shop := []string{"SELECT * FROM charges", "SELECT * FROM payouts", "SELECT * FROM charge_keys", "SELECT * FROM charge_outbox"}
	for role, statements := range map[string][]string{
		checkout.PaymentGatewayRole: gateway, checkout.PaymentProcessorRole: processor, checkout.ServiceRole: shop,
	} {
		conn, err := pgx.Connect(t.Context(), databasetest.As(t, o.url, role))
		require.NoError(t, err)
		defer conn.Close(context.Background())
		for _, statement := range statements {
			_, err := conn.Exec(t.Context(), statement)
			require.Equal(t, "42501", database.State(err), "%s: %s: %v", role, statement, err)
		}
	}
}

// A query that forgets its WHERE shows no other merchant's rows, and without a reader none at all.
func TestAReaderSeesHisOwnRows(t *testing.T) {
	o := open(t)
	live(t, o)
	conn, err := pgx.Connect(t.Context(), databasetest.As(t, o.url, checkout.PaymentGatewayRole))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	for _, table := range []string{"charges", "charge_operations", "charge_requests", "charge_events", "charge_statistics", "charge_balances"} {
		for reader, sees := range map[string]bool{"": false, "livraria/1": false, "cafe/2": false, "cafe": false, "cafe/1": true, "*": true} {
			_, err := conn.Exec(t.Context(), "SELECT set_config('codebank.reader', $1, false)", reader)
			require.NoError(t, err)
			var rows int
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&rows))
			require.Equal(t, sees, rows > 0, "%s as %q", table, reader)
		}
	}
}

// Offsets go forward only, and only from where the program has read.
func TestOffsetsGoForward(t *testing.T) {
	o := open(t)
	topic := id.ID{7}
	for _, offsets := range []interface {
		LoadOffsets(ctx context.Context, topic id.ID) (map[int32]int64, error)
		StoreOffset(ctx context.Context, topic id.ID, partition int32, from, next int64) (bool, error)
	}{o.store.Offsets(), o.keys.Offsets()} {
		ok, err := offsets.StoreOffset(t.Context(), topic, 1, 5, 9)
		require.NoError(t, err)
		require.False(t, ok)
		for _, step := range [][2]int64{{0, 5}, {5, 9}, {5, 7}} {
			ok, err = offsets.StoreOffset(t.Context(), topic, 1, step[0], step[1])
			require.NoError(t, err)
			require.True(t, ok)
		}
		stored, err := offsets.LoadOffsets(t.Context(), topic)
		require.NoError(t, err)
		require.Equal(t, map[int32]int64{1: 9}, stored)
		topic = id.ID{8}
	}
}

// What is sent again says how often it was sent.
func TestARecordSaysHowOftenItWasSent(t *testing.T) {
	o := open(t)
	a := paymenttest.Acceptance(t, paymenttest.Cafe, "k", true)
	_, _, err := o.store.AcceptCharge(t.Context(), a)
	require.NoError(t, err)
	for range 2 {
		rows, err := o.store.Claim(t.Context(), 1, time.Minute)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.NoError(t, o.store.Sent(t.Context(), []id.ID{a.Charge.ID}))
		rows, err = o.store.Claim(t.Context(), 1, time.Minute)
		require.NoError(t, err)
		require.Empty(t, rows)
		_, err = o.conn.Exec(t.Context(), "UPDATE charge_outbox SET due_at = now()")
		require.NoError(t, err)
	}
	rows, err := o.store.Claim(t.Context(), 1, time.Minute)
	require.NoError(t, err)
	tries := rows[0].Headers[len(rows[0].Headers)-1]
	require.Equal(t, payment.HeaderTries, tries.Key)
	require.Equal(t, "2", string(tries.Value))
}
