package rpc_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// Two users.
const (
	ada = "5d1f4a1e-0c1a-4f0a-9a55-3f8f7b0f2a10"
	bob = "7c2e5b2f-1d2b-4e1b-8b66-4f9f8c1f3b21"
)

// as returns a context for calls with the access token of a user.
func (s *service) as(t testing.TB, user string) context.Context {
	t.Helper()
	return wallstest.WithToken(t.Context(), s.kit.Customer(t, user))
}

// Who may call what: every method, every kind of caller, over gRPC and REST.
func TestWhoMayCallWhat(t *testing.T) {
	s := start(t)
	place := func(program, user, requestID string) string {
		placed, err := s.client(t, program).PlaceOrder(s.as(t, user), request(requestID, checkouttest.VisaNumber))
		require.NoError(t, err)
		return placed.GetOrder().GetName()
	}
	direct, byShop := place("", ada, "r1"), place("shop", ada, "r1")
	require.NotEqual(t, direct, byShop, "the request ids of a user and of a program never meet")
	asGuest := request("r-guest", checkouttest.VisaNumber)
	asGuest.Guest = true
	guests, err := s.shop.PlaceOrder(t.Context(), asGuest)
	require.NoError(t, err)
	get := func(name string) func(wallstest.Caller) proto.Message {
		return func(wallstest.Caller) proto.Message { return &checkoutv1.GetOrderRequest{Name: name} }
	}
	// The callers are: owner, other customer, service, service not listed, operator, nobody; and the owner with a token that
	// has expired, has a wrong audience, algorithm none, HS256, a retired key, an ended session, a wrong role.
	matrix := wallstest.Matrix{
		Kit: s.kit, GRPC: s.grpc, HTTP: s.http, Owner: ada, Other: bob, Service: "shop", Unlisted: "panel", Operator: "operator",
		Rows: []wallstest.Row{
			{
				Method:  checkoutv1.CheckoutService_GetOrder_FullMethodName,
				Request: get(byShop),
				Cells:   "200 404 200 403 200 401 401 401 401 401 401 401 403",
			},
			{
				Method: checkoutv1.CheckoutService_GetGuestOrder_FullMethodName,
				Request: func(wallstest.Caller) proto.Message {
					return &checkoutv1.GetGuestOrderRequest{Name: guests.GetOrder().GetName(), OrderSecret: guests.GetOrderSecret()}
				},
				Cells: "200 200 200 200 200 200 200 200 200 200 200 200 200",
			},
			{
				Method: checkoutv1.CheckoutService_RefundOrder_FullMethodName,
				Request: func(wallstest.Caller) proto.Message {
					return &checkoutv1.RefundOrderRequest{Name: byShop, RequestId: uuid.NewString(), AmountMinor: 1}
				},
				Cells: "200 404 200 403 200 401 401 401 401 401 401 401 403", // Ada is a member of the store's merchant.
			},
			{
				Method:  checkoutv1.CheckoutService_ListOrders_FullMethodName,
				Request: func(wallstest.Caller) proto.Message { return &checkoutv1.ListOrdersRequest{PageSize: 2} },
				Cells:   "200 200 200 403 200 401 401 401 401 401 401 401 403",
			},
			{
				Method: checkoutv1.CheckoutService_PlaceOrder_FullMethodName,
				Request: func(wallstest.Caller) proto.Message {
					return request(uuid.NewString(), checkouttest.VisaNumber)
				},
				Cells: "200 200 200 403 403 401 401 401 401 401 401 401 403",
			},
			{
				Method:  checkoutv1.CheckoutService_ListProducts_FullMethodName,
				Request: func(wallstest.Caller) proto.Message { return &checkoutv1.ListProductsRequest{PageSize: 2} },
				Cells:   "200 200 200 200 200 200 200 200 200 200 200 200 200",
			},
			{
				Method:  checkoutv1.CheckoutService_GetProduct_FullMethodName,
				Request: func(wallstest.Caller) proto.Message { return &checkoutv1.GetProductRequest{Name: "products/atlas"} },
				Cells:   "200 200 200 200 200 200 200 200 200 200 200 200 200",
			},
		},
	}
	matrix.Rows = append(matrix.Rows, merchantRows(s)...)
	matrix.Run(t, descs...)
}

