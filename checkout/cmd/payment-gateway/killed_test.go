package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/announce"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/native/await"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/failpoint"
)

// driver is a merchant's program that sends a request again, under the same key, until it is answered. A gateway that
// was killed at its point is started again without one.
type driver struct {
	*counter
	gateway *process
	point   failpoint.Point
	killed  bool
	// flags are those of the gateway when it is started again.
	flags []string
}

// revive starts the gateway again if it was killed at its point.
func (d *driver) revive() {
	d.Helper()
	if answer, _ := d.gateway.send(d.T, "", "GET", "/livez", "", ""); answer != nil || d.killed {
		return
	}
	d.gateway.AwaitKilledAt(d.T, string(d.point))
	d.killed = true
	// A job that a killed program had is rescued within a minute.
	_, err := d.admin.Exec(d.Context(), "UPDATE river.river_job SET state = 'available', scheduled_at = now() WHERE state = 'running'")
	require.NoError(d, err)
	d.gateway = d.start(d.flags...)
	d.hasten()
}

func (d *driver) send(method, path, key, body string) (*http.Response, string) {
	d.Helper()
	for {
		answer, text := d.gateway.send(d.T, d.secrets[cafe], method, path, key, body)
		if answer != nil {
			return answer, text
		}
		require.False(d, d.killed, "the program ended without a point: %s", text)
		d.gateway.AwaitKilledAt(d.T, string(d.point))
		d.killed = true
		d.gateway = d.start(d.flags...)
		d.hasten()
	}
}

// await waits until the charge is as it should be.
func (d *driver) await(id string, done func(*shown) bool) (now shown) {
	d.Helper()
	await.Until(d, func() bool {
		answer, text := d.send("GET", "/v1/charges/"+id, "", "")
		require.Equal(d, 200, answer.StatusCode, text)
		now = shown{}
		require.NoError(d, json.Unmarshal([]byte(text), &now))
		return done(&now)
	}, time.Minute, 5*time.Millisecond)
	return now
}

// sell charges a card, waits for the decision, and gives a part back.
func (d *driver) sell() {
	d.Helper()
	answer, text := d.send("POST", "/v1/charges", "one", chargeOf(goodCard, true))
	require.Equal(d, 202, answer.StatusCode, text)
	var made shown
	require.NoError(d, json.Unmarshal([]byte(text), &made))
	require.Equal(d, "approved", d.await(made.ID, isDecided).Status)
	answer, text = d.send("POST", "/v1/charges/"+made.ID+"/refund", "back", `{"amount_minor": 250}`)
	require.Equal(d, 202, answer.StatusCode, text)
	d.await(made.ID, func(s *shown) bool { return s.RefundedMinor == 250 })
}

// requireOnce requires that there is one charge and one refund, each decided once, and no key of card data.
func (c *counter) requireOnce() {
	c.Helper()
	var charges, decisions, refunds, ends, keys int
	require.NoError(c, c.admin.QueryRow(c.Context(), `SELECT (SELECT count(*) FROM charges), (SELECT count(*) FROM charge_events WHERE kind = 2),
		(SELECT count(*) FROM charge_operations), (SELECT count(*) FROM charge_events WHERE kind = 4), (SELECT count(*) FROM charge_keys)`).
		Scan(&charges, &decisions, &refunds, &ends, &keys))
	require.Equal(c, []int{1, 1, 1, 1, 0}, []int{charges, decisions, refunds, ends, keys})
	c.requireActs("REFUND_CHARGE")
}

// requireActs requires that the audit log has these acts of the café and no others, and that its chain is whole.
func (c *counter) requireActs(acts ...string) {
	c.Helper()
	rows, err := c.admin.Query(c.Context(), "SELECT act FROM audit_log WHERE who = $1 AND who_kind = 'MERCHANT' AND result = 'OK' ORDER BY sequence", cafe)
	require.NoError(c, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(c, err)
	require.Equal(c, acts, found)
	head, err := table.Verify(c.Context(), c.admin)
	require.NoError(c, err)
	require.EqualValues(c, len(acts), head.Sequence)
}

// Wherever the gateway is killed between two durable steps, a charge and its refund are accepted once and end once.
func TestAChargeEndsOnceWhereverTheGatewayIsKilled(t *testing.T) {
	t.Parallel()
	for _, point := range []failpoint.Point{
		failpoints.ChargeAccepted, failpoints.OperationAccepted, failpoints.ChargeRecordsClaimed, failpoints.ChargeRecordsSent,
		failpoints.ChargeResultsApplied, failpoints.ChargeOffsetsStored,
	} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			c.broker.Open(t, accept.Topic)
			c.processor()
			d := &driver{counter: c, gateway: c.start("--failpoint=" + string(point)), point: point}
			d.sell()
			require.True(t, d.killed || point == failpoints.ChargeOffsetsStored)
			c.requireOnce()
		})
	}
}

// Records that could not be sent are due again, also if the gateway is killed then.
func TestAChargeEndsOnceIfTheGatewayIsKilledWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.processor()
	d := &driver{counter: c, gateway: c.start("--failpoint=" + string(failpoints.ChargeRecordsReleased)), point: failpoints.ChargeRecordsReleased}
	answer, text := d.send("POST", "/v1/charges", "one", chargeOf(goodCard, true))
	require.Equal(t, 202, answer.StatusCode, text)
	d.gateway.AwaitKilledAt(t, string(d.point))
	c.broker.Open(t, accept.Topic)
	d.gateway = c.start()
	c.hasten()
	d.sell()
	c.requireOnce()
}

// Events of charges are published, wherever the gateway is killed.
func TestEventsArePublishedWhereverTheGatewayIsKilled(t *testing.T) {
	t.Parallel()
	for _, point := range []failpoint.Point{failpoints.ChargeEventsClaimed, failpoints.ChargeEventsAnnounced} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			topic := c.broker.Open(t, announce.Topic)
			c.processor()
			d := &driver{counter: c, gateway: c.start("--failpoint=" + string(point)), point: point}
			d.sell()
			if !d.killed { // Events may come after the answers.
				d.gateway.AwaitKilledAt(t, string(point))
				c.start()
			}
			seen := map[string]bool{}
			for len(seen) < 4 {
				fetches := topic.PollFetches(t.Context())
				require.NoError(t, t.Context().Err())
				fetches.EachRecord(func(record *kgo.Record) {
					require.Equal(t, cafe+"/TEST", string(record.Key))
					seen[string(record.Value)] = true
				})
			}
			require.Len(t, seen, 4, "an event that is published again is the same")
		})
	}
}

// Wherever the processor is killed, its answer is given again and counts once.
func TestAChargeEndsOnceIfTheProcessorIsKilled(t *testing.T) {
	t.Parallel()
	for _, point := range []failpoint.Point{failpoints.ChargesAnswered, failpoints.ChargeOffsetsStored} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			c.broker.Open(t, accept.Topic)
			processor := c.processor("--failpoint=" + string(point))
			d := &driver{counter: c, gateway: c.start()}
			answer, text := d.send("POST", "/v1/charges", "one", chargeOf(goodCard, true))
			require.Equal(t, 202, answer.StatusCode, text)
			processor.AwaitKilledAt(t, string(point))
			c.processor()
			d.sell()
			c.requireOnce()
		})
	}
}
