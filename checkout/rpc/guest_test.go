package rpc_test

import (
	"net/http"
	"strings"
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/platform/fault"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

func TestAGuestReadsTheOrderWithItsSecret(t *testing.T) {
	s := start(t)
	asked := request("r1", checkouttest.VisaNumber)
	asked.Guest = true
	placed, err := s.shop.PlaceOrder(t.Context(), asked)
	require.NoError(t, err)
	name, secret := placed.GetOrder().GetName(), placed.GetOrderSecret()
	require.Regexp(t, "^gos_[A-Za-z0-9_-]{43}$", secret)
	again, err := s.shop.PlaceOrder(t.Context(), asked)
	require.NoError(t, err)
	require.True(t, proto.Equal(placed, again), "the repeat's answer is the same")
	other, err := s.shop.PlaceOrder(t.Context(), func() *checkoutv1.PlaceOrderRequest {
		other := request("r2", checkouttest.VisaNumber)
		other.Guest = true
		return other
	}())
	require.NoError(t, err)
	require.NotEqual(t, secret, other.GetOrderSecret())
	known, err := s.shop.PlaceOrder(t.Context(), request("r3", checkouttest.VisaNumber))
	require.NoError(t, err)
	require.Empty(t, known.GetOrderSecret())

	for _, program := range []string{"", "panel", "mall"} {
		found, err := s.client(t, program).GetGuestOrder(t.Context(), &checkoutv1.GetGuestOrderRequest{Name: name, OrderSecret: secret})
		require.NoError(t, err, program)
		require.True(t, proto.Equal(placed.GetOrder(), found.GetOrder()))
	}
	_, nothing := s.shop.GetOrder(t.Context(), &checkoutv1.GetOrderRequest{Name: "orders/00000000-0000-4000-8000-000000000001"})
	for what, bad := range map[string]*checkoutv1.GetGuestOrderRequest{
		"another order's secret": {Name: name, OrderSecret: other.GetOrderSecret()},
		"one that was made up":   {Name: name, OrderSecret: checkout.NewOrderSecret(nil, checkout.ID{}).Reveal()},
		"an order that is not":   {Name: "orders/00000000-0000-4000-8000-000000000001", OrderSecret: secret},
		"an order of no guest":   {Name: known.GetOrder().GetName(), OrderSecret: secret},
	} {
		_, err := s.client(t, "").GetGuestOrder(t.Context(), bad)
		require.Equal(t, fault.NotFound, fault.CodeOf(err), what)
		require.Equal(t, fault.Of(nothing).Message, fault.Of(err).Message)
	}
	_, err = s.client(t, "").GetGuestOrder(t.Context(), &checkoutv1.GetGuestOrderRequest{Name: name})
	require.Equal(t, "order_secret", fault.Of(err).Field)
	_, err = s.client(t, "").GetOrder(t.Context(), &checkoutv1.GetOrderRequest{Name: name})
	require.Equal(t, fault.Unauthenticated, fault.CodeOf(err), "not without the secret")

	_, err = s.shop.PlaceOrder(t.Context(), request("r1", checkouttest.VisaNumber))
	require.Equal(t, "REQUEST_ID_REUSED", fault.Of(err).Reason, "a guest's order is no answer to another request")
	for _, program := range []string{"", "shop"} {
		asked.RequestId = "r4"
		_, err = s.client(t, program).PlaceOrder(s.as(t, ada), asked)
		require.Equal(t, "guest", fault.Of(err).Field)
	}
	status, body := s.call(t, http.MethodPost, "/v1/"+name+":getAsGuest", `{"orderSecret":"`+secret+`"}`)
	require.Equal(t, http.StatusOK, status, body)
	require.NotContains(t, body, strings.TrimPrefix(secret, "gos_"))
}
