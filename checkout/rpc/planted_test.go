package rpc_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/rpctest"
	"codebank.dev/platform/serve"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
)

// A card number, and a character that turns the direction of writing, are refused in every field of
// text of every request, by the name of the field. The fields come from the contract, so that a new
// one cannot be left out.
func TestNoFieldOfTextTakesACardNumberOrWhatCannotBeSeen(t *testing.T) {
	s := start(t)
	conn := s.kit.Dial(t, s.grpc, "shop")
	requests := map[string]proto.Message{
		"ListProducts": &checkoutv1.ListProductsRequest{},
		"GetProduct":   &checkoutv1.GetProductRequest{Name: "products/atlas"},
		"ListOrders":   &checkoutv1.ListOrdersRequest{},
		"PlaceOrder":   request("r1", checkouttest.VisaNumber),
		"GetOrder":     &checkoutv1.GetOrderRequest{Name: "orders/00000000-0000-4000-8000-000000000001"},
	}
	fields := 0
	for _, method := range rpctest.Unary(checkoutv1.CheckoutService_ServiceDesc) {
		sent, known := requests[method[len("/checkout.v1.CheckoutService/"):]]
		require.True(t, known, "%s: add a request", method)
		for _, text := range []string{checkouttest.AmexNumber, "a\u202eb"} {
			rpctest.PlantText(sent, text, func(path string, changed proto.Message) {
				fields++
				if path == "card.number" && text == checkouttest.AmexNumber {
					return
				}
				err := conn.Invoke(t.Context(), method, changed, new(emptypb.Empty))
				require.Error(t, err, "%s takes %q in %s", method, text, path)
				require.NotContains(t, err.Error(), text, "%s %s", method, path)
				refused := fault.Of(serve.FromStatus(err))
				require.Equal(t, fault.InvalidArgument, refused.Code, "%s %s: %v", method, path, err)
				require.Equal(t, path, refused.Field, method)
			})
		}
	}
	require.GreaterOrEqual(t, fields, 16, "the test sees the fields of the contract")
}

// Whatever is wrong with a body or a query, the answer names the field and not its value.
func TestNoAnswerOfRESTRepeatsACardNumberOrASecurityCode(t *testing.T) {
	s := start(t)
	rpctest.RequireNoEchoTo(t, s.kit.HTTP(t, "shop"), "https://"+s.http, checkoutv1.CheckoutService_ServiceDesc)
}
