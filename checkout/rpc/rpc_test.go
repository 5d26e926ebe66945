package rpc_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/charge"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/inmem"
	"codebank.dev/checkout/merchant"
	"codebank.dev/checkout/order"
	"codebank.dev/checkout/product"
	"codebank.dev/checkout/refund"
	"codebank.dev/checkout/rpc"
	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// service is the whole merchant side on real connections, with store and bank in memory.
type service struct {
	kit   *wallstest.Kit
	store *inmem.Store
	bank  *inmem.Acquirer
	http  string // address
	grpc  string // address
	shop  checkoutv1.CheckoutServiceClient
}

func start(t testing.TB) *service {
	t.Helper()
	s := startBehind(t, func(*serve.WallsConfig) {})
	// Users place orders once it is known which sessions have ended.
	await.Until(t, func() bool {
		_, err := s.shop.PlaceOrder(s.as(t, ada), &checkoutv1.PlaceOrderRequest{})
		return fault.CodeOf(err) == fault.InvalidArgument
	}, time.Minute, 5*time.Millisecond)
	return s
}

// startBehind starts the service behind walls of its own.
func startBehind(t testing.TB, change func(*serve.WallsConfig)) *service {
	t.Helper()
	s := &service{kit: wallstest.New(t), store: inmem.NewStore(), bank: inmem.NewAcquirer(clock.System{})}
	require.NoError(t, s.store.Seed(t.Context(), checkouttest.Seeds(), checkouttest.Start()))
	s.bank.Decline("1881", checkout.Decline{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "Não há limite."})
	orders, catalogue := checkouttest.Batched(t, s.store), product.NewCache(s.store, clock.System{})
	charger, err := charge.New(charge.Config{
		Acquirer: s.bank, PendingCharges: orders, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler), Limits: checkouttest.Limits(),
	})
	require.NoError(t, err)
	pages, err := serve.NewPageTokens([]byte("a key for tests only, 32 bytes.."))
	require.NoError(t, err)
	s.kit.StartIdentity(t)
	server, err := serve.Listen(serve.Config{
		Name: "checkout", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
		Walls: s.kit.Walls(t, "checkout", func(c *serve.WallsConfig) {
			c.Operators, c.Namespaces = []string{"operator"}, map[string]string{"shop-eu": "shop"}
			change(c)
		}),
		Permissions: rpc.Permissions(), Groups: permission.Groups{rpc.Shops: {"shop", "shop-eu", "mall"}},
		Secrets: &merchant.Verifier{Secrets: s.store, Clock: clock.System{}},
	})
	require.NoError(t, err)
	checkoutv1.RegisterCheckoutServiceServer(server, &rpc.Server{
		Products: &product.Service{Catalogue: catalogue},
		Orders: &order.Service{
			Catalogue: catalogue, Orders: orders, Acquirer: s.bank, Charger: charger, Clock: clock.System{}, Random: rand.Reader,
			GuestKey: []byte("a key for tests only, 32 bytes.."),
		},
		Refunds: &refund.Service{Orders: orders, Random: rand.Reader, Refunder: &refund.Refunder{
			Acquirer: s.bank, Pending: orders, Claims: orders, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler), Limits: checkouttest.Limits(),
		}},
		Stores: s.store, Pages: pages,
	})
	acts, products := &rpc.Acts{Address: server.Address, Clock: clock.System{}}, &product.Service{Catalogue: catalogue}
	checkoutv1.RegisterMerchantServiceServer(server, &rpc.MerchantServer{
		Merchants: &merchant.Service{Store: s.store, Random: rand.Reader}, Acts: acts, Pages: pages,
	})
	checkoutv1.RegisterCatalogueServiceServer(server, &rpc.CatalogueServer{
		Products: products, Editor: &product.Editor{Store: s.store, Random: rand.Reader}, Acts: acts, Pages: pages,
	})
	require.NoError(t, server.Gateway(t.Context(), checkoutv1.RegisterCheckoutServiceHandler,
		checkoutv1.RegisterMerchantServiceHandler, checkoutv1.RegisterCatalogueServiceHandler))
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = server.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	s.http, s.grpc = server.HTTPAddress(), server.GRPCAddress()
	s.shop = s.client(t, "shop")
	return s
}

// client returns a client with the certificate of a program; without one if it is "".
func (s *service) client(t testing.TB, program string) checkoutv1.CheckoutServiceClient {
	t.Helper()
	return checkoutv1.NewCheckoutServiceClient(s.kit.Dial(t, s.grpc, program))
}

