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
		&checkoutv1.RefundOrderRequest{Name: "orders/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01", RequestId: "f1", AmountMinor: 5, Reason: "One less"},
		&checkoutv1.GetGuestOrderRequest{Name: "orders/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01", OrderSecret: "gos_AAAA"},
		&checkoutv1.GetOrderRequest{Name: "orders/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01"},
	)
	f.Fuzz(func(t *testing.T, method byte, body []byte) { methods.Invoke(t, conn, method, body) })
}

// FuzzMerchantRequest is FuzzRequest for what belongs to merchants.
func FuzzMerchantRequest(f *testing.F) {
	s := start(f)
	conn := s.kit.Dial(f, s.grpc, "operator")
	methods := append(rpctest.Unary(checkoutv1.MerchantService_ServiceDesc), rpctest.Unary(checkoutv1.CatalogueService_ServiceDesc)...)
	methods.Seed(f,
		&checkoutv1.CreateMerchantRequest{RequestId: "r1", Slug: "wood", DisplayName: "Madeira"},
		&checkoutv1.ListMembersRequest{Parent: "merchants/paper", PageToken: "AQ"},
		&checkoutv1.CreateSecretRequest{RequestId: "r2", Parent: "merchants/paper", Mode: checkoutv1.SecretMode_SECRET_MODE_LIVE},
		&checkoutv1.RetireProductRequest{RequestId: "r3", Name: "products/atlas", Etag: "v1"},
	)
	f.Fuzz(func(t *testing.T, method byte, body []byte) { methods.Invoke(t, conn, method, body) })
}
