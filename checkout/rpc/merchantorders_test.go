package rpc_test

import (
	"testing"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/wallstest"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"github.com/stretchr/testify/require"
)

// A merchant's program with a live secret, and his members, see the orders of his stores and have them refunded. To
// others these orders are not there.
func TestAMerchantSeesAndRefundsTheOrdersOfHisStores(t *testing.T) {
	s := start(t)
	s.addMember(bob, "paper")
	placed, err := s.shop.PlaceOrder(s.as(t, ada), request("r1", checkouttest.VisaNumber))
	require.NoError(t, err)
	name := placed.GetOrder().GetName()
	_, live := s.secret(t, "paper", checkoutv1.SecretMode_SECRET_MODE_LIVE)
	_, test := s.secret(t, "paper", checkoutv1.SecretMode_SECRET_MODE_TEST)
	_, other := s.secret(t, "beans", checkoutv1.SecretMode_SECRET_MODE_LIVE)
	nobody := s.client(t, "")
	all := &checkoutv1.ListOrdersRequest{PageSize: 1}
	ofStore := &checkoutv1.ListOrdersRequest{Store: "stores/books"}
	get := &checkoutv1.GetOrderRequest{Name: name}
	refund := func(id string) *checkoutv1.RefundOrderRequest {
		return &checkoutv1.RefundOrderRequest{Name: name, RequestId: id, AmountMinor: 100}
	}

	merchant := wallstest.WithToken(t.Context(), live)
	require.Equal(t, []string{name}, list(merchant, t, nobody, all))
	_, err = nobody.GetOrder(merchant, get)
	require.NoError(t, err)
	answer, err := nobody.RefundOrder(merchant, refund("f1"))
	require.NoError(t, err)
	require.Equal(t, checkoutv1.RefundState_REFUND_STATE_DONE, answer.GetRefund().GetState())

	member := s.as(t, bob)
	require.Empty(t, list(member, t, nobody, all), "without a store a member lists his own orders")
	require.Equal(t, []string{name}, list(member, t, nobody, ofStore))
	require.Empty(t, list(member, t, nobody, &checkoutv1.ListOrdersRequest{Store: "stores/coffee"}))
	_, err = nobody.GetOrder(member, get)
	require.NoError(t, err)
	_, err = nobody.RefundOrder(member, refund("f1")) // Request ids belong to who asks.
	require.NoError(t, err)
	found, err := nobody.GetOrder(member, get)
	require.NoError(t, err)
	require.EqualValues(t, 200, found.GetOrder().GetRefundedMinor())

	stranger := wallstest.WithToken(t.Context(), other)
	require.Empty(t, list(stranger, t, nobody, all))
	require.Empty(t, list(stranger, t, nobody, ofStore))
	_, err = nobody.GetOrder(stranger, get)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, err = nobody.RefundOrder(stranger, refund("f2"))
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, err = nobody.RefundOrder(s.as(t, ada), refund("f3"))
	require.Equal(t, fault.NotFound, fault.CodeOf(err), "a customer asks his shop")

	tests := wallstest.WithToken(t.Context(), test)
	for _, call := range []func() error{
		func() error { _, err := nobody.ListOrders(tests, all); return err },
		func() error { _, err := nobody.GetOrder(tests, get); return err },
		func() error { _, err := nobody.RefundOrder(tests, refund("f4")); return err },
	} {
		err := call()
		require.Equal(t, fault.PermissionDenied, fault.CodeOf(err))
		require.Equal(t, "LIVE_SECRET_REQUIRED", fault.Of(err).Reason)
	}
}
