package rpc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/rpctest"
	"codebank.dev/platform/serve"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
)

// descs are the services of the program.
var descs = []grpc.ServiceDesc{
	checkoutv1.CheckoutService_ServiceDesc, checkoutv1.MerchantService_ServiceDesc, checkoutv1.CatalogueService_ServiceDesc,
}

// A card number, and a character that turns the direction of writing, are refused in every field of
// text of every request, by the name of the field. The fields come from the contract, so that a new
// one cannot be left out.
func TestNoFieldOfTextTakesACardNumberOrWhatCannotBeSeen(t *testing.T) {
	s := start(t)
	text := func(text string) *string { return &text }
	requests := map[string]proto.Message{
		"ListOrders":   &checkoutv1.ListOrdersRequest{},
		"RefundOrder":  &checkoutv1.RefundOrderRequest{Name: "orders/00000000-0000-4000-8000-000000000001", RequestId: "f1"},
		"ListProducts": &checkoutv1.ListProductsRequest{},
		"GetProduct":   &checkoutv1.GetProductRequest{Name: "products/atlas"},
		"GetGuestOrder": &checkoutv1.GetGuestOrderRequest{
			Name: "orders/00000000-0000-4000-8000-000000000001", OrderSecret: checkout.NewOrderSecret(nil, checkout.ID{}).Reveal(),
		},
		"PlaceOrder":     request("r1", checkouttest.VisaNumber),
		"GetOrder":       &checkoutv1.GetOrderRequest{Name: "orders/00000000-0000-4000-8000-000000000001"},
		"CreateMerchant": &checkoutv1.CreateMerchantRequest{RequestId: "r1", Slug: "wood", DisplayName: "Madeira", SettlementAccount: "accounts/" + ada},
		"GetMerchant":    &checkoutv1.GetMerchantRequest{Name: "merchants/paper"},
		"ListMerchants":  &checkoutv1.ListMerchantsRequest{},
		"UpdateMerchant": &checkoutv1.UpdateMerchantRequest{
			RequestId: "r1", Name: "merchants/paper", DisplayName: text("Papel"), SettlementAccount: text("accounts/" + ada),
		},
		"AddMember":      &checkoutv1.AddMemberRequest{RequestId: "r1", Merchant: "merchants/paper", User: "users/" + ada},
		"RemoveMember":   &checkoutv1.RemoveMemberRequest{RequestId: "r1", Merchant: "merchants/paper", User: "users/" + ada},
		"ListMembers":    &checkoutv1.ListMembersRequest{Parent: "merchants/paper"},
		"CreateSecret":   &checkoutv1.CreateSecretRequest{RequestId: "r1", Parent: "merchants/paper", Mode: checkoutv1.SecretMode_SECRET_MODE_TEST},
		"ListSecrets":    &checkoutv1.ListSecretsRequest{Parent: "merchants/paper"},
		"RevokeSecret":   &checkoutv1.RevokeSecretRequest{RequestId: "r1", Name: "merchants/paper/secrets/" + ada},
		"SearchProducts": &checkoutv1.SearchProductsRequest{Store: "stores/books", Text: "a"},
		"FindProduct":    &checkoutv1.FindProductRequest{Name: "products/atlas"},
		"CreateStore": &checkoutv1.CreateStoreRequest{
			RequestId: "r1", Merchant: "merchants/paper", Slug: "maps", DisplayName: "Mapas", CategoryCode: "5942", City: "Recife", Country: "BR",
		},
		"CreateProduct": &checkoutv1.CreateProductRequest{
			RequestId: "r1", Store: "stores/books", Slug: "globe", DisplayName: "Globo", Description: "Redondo.", PriceMinor: 1, Currency: "BRL",
			PictureUrl: "https://example.com/globe.png",
		},
		"UpdateProduct": &checkoutv1.UpdateProductRequest{
			RequestId: "r1", Name: "products/atlas", DisplayName: text("Atlas"), Description: text("Mapas."), PictureUrl: text("https://example.com/a.png"),
		},
		"RetireProduct": &checkoutv1.RetireProductRequest{RequestId: "r1", Name: "products/atlas"},
	}
	fields := 0
	for _, service := range descs {
		caller := map[bool]string{true: "shop", false: "operator"}[service.ServiceName == "checkout.v1.CheckoutService"]
		conn := s.kit.Dial(t, s.grpc, caller)
		for _, method := range rpctest.Unary(service) {
			sent, known := requests[method[strings.LastIndexByte(method, '/')+1:]]
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
	}
	require.GreaterOrEqual(t, fields, 100, "the test sees the fields of the contract")
}

// Whatever is wrong with a body or a query, the answer names the field and not its value.
func TestNoAnswerOfRESTRepeatsACardNumberOrASecurityCode(t *testing.T) {
	s := start(t)
	rpctest.RequireNoEchoTo(t, s.kit.HTTP(t, "shop"), "https://"+s.http, checkoutv1.CheckoutService_ServiceDesc)
	for _, service := range descs[1:] {
		rpctest.RequireNoEchoTo(t, s.kit.HTTP(t, "operator"), "https://"+s.http, service)
	}
}