// orderRows are methods of orders with requests that a program with a secret may try.
func orderRows() []wallstest.Row {
	row := func(method string, request proto.Message) wallstest.Row {
		return wallstest.Row{Method: method, Request: func(wallstest.Caller) proto.Message { return request }}
	}
	return []wallstest.Row{
		row(checkoutv1.CheckoutService_ListProducts_FullMethodName, &checkoutv1.ListProductsRequest{}),
		row(checkoutv1.CheckoutService_GetProduct_FullMethodName, &checkoutv1.GetProductRequest{Name: "products/atlas"}),
		row(checkoutv1.CheckoutService_PlaceOrder_FullMethodName, request("r1", checkouttest.VisaNumber)),
		row(checkoutv1.CheckoutService_GetOrder_FullMethodName, &checkoutv1.GetOrderRequest{Name: "orders/" + ada}),
		row(checkoutv1.CheckoutService_ListOrders_FullMethodName, &checkoutv1.ListOrdersRequest{}),
		row(checkoutv1.CheckoutService_RefundOrder_FullMethodName, &checkoutv1.RefundOrderRequest{Name: "orders/" + ada, RequestId: "f1"}),
	}
}

// merchantRows are the rows of what belongs to merchants. Ada is a member of paper, and Bob of beans.
func merchantRows(s *service) []wallstest.Row {
	s.addMember(ada, "paper")
	s.addMember(bob, "beans")
	row := func(method, cells string, request func(requestID string) proto.Message) wallstest.Row {
		return wallstest.Row{Method: method, Cells: cells, Request: func(wallstest.Caller) proto.Message { return request(uuid.NewString()) }}
	}
	const (
		public    = "200 200 200 200 200 200 200 200 200 200 200 200 200"
		operators = "403 403 403 403 200 401 401 401 401 401 401 401 403"
		members   = "200 404 403 403 200 401 401 401 401 401 401 401 403"
		lists     = "200 200 403 403 200 401 401 401 401 401 401 401 403"
		// What ends or is used up needs another one for each call, so it is not there: unknown is answered like another's.
		nothing = "404 404 403 403 404 401 401 401 401 401 401 401 403"
	)
	slug := func() string { return "x-" + uuid.NewString()[:13] }
	return []wallstest.Row{
		row(checkoutv1.MerchantService_CreateMerchant_FullMethodName, operators, func(id string) proto.Message {
			return &checkoutv1.CreateMerchantRequest{RequestId: id, Slug: slug(), DisplayName: "X"}
		}),
		row(checkoutv1.MerchantService_GetMerchant_FullMethodName, members, func(string) proto.Message {
			return &checkoutv1.GetMerchantRequest{Name: "merchants/paper"}
		}),
		row(checkoutv1.MerchantService_ListMerchants_FullMethodName, lists, func(string) proto.Message {
			return &checkoutv1.ListMerchantsRequest{PageSize: 10}
		}),
		row(checkoutv1.MerchantService_UpdateMerchant_FullMethodName, operators, func(id string) proto.Message {
			return &checkoutv1.UpdateMerchantRequest{RequestId: id, Name: "merchants/paper", DisplayName: proto.String(slug())}
		}),
		row(checkoutv1.MerchantService_AddMember_FullMethodName, members, func(id string) proto.Message {
			return &checkoutv1.AddMemberRequest{RequestId: id, Merchant: "merchants/paper", User: "users/" + id}
		}),
		row(checkoutv1.MerchantService_RemoveMember_FullMethodName, members, func(id string) proto.Message {
			return &checkoutv1.RemoveMemberRequest{RequestId: id, Merchant: "merchants/paper", User: "users/" + id}
		}),
		row(checkoutv1.MerchantService_ListMembers_FullMethodName, members, func(string) proto.Message {
			return &checkoutv1.ListMembersRequest{Parent: "merchants/paper", PageSize: 1}
		}),
		row(checkoutv1.MerchantService_CreateSecret_FullMethodName, members, func(id string) proto.Message {
			s.revokeAll("paper")
			return &checkoutv1.CreateSecretRequest{RequestId: id, Parent: "merchants/paper", Mode: checkoutv1.SecretMode_SECRET_MODE_TEST}
		}),
		row(checkoutv1.MerchantService_ListSecrets_FullMethodName, members, func(string) proto.Message {
			return &checkoutv1.ListSecretsRequest{Parent: "merchants/paper"}
		}),
		row(checkoutv1.MerchantService_RevokeSecret_FullMethodName, nothing, func(id string) proto.Message {
			return &checkoutv1.RevokeSecretRequest{RequestId: id, Name: "merchants/paper/secrets/" + id}
		}),
		row(checkoutv1.CatalogueService_SearchProducts_FullMethodName, public, func(string) proto.Message {
			return &checkoutv1.SearchProductsRequest{Store: "stores/books", Text: "mapas"}
		}),
		row(checkoutv1.CatalogueService_FindProduct_FullMethodName, public, func(string) proto.Message {
			return &checkoutv1.FindProductRequest{Name: "products/" + checkouttest.Products()[0].ID.String()}
		}),
		row(checkoutv1.CatalogueService_CreateStore_FullMethodName, members, func(id string) proto.Message {
			return &checkoutv1.CreateStoreRequest{
				RequestId: id, Merchant: "merchants/paper", Slug: slug(), DisplayName: "X", CategoryCode: "5942", City: "Recife", Country: "BR",
			}
		}),
		row(checkoutv1.CatalogueService_CreateProduct_FullMethodName, members, func(id string) proto.Message {
			return &checkoutv1.CreateProductRequest{
				RequestId: id, Store: "stores/books", Slug: slug(), DisplayName: "X", Description: "X.", PriceMinor: 100, Currency: "BRL",
			}
		}),
		row(checkoutv1.CatalogueService_UpdateProduct_FullMethodName, members, func(id string) proto.Message {
			return &checkoutv1.UpdateProductRequest{RequestId: id, Name: "products/novel", PriceMinor: proto.Int64(3991)}
		}),
		row(checkoutv1.CatalogueService_RetireProduct_FullMethodName, nothing, func(id string) proto.Message {
			return &checkoutv1.RetireProductRequest{RequestId: id, Name: "products/" + id}
		}),
	}
}