func request(requestID, number string) *checkoutv1.PlaceOrderRequest {
	return &checkoutv1.PlaceOrderRequest{
		RequestId: requestID,
		Items:     []*checkoutv1.PlaceOrderItem{{Product: "products/novel", Quantity: 2}, {Product: "products/atlas", Quantity: 1}},
		Card:      &checkoutv1.Card{Number: number, HolderName: "MARIA DA SILVA", ExpiryMonth: 3, ExpiryYear: 2030, Cvv: "739"},
		Attempt:   1,
	}
}

func TestAnOrderIsPlacedAndFound(t *testing.T) {
	s := start(t)
	placed, err := s.shop.PlaceOrder(t.Context(), request("r1", checkouttest.VisaNumber))
	require.NoError(t, err)
	o := placed.GetOrder()
	require.Equal(t, checkoutv1.OrderState_ORDER_STATE_APPROVED, o.GetState())
	require.Equal(t, "************1111", o.GetMaskedCardNumber())
	require.Equal(t, "VISA", o.GetCardBrand())
	require.EqualValues(t, 20970, o.GetTotalMinor())
	require.Equal(t, "BRL", o.GetCurrency())
	require.Equal(t, "stores/books", o.GetStore().GetName())
	require.Equal(t, "products/atlas", o.GetItems()[1].GetProduct())
	require.EqualValues(t, 12990, o.GetItems()[1].GetUnitPriceMinor())
	require.True(t, strings.HasPrefix(o.GetPurchase(), "purchases/"))
	require.True(t, o.GetCreateTime().IsValid())
	require.False(t, o.GetUpdateTime().AsTime().Before(o.GetCreateTime().AsTime()))
	found, err := s.shop.GetOrder(t.Context(), &checkoutv1.GetOrderRequest{Name: o.GetName()})
	require.NoError(t, err)
	require.True(t, proto.Equal(o, found.GetOrder()))
	again, err := s.shop.PlaceOrder(t.Context(), request("r1", checkouttest.VisaNumber))
	require.NoError(t, err)
	require.True(t, proto.Equal(o, again.GetOrder()))
}

func TestADeclinedOrderIsAnAnswer(t *testing.T) {
	s := start(t)
	placed, err := s.shop.PlaceOrder(t.Context(), request("r1", checkouttest.DecliningNumber))
	require.NoError(t, err)
	o := placed.GetOrder()
	require.Equal(t, checkoutv1.OrderState_ORDER_STATE_DECLINED, o.GetState())
	require.Equal(t, "51", o.GetDeclineCode())
	require.Equal(t, "INSUFFICIENT_FUNDS", o.GetDeclineReason())
	require.Equal(t, "Não há limite.", o.GetDeclineMessage())
}

func TestAnOrderOfAnotherCallerIsNotThere(t *testing.T) {
	s := start(t)
	placed, err := s.shop.PlaceOrder(t.Context(), request("r1", checkouttest.VisaNumber))
	require.NoError(t, err)
	name := placed.GetOrder().GetName()
	thief := s.client(t, "mall")
	_, notTheirs := thief.GetOrder(t.Context(), &checkoutv1.GetOrderRequest{Name: name})
	_, notThere := thief.GetOrder(t.Context(), &checkoutv1.GetOrderRequest{Name: "orders/00000000-0000-4000-8000-000000000001"})
	require.Equal(t, fault.NotFound, fault.CodeOf(notTheirs))
	require.Equal(t, fault.Of(notThere).Message, fault.Of(notTheirs).Message)
	own, err := thief.PlaceOrder(t.Context(), request("r1", checkouttest.VisaNumber))
	require.NoError(t, err)
	require.NotEqual(t, name, own.GetOrder().GetName())
}

