package rest_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/client"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/platform/id"
)

// The client of merchants' programs speaks what the routes speak.
func TestTheClientSpeaksTheContract(t *testing.T) {
	g := start(t, newStore(), nil)
	g.now = func() time.Time { return paymenttest.Start }
	shop := g.merchant(t, g.paper)
	ctx := t.Context()
	card := client.Card{Number: "4111111111111111", HolderName: "MARIA DA SILVA", Month: 12, Year: 2031, CVV: "739"}
	order := client.NewCharge{Key: "order-1", AmountMinor: 1250, Currency: "BRL", AuthorizeOnly: true, Description: "2 × Café coado", Card: card}
	made, err := shop.CreateCharge(ctx, order)
	require.NoError(t, err)
	require.Equal(t, client.Pending, made.Status)
	require.False(t, made.Capture)
	require.Equal(t, "1111", made.Card.Last4)
	again, err := shop.CreateCharge(ctx, order)
	require.NoError(t, err)
	require.Equal(t, made, again)
	var refusal *client.Error
	order.AmountMinor++
	_, err = shop.CreateCharge(ctx, order)
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, client.ReasonKeyReused, refusal.Reason)
	_, err = shop.Capture(ctx, made.ID, client.Ask{})
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, client.ReasonChargePending, refusal.Reason)
	_, err = shop.Charge(ctx, "00000000-0000-4000-8000-000000000000")
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, client.ReasonChargeNotFound, refusal.Reason)

	parse := func(text string) id.ID {
		parsed, err := id.Parse(text)
		require.NoError(t, err)
		return parsed
	}
	g.decide(t, paymenttest.Approval(parse(made.ID), id.ID{}))
	captured, err := shop.Capture(ctx, made.ID, client.Ask{Key: "capture-1", AmountMinor: 1000})
	require.NoError(t, err)
	g.decide(t, paymenttest.Approval(parse(made.ID), parse(captured.ID)))
	refund, err := shop.Refund(ctx, made.ID, client.Ask{AmountMinor: 300})
	require.NoError(t, err)
	require.Equal(t, "refund", refund.Kind)
	require.Equal(t, "pending", refund.Status)
	_, err = shop.Void(ctx, made.ID, client.Ask{})
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, client.ReasonChargeState, refusal.Reason)
	found, err := shop.Charge(ctx, made.ID)
	require.NoError(t, err)
	require.Equal(t, client.Approved, found.Status)
	require.Equal(t, int64(700), found.RefundableMinor)
	require.Nil(t, found.ExpiresAt, "the authorization is over")
	operations, err := shop.Operations(ctx, made.ID)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{captured.ID, refund.ID}, []string{operations[0].ID, operations[1].ID})

	const more = 7
	for i := range more {
		g.created(t, g.paper, "k"+strconv.Itoa(i), charge)
	}
	listed := map[string]bool{}
	for one, err := range shop.Charges(ctx, client.Filter{PageSize: 3, From: paymenttest.Start, To: paymenttest.Start.Add(time.Second)}) {
		require.NoError(t, err)
		listed[one.ID] = true
	}
	require.Len(t, listed, more+1)
	for one, err := range shop.Charges(ctx, client.Filter{Status: client.Approved}) {
		require.NoError(t, err)
		require.Equal(t, found, one)
	}
	types := []string{}
	for event, err := range shop.Events(ctx, 0) {
		require.NoError(t, err)
		types = append(types, event.Type)
		if event.Sequence == 5 {
			require.Equal(t, found, event.Charge)
			require.Equal(t, refund, *event.Operation)
			break
		}
	}
	require.Equal(t, []string{"charge.accepted", "charge.authorized", "capture.accepted", "charge.captured", "refund.accepted"}, types)
}
