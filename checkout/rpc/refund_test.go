package rpc_test

import (
	"net/http"
	"strings"
	"testing"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/platform/fault"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

func TestAnOrderIsRefundedInParts(t *testing.T) {
	s := start(t)
	placed, err := s.shop.PlaceOrder(s.as(t, ada), request("r1", checkouttest.VisaNumber))
	require.NoError(t, err)
	name := placed.GetOrder().GetName()
	part := &checkoutv1.RefundOrderRequest{Name: name, RequestId: "f1", AmountMinor: 3990, Reason: "Um romance a menos"}
	answer, err := s.shop.RefundOrder(t.Context(), part)
	require.NoError(t, err)
	made := answer.GetRefund()
	require.True(t, strings.HasPrefix(made.GetName(), name+"/refunds/"))
	require.Equal(t, checkoutv1.RefundState_REFUND_STATE_DONE, made.GetState())
	require.EqualValues(t, 3990, made.GetAmountMinor())
	require.True(t, strings.HasPrefix(made.GetReversal(), "reversals/"))
	require.True(t, made.GetEndTime().IsValid())
	require.Equal(t, checkoutv1.OrderState_ORDER_STATE_PARTIALLY_REFUNDED, answer.GetOrder().GetState())
	require.EqualValues(t, 3990, answer.GetOrder().GetRefundedMinor())
	again, err := s.shop.RefundOrder(t.Context(), part)
	require.NoError(t, err)
	require.True(t, proto.Equal(answer, again))

	whole, err := s.client(t, "operator").RefundOrder(t.Context(), &checkoutv1.RefundOrderRequest{Name: name, RequestId: "f1"})
	require.NoError(t, err)
	require.EqualValues(t, 20970-3990, whole.GetRefund().GetAmountMinor())
	found, err := s.client(t, "").GetOrder(s.as(t, ada), &checkoutv1.GetOrderRequest{Name: name})
	require.NoError(t, err)
	require.True(t, proto.Equal(whole.GetOrder(), found.GetOrder()))
	require.Equal(t, checkoutv1.OrderState_ORDER_STATE_REFUNDED, found.GetOrder().GetState())
	require.Len(t, found.GetOrder().GetRefunds(), 2)
	require.Empty(t, s.bank.Kept())
	for want, bad := range map[string]*checkoutv1.RefundOrderRequest{
		"ORDER_REFUNDED":    {Name: name, RequestId: "f2", AmountMinor: 1},
		"REQUEST_ID_REUSED": {Name: name, RequestId: "f1", AmountMinor: 1},
		"ORDER_NOT_FOUND":   {Name: "orders/00000000-0000-4000-8000-000000000001", RequestId: "f3"},
	} {
		_, err = s.shop.RefundOrder(t.Context(), bad)
		require.Equal(t, want, fault.Of(err).Reason)
	}
	_, err = s.client(t, "mall").RefundOrder(t.Context(), &checkoutv1.RefundOrderRequest{Name: name, RequestId: "f4"})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	for field, bad := range map[string]*checkoutv1.RefundOrderRequest{
		"name":         {RequestId: "f5"},
		"request_id":   {Name: name},
		"amount_minor": {Name: name, RequestId: "f5", AmountMinor: -1},
		"reason":       {Name: name, RequestId: "f5", Reason: strings.Repeat("x", 141)},
	} {
		_, err = s.shop.RefundOrder(t.Context(), bad)
		require.Equal(t, field, fault.Of(err).Field)
	}
	placed, err = s.shop.PlaceOrder(t.Context(), request("r2", checkouttest.VisaNumber))
	require.NoError(t, err)
	status, body := s.call(t, http.MethodPost, "/v1/"+placed.GetOrder().GetName()+":refund", `{"requestId":"f6","amountMinor":"1"}`)
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, body, "REFUND_STATE_DONE")
	declined, err := s.shop.PlaceOrder(t.Context(), request("r3", checkouttest.DecliningNumber))
	require.NoError(t, err)
	_, err = s.shop.RefundOrder(t.Context(), &checkoutv1.RefundOrderRequest{Name: declined.GetOrder().GetName(), RequestId: "f7"})
	require.Equal(t, "ORDER_NOT_PAID", fault.Of(err).Reason)
}