// An order is there for the user for whom it was placed, for the program that placed it, and for operators; for everybody
// else it is as if there were none.
func TestWhatIsNotYoursIsNotThere(t *testing.T) {
	s := start(t)
	place := func(ctx context.Context, program, requestID string) string {
		placed, err := s.client(t, program).PlaceOrder(ctx, request(requestID, checkouttest.VisaNumber))
		require.NoError(t, err)
		return placed.GetOrder().GetName()
	}
	orders := map[string]string{
		"of ada":             place(s.as(t, ada), "", "r1"),
		"of ada by the shop": place(s.as(t, ada), "shop", "r1"),
		"of the shop":        place(t.Context(), "shop", "r2"),
		"of the mall":        place(t.Context(), "mall", "r1"),
	}
	for name, rule := range map[string]struct {
		ctx     context.Context
		program string
		sees    string
	}{
		"ada":                          {s.as(t, ada), "", "of ada, of ada by the shop"},
		"ada by the shop":              {s.as(t, ada), "shop", "of ada, of ada by the shop"},
		"ada by any other":             {s.as(t, ada), "panel", "of ada, of ada by the shop"},
		"bob":                          {s.as(t, bob), "", ""},
		"bob by the shop":              {s.as(t, bob), "shop", ""},
		"the shop":                     {t.Context(), "shop", "of ada by the shop, of the shop"},
		"the shop's other certificate": {t.Context(), "shop-eu", "of ada by the shop, of the shop"},
		"the mall":                     {t.Context(), "mall", "of the mall"},
		"an operator":                  {t.Context(), "operator", "of ada, of ada by the shop, of the shop, of the mall"},
		"an operator in person": {
			wallstest.WithToken(t.Context(), s.kit.Sign(t, wallstest.Token{Subject: bob, Roles: []string{"operator"}})), "",
			"of ada, of ada by the shop, of the shop, of the mall",
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := s.client(t, rule.program)
			_, nothing := client.GetOrder(rule.ctx, &checkoutv1.GetOrderRequest{Name: "orders/" + uuid.NewString()})
			require.Equal(t, fault.NotFound, fault.CodeOf(nothing))
			for order, id := range orders {
				found, err := client.GetOrder(rule.ctx, &checkoutv1.GetOrderRequest{Name: id})
				if strings.Contains(", "+rule.sees+",", ", "+order+",") {
					require.NoError(t, err, order)
					require.Equal(t, id, found.GetOrder().GetName())
					continue
				}
				require.Equal(t, fault.NotFound, fault.CodeOf(err), order)
				require.Equal(t, fault.Of(nothing).Message, fault.Of(err).Message, "as if there were none")
			}
		})
	}
}

