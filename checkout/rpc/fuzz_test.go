package rpc_test

import (
	"testing"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/platform/rpctest"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
)

// FuzzRequest: any bytes to any method are answered, by a message or by a refusal
// that blames the caller or tells of nothing found: never INTERNAL.
func FuzzRequest(f *testing.F) {
	s := start(f)
	conn := s.kit.Dial(f, s.grpc, "shop")
	methods := rpctest.Unary(checkoutv1.CheckoutService_ServiceDesc)
	methods.Seed(f,
		request("r1", checkouttest.VisaNumber),
		&checkoutv1.ListProductsRequest{PageSize: 2, PageToken: "AQ"},
		&checkoutv1.ListOrdersRequest{PageSize: 2, PageToken: "AQ", Store: "stores/books", Currency: "BRL", MaxTotalMinor: 5, States: []checkoutv1.OrderState{2}},
		&checkoutv1.GetOrderRequest{Name: "orders/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01"},
	)
	f.Fuzz(func(t *testing.T, method byte, body []byte) { methods.Invoke(t, conn, method, body) })
}