func TestBadRequestsAreRefusedByTheFieldAtFault(t *testing.T) {
	s := start(t)
	for _, rule := range []struct {
		name, field string
		change      func(*checkoutv1.PlaceOrderRequest)
	}{
		{"no request id", "request_id", func(r *checkoutv1.PlaceOrderRequest) { r.RequestId = "" }},
		{"a request id too long", "request_id", func(r *checkoutv1.PlaceOrderRequest) { r.RequestId = strings.Repeat("a", 65) }},
		{"a request id with a space", "request_id", func(r *checkoutv1.PlaceOrderRequest) { r.RequestId = "a b" }},
		{"no items", "items", func(r *checkoutv1.PlaceOrderRequest) { r.Items = nil }},
		{"too many items", "items", func(r *checkoutv1.PlaceOrderRequest) {
			for range 50 {
				r.Items = append(r.Items, r.Items[0])
			}
		}},
		{"quantity 0", "items[1].quantity", func(r *checkoutv1.PlaceOrderRequest) { r.Items[1].Quantity = 0 }},
		{"a negative quantity", "items[0].quantity", func(r *checkoutv1.PlaceOrderRequest) { r.Items[0].Quantity = -2 }},
		{"quantity 1000", "items[0].quantity", func(r *checkoutv1.PlaceOrderRequest) { r.Items[0].Quantity = 1000 }},
		{"an item without a name", "items[0].product", func(r *checkoutv1.PlaceOrderRequest) { r.Items[0].Product = "" }},
		{"a malformed name", "items[1].product", func(r *checkoutv1.PlaceOrderRequest) { r.Items[1].Product = "products/A'; DROP" }},
		{"an unknown product", "items[1].product", func(r *checkoutv1.PlaceOrderRequest) { r.Items[1].Product = "products/nothing" }},
		{"items of two stores", "items[1].product", func(r *checkoutv1.PlaceOrderRequest) { r.Items[1].Product = "products/espresso" }},
		{"a negative attempt", "attempt", func(r *checkoutv1.PlaceOrderRequest) { r.Attempt = -1 }},
		{"no card", "card", func(r *checkoutv1.PlaceOrderRequest) { r.Card = nil }},
		{"a wrong check digit", "card.number", func(r *checkoutv1.PlaceOrderRequest) { r.Card.Number = "4111111111111112" }},
		{"month 13", "card.expiry_month", func(r *checkoutv1.PlaceOrderRequest) { r.Card.ExpiryMonth = 13 }},
		{"a year of two digits", "card.expiry_year", func(r *checkoutv1.PlaceOrderRequest) { r.Card.ExpiryYear = 30 }},
		{"a short code", "card.cvv", func(r *checkoutv1.PlaceOrderRequest) { r.Card.Cvv = "12" }},
		{"no holder", "card.holder_name", func(r *checkoutv1.PlaceOrderRequest) { r.Card.HolderName = "" }},
		{"a holder with a control character", "card.holder_name", func(r *checkoutv1.PlaceOrderRequest) { r.Card.HolderName = "A\u0000B" }},
		{"a holder that cannot be seen", "card.holder_name", func(r *checkoutv1.PlaceOrderRequest) { r.Card.HolderName = "\u200b" }},
		{"a holder written backwards", "card.holder_name", func(r *checkoutv1.PlaceOrderRequest) { r.Card.HolderName = "\u202eMARIA" }},
		{"a card number as holder", "card.holder_name", func(r *checkoutv1.PlaceOrderRequest) { r.Card.HolderName = checkouttest.VisaNumber }},
		{"a card number with a name", "card.holder_name", func(r *checkoutv1.PlaceOrderRequest) { r.Card.HolderName = "MARIA 3782 822463 10005" }},
		{"a card number as request id", "request_id", func(r *checkoutv1.PlaceOrderRequest) { r.RequestId = checkouttest.VisaNumber }},
		{"a card number in the request id", "request_id", func(r *checkoutv1.PlaceOrderRequest) { r.RequestId = "shop:3782-822463-10005" }},
		{"a holder too long", "card.holder_name", func(r *checkoutv1.PlaceOrderRequest) { r.Card.HolderName = strings.Repeat("x", 5000) }},
	} {
		t.Run(rule.name, func(t *testing.T) {
			bad := request("bad", checkouttest.VisaNumber)
			rule.change(bad)
			_, err := s.shop.PlaceOrder(t.Context(), bad)
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
			require.Equal(t, rule.field, fault.Of(err).Field)
			require.NotContains(t, err.Error(), checkouttest.VisaNumber)
		})
	}
	_, err := s.store.ByRequest(t.Context(), "shop", "bad")
	require.ErrorIs(t, err, checkout.ErrNoOrder)
	require.Zero(t, s.bank.Calls(), "the bank was not asked")
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string                  { return "proto" }
func (rawCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = data
	return nil
}

func TestBrokenUTF8IsTheCallersFault(t *testing.T) {
	s := start(t)
	good := request("r1", checkouttest.VisaNumber)
	good.Card.HolderName = "BROKEN-HERE"
	wire, err := proto.Marshal(good)
	require.NoError(t, err)
	wire = []byte(strings.Replace(string(wire), "BROKEN-HERE", "BROKEN\xffHERE", 1))
	conn := s.kit.Dial(t, s.grpc, "shop", serve.WithGRPC(grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}))))
	var answer []byte
	err = conn.Invoke(t.Context(), checkoutv1.CheckoutService_PlaceOrder_FullMethodName, wire, &answer)
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
}

