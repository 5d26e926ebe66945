package main

import (
	"testing"
	"time"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// impatient takes up soon what a killed program left.
var impatient = []string{"--charge-deadline=500ms", "--try-timeout=200ms", "--reconcile-every=50ms", "--reconcile-backoff=200ms"}

// refundOf asks for a part of an order of 1500 centavos.
func refundOf(order string) *checkoutv1.RefundOrderRequest {
	return &checkoutv1.RefundOrderRequest{Name: order, RequestId: "f1", AmountMinor: 600}
}

// awaitRefund returns an order once none of its refunds is open.
func awaitRefund(t *testing.T, p *process, order string) (ended *checkoutv1.Order) {
	t.Helper()
	await.Until(t, func() bool {
		answer, err := p.client.GetOrder(t.Context(), &checkoutv1.GetOrderRequest{Name: order})
		ended = answer.GetOrder()
		for _, refund := range ended.GetRefunds() {
			if refund.GetState() == checkoutv1.RefundState_REFUND_STATE_PENDING {
				return false
			}
		}
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	return ended
}

// killedRefunding has the program die at a point while an order is refunded, and shows that after a restart the
// refund is made, once.
func killedRefunding(t *testing.T, point failpoint.Point) {
	databaseURL := postgrestest.Database(t)
	bank, peer := newBank(t)
	first := point
	if point == failpoints.RefundsClaimed { // A refund that was left open, to be claimed.
		first = failpoints.RefundStored
	}
	dying := start(t, databaseURL, peer, append(impatient, "--failpoint="+string(first))...)
	placed, err := dying.client.PlaceOrder(t.Context(), request("r1"))
	require.NoError(t, err)
	name := placed.GetOrder().GetName()
	_, err = dying.client.RefundOrder(t.Context(), refundOf(name))
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	dying.AwaitKilledAt(t, string(first))
	if first != point {
		launch(t, databaseURL, peer, append(impatient, "--failpoint="+string(point))...).AwaitKilledAt(t, string(point))
	}

	p := start(t, databaseURL, peer, impatient...)
	ended := awaitRefund(t, p, name)
	require.Equal(t, checkoutv1.OrderState_ORDER_STATE_PARTIALLY_REFUNDED, ended.GetState())
	require.EqualValues(t, 600, ended.GetRefundedMinor())
	again, err := p.client.RefundOrder(t.Context(), refundOf(name))
	require.NoError(t, err)
	require.Equal(t, ended.GetRefunds()[0].GetName(), again.GetRefund().GetName(), "an answer stands")
	require.Len(t, bank.Kept(), 1)
	for _, left := range bank.Kept() {
		require.EqualValues(t, 900, left.Minor)
	}
	requireRecordOfRefund(t, databaseURL, again.GetRefund().GetName())
	p.Interrupt(t)
}

// requireRecordOfRefund requires that the audit log has a refund once and nothing else, and that its chain is whole.
func requireRecordOfRefund(t *testing.T, databaseURL, refund string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	head, err := table.Verify(t.Context(), conn)
	require.NoError(t, err)
	require.EqualValues(t, 1, head.Sequence)
	var act, what string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT act, what FROM audit_log").Scan(&act, &what))
	require.Equal(t, []string{"REFUND_ORDER", refund}, []string{act, what})
}

// The bank's own program gives back what checkout says, also when checkout dies before it knows.
func TestRefundsAtTheRealBank(t *testing.T) {
	const limit = 1_000_000
	bank, databaseURL := checkouttest.NewBank(t, postgrestest.Database(t)), postgrestest.Database(t)
	bank.Start(t)
	card, account := bank.Issue(t, limit)
	order := request("r1")
	order.Card = &checkoutv1.Card{
		Number: card.Number.Reveal(), HolderName: card.HolderName, Cvv: card.CVV.Reveal(),
		ExpiryMonth: int32(card.Expiry.Month), ExpiryYear: int32(card.Expiry.Year),
	}
	dying := startAt(t, bank, databaseURL, "--reconcile-every=50ms", "--failpoint="+string(failpoints.AfterRefundAnswer)+":2")
	placed, err := dying.client.PlaceOrder(t.Context(), order)
	require.NoError(t, err)
	name := placed.GetOrder().GetName()
	require.EqualValues(t, limit-1500, bank.Available(t, account))
	answer, err := dying.client.RefundOrder(t.Context(), refundOf(name))
	require.NoError(t, err)
	require.Equal(t, checkoutv1.RefundState_REFUND_STATE_DONE, answer.GetRefund().GetState())
	require.EqualValues(t, limit-900, bank.Available(t, account))
	rest := &checkoutv1.RefundOrderRequest{Name: name, RequestId: "f2", Reason: "Devolvido"}
	_, err = dying.client.RefundOrder(t.Context(), rest)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	dying.AwaitKilledAt(t, string(failpoints.AfterRefundAnswer))
	require.EqualValues(t, limit, bank.Available(t, account), "the bank has given back, and checkout does not know")

	p := startAt(t, bank, databaseURL, impatient...)
	ended := awaitRefund(t, p, name)
	require.Equal(t, checkoutv1.OrderState_ORDER_STATE_REFUNDED, ended.GetState())
	require.EqualValues(t, 1500, ended.GetRefundedMinor())
	require.EqualValues(t, limit, bank.Available(t, account), "once")
	p.Interrupt(t)
}