// A program's users share its request ids. The request of one is not answered with the order of another.
func TestARepeatIsThatOfTheSameUser(t *testing.T) {
	s := start(t)
	placed, err := s.shop.PlaceOrder(s.as(t, ada), request("r1", checkouttest.VisaNumber))
	require.NoError(t, err)
	for name, ctx := range map[string]context.Context{"with another token": s.as(t, ada), "by the program, later": t.Context()} {
		again, err := s.shop.PlaceOrder(ctx, request("r1", checkouttest.VisaNumber))
		require.NoError(t, err, name)
		require.True(t, proto.Equal(placed, again), name)
	}
	_, err = s.shop.PlaceOrder(s.as(t, bob), request("r1", checkouttest.VisaNumber))
	require.Equal(t, "REQUEST_ID_REUSED", fault.Of(err).Reason)
	require.Len(t, s.bank.Kept(), 1)
}

// An order of a version that did not record owners is its caller's, and its repeat is answered to the caller's users.
func TestAnOrderFromBeforeOwnersIsItsCallers(t *testing.T) {
	s := start(t)
	placed, err := s.shop.PlaceOrder(t.Context(), request("r1", checkouttest.VisaNumber))
	require.NoError(t, err)
	name := placed.GetOrder().GetName()
	s.store.ForgetOwners()
	for _, ctx := range []context.Context{t.Context(), s.as(t, ada)} {
		again, err := s.shop.PlaceOrder(ctx, request("r1", checkouttest.VisaNumber))
		require.NoError(t, err)
		require.True(t, proto.Equal(placed, again))
	}
	_, err = s.shop.GetOrder(t.Context(), &checkoutv1.GetOrderRequest{Name: name})
	require.NoError(t, err)
	_, err = s.shop.GetOrder(s.as(t, ada), &checkoutv1.GetOrderRequest{Name: name})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, err = s.client(t, "mall").GetOrder(t.Context(), &checkoutv1.GetOrderRequest{Name: name})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

// What a call says about itself is not believed, over gRPC and over REST.
func TestAHeaderMakesNobodyACaller(t *testing.T) {
	s := start(t)
	placed, err := s.shop.PlaceOrder(t.Context(), request("r1", checkouttest.VisaNumber))
	require.NoError(t, err)
	for program, want := range map[string]int{"mall": http.StatusNotFound, "": http.StatusUnauthorized} {
		in, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.http+"/v1/"+placed.GetOrder().GetName(), nil)
		require.NoError(t, err)
		for _, header := range []string{"X-Codebank-Caller", "Grpc-Metadata-X-Codebank-Caller"} {
			in.Header.Set(header, "shop")
		}
		out, err := s.kit.HTTP(t, program).Do(in)
		require.NoError(t, err)
		defer out.Body.Close()
		require.Equal(t, want, out.StatusCode)
		var problem struct{ Detail string }
		require.NoError(t, json.NewDecoder(out.Body).Decode(&problem))
		require.NotContains(t, problem.Detail, "shop")
	}
}

// A person whose session may have ended places no order. Reads go on, and so do programs.
func TestNoUserPaysWhileNobodyKnowsWhichSessionsHaveEnded(t *testing.T) {
	s := startBehind(t, func(c *serve.WallsConfig) { c.IdentityAddress = "127.0.0.1:1" })
	_, err := s.shop.PlaceOrder(s.as(t, ada), request("r1", checkouttest.VisaNumber))
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.Equal(t, "SESSIONS_UNKNOWN", fault.Of(err).Reason)
	require.Zero(t, s.bank.Calls(), "the bank was not asked")
	_, err = s.shop.GetOrder(s.as(t, ada), &checkoutv1.GetOrderRequest{Name: "orders/" + uuid.NewString()})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, err = s.shop.PlaceOrder(t.Context(), request("r2", checkouttest.VisaNumber))
	require.NoError(t, err)
}