// TestARepeatIsAnsweredWhateverTheNameHolds: the name is no part of an order, and names were not always checked for what
// they hold.
func TestARepeatIsAnsweredWhateverTheNameHolds(t *testing.T) {
	s := start(t)
	placed, err := s.shop.PlaceOrder(t.Context(), request("r1", checkouttest.VisaNumber))
	require.NoError(t, err)
	again := request("r1", checkouttest.VisaNumber)
	again.Card.HolderName = "MARIA\u200b DA SILVA"
	repeated, err := s.shop.PlaceOrder(t.Context(), again)
	require.NoError(t, err)
	require.True(t, proto.Equal(placed, repeated))
	again.Items[0].Quantity++
	_, err = s.shop.PlaceOrder(t.Context(), again)
	require.Equal(t, "REQUEST_ID_REUSED", fault.Of(err).Reason)
}

func TestAnotherBodyUnderOneRequestIDIsAborted(t *testing.T) {
	s := start(t)
	_, err := s.shop.PlaceOrder(t.Context(), request("r1", checkouttest.VisaNumber))
	require.NoError(t, err)
	other := request("r1", checkouttest.VisaNumber)
	other.Items[0].Quantity++
	_, err = s.shop.PlaceOrder(t.Context(), other)
	require.Equal(t, fault.Aborted, fault.CodeOf(err))
	require.Equal(t, "REQUEST_ID_REUSED", fault.Of(err).Reason)
}

func TestTheCatalogueIsReadPageByPage(t *testing.T) {
	s := start(t)
	var names []string
	token := ""
	for {
		page, err := s.shop.ListProducts(t.Context(), &checkoutv1.ListProductsRequest{PageSize: 2, PageToken: token})
		require.NoError(t, err)
		for _, p := range page.GetProducts() {
			names = append(names, p.GetName())
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Equal(t, []string{"products/atlas", "products/espresso", "products/novel"}, names)
	_, err := s.shop.ListProducts(t.Context(), &checkoutv1.ListProductsRequest{PageToken: "made-up"})
	require.Equal(t, "page_token", fault.Of(err).Field)
	_, err = s.shop.ListProducts(t.Context(), &checkoutv1.ListProductsRequest{PageSize: -1})
	require.Equal(t, "page_size", fault.Of(err).Field)
	found, err := s.shop.GetProduct(t.Context(), &checkoutv1.GetProductRequest{Name: "products/atlas"})
	require.NoError(t, err)
	require.Equal(t, "Atlas", found.GetProduct().GetDisplayName())
	_, err = s.shop.GetProduct(t.Context(), &checkoutv1.GetProductRequest{Name: "products/nothing"})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func TestTheSameOverREST(t *testing.T) {
	s := start(t)
	httpStatus, body := s.call(t, "POST", "/v1/orders:place", fmt.Sprintf(`{"requestId":"r1",
		"items":[{"product":"products/novel","quantity":1}],
		"card":{"number":%q,"holderName":"MARIA DA SILVA","expiryMonth":3,"expiryYear":2030,"cvv":"739"}}`, checkouttest.VisaNumber))
	require.Equal(t, http.StatusOK, httpStatus, body)
	var placed struct {
		Order struct{ Name, State, MaskedCardNumber string }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &placed))
	require.Equal(t, "ORDER_STATE_APPROVED", placed.Order.State)
	require.Equal(t, "************1111", placed.Order.MaskedCardNumber)
	httpStatus, _ = s.call(t, "GET", "/v1/"+placed.Order.Name, "")
	require.Equal(t, http.StatusOK, httpStatus)
	httpStatus, body = s.call(t, "GET", "/v1/products?pageSize=1", "")
	require.Equal(t, http.StatusOK, httpStatus)
	require.Contains(t, body, "products/atlas")
	httpStatus, body = s.call(t, "POST", "/v1/orders:place", fmt.Sprintf(`{"requestId":"r2","card":{"number":%q}}`, checkouttest.VisaNumber))
	require.Equal(t, http.StatusBadRequest, httpStatus)
	require.NotContains(t, body, checkouttest.VisaNumber)
}

func (s *service) call(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	in, err := http.NewRequestWithContext(t.Context(), method, "https://"+s.http+path, strings.NewReader(body))
	require.NoError(t, err)
	in.Header.Set("Content-Type", "application/json")
	out, err := s.kit.HTTP(t, "shop").Do(in)
	require.NoError(t, err)
	defer out.Body.Close()
	content, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	return out.StatusCode, string(content)
}
