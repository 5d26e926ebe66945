package rpc_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/platform/fault"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// list returns the names of all pages of a list.
func list(ctx context.Context, t testing.TB, client checkoutv1.CheckoutServiceClient, request *checkoutv1.ListOrdersRequest) []string {
	t.Helper()
	names := []string{}
	for {
		page, err := client.ListOrders(ctx, request)
		require.NoError(t, err)
		for _, o := range page.GetOrders() {
			names = append(names, o.GetName())
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			return names
		}
	}
}

func TestOrdersAreListedToThoseWhoSeeThem(t *testing.T) {
	s := start(t)
	place := func(ctx context.Context, program, requestID, number string) string {
		placed, err := s.client(t, program).PlaceOrder(ctx, request(requestID, number))
		require.NoError(t, err)
		return placed.GetOrder().GetName()
	}
	byShop := place(s.as(t, ada), "shop", "r1", checkouttest.VisaNumber)
	declined := place(s.as(t, ada), "", "r1", checkouttest.DecliningNumber)
	guest := place(t.Context(), "shop", "r2", checkouttest.VisaNumber)
	of := func(names ...string) []string { return names }
	for name, rule := range map[string]struct {
		ctx     context.Context
		program string
		request *checkoutv1.ListOrdersRequest
		want    []string
	}{
		"ada":                     {s.as(t, ada), "", &checkoutv1.ListOrdersRequest{}, of(byShop, declined)},
		"ada by the shop":         {s.as(t, ada), "shop", &checkoutv1.ListOrdersRequest{PageSize: 1}, of(byShop, declined)},
		"ada, of herself":         {s.as(t, ada), "", &checkoutv1.ListOrdersRequest{User: "users/" + ada}, of(byShop, declined)},
		"ada, of bob":             {s.as(t, ada), "", &checkoutv1.ListOrdersRequest{User: "users/" + bob}, of()},
		"bob":                     {s.as(t, bob), "shop", &checkoutv1.ListOrdersRequest{}, of()},
		"the shop":                {t.Context(), "shop", &checkoutv1.ListOrdersRequest{}, of(byShop, guest)},
		"the shop, of ada":        {t.Context(), "shop", &checkoutv1.ListOrdersRequest{User: "users/" + ada}, of(byShop)},
		"the mall":                {t.Context(), "mall", &checkoutv1.ListOrdersRequest{}, of()},
		"an operator":             {t.Context(), "operator", &checkoutv1.ListOrdersRequest{PageSize: 2}, of(byShop, declined, guest)},
		"an operator, of a user":  {t.Context(), "operator", &checkoutv1.ListOrdersRequest{User: "users/" + ada}, of(byShop, declined)},
		"an operator, of a store": {t.Context(), "operator", &checkoutv1.ListOrdersRequest{Store: "stores/coffee"}, of()},
		"what was declined":       {t.Context(), "operator", &checkoutv1.ListOrdersRequest{States: []checkoutv1.OrderState{checkoutv1.OrderState_ORDER_STATE_DECLINED}}, of(declined)},
		"of a total":              {t.Context(), "operator", &checkoutv1.ListOrdersRequest{Currency: "BRL", MinTotalMinor: 20971}, of()},
		"of a time that is over":  {t.Context(), "operator", &checkoutv1.ListOrdersRequest{EndTime: timestamppb.New(time.Now().Add(-time.Hour))}, of()},
		"of a time with them":     {t.Context(), "operator", &checkoutv1.ListOrdersRequest{StartTime: timestamppb.New(time.Now().Add(-time.Hour)), EndTime: timestamppb.New(time.Now().Add(time.Hour))}, of(byShop, declined, guest)},
	} {
		// Orders that were placed in the same millisecond are in any order.
		got := list(rule.ctx, t, s.client(t, rule.program), rule.request)
		slices.Sort(got)
		require.Equal(t, slices.Sorted(slices.Values(append(of(), rule.want...))), append(of(), got...), name)
	}
	page, err := s.client(t, "").ListOrders(s.as(t, ada), &checkoutv1.ListOrdersRequest{States: []checkoutv1.OrderState{checkoutv1.OrderState_ORDER_STATE_DECLINED}})
	require.NoError(t, err)
	require.Equal(t, "INSUFFICIENT_FUNDS", page.GetOrders()[0].GetDeclineReason())
	status, body := s.call(t, http.MethodGet, "/v1/orders?pageSize=1&store=stores/books&states=ORDER_STATE_APPROVED", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "nextPageToken")
}

func TestAPageOfOrdersBelongsToItsQueryAndItsReader(t *testing.T) {
	s := start(t)
	for _, requestID := range []string{"r1", "r2", "r3"} {
		_, err := s.shop.PlaceOrder(t.Context(), request(requestID, checkouttest.VisaNumber))
		require.NoError(t, err)
	}
	page, err := s.shop.ListOrders(t.Context(), &checkoutv1.ListOrdersRequest{PageSize: 1})
	require.NoError(t, err)
	token := page.GetNextPageToken()
	require.NotEmpty(t, token)
	for name, ask := range map[string]func() error{
		"another program": func() error {
			_, err := s.client(t, "mall").ListOrders(t.Context(), &checkoutv1.ListOrdersRequest{PageToken: token})
			return err
		},
		"a user of the program": func() error {
			_, err := s.shop.ListOrders(s.as(t, ada), &checkoutv1.ListOrdersRequest{PageToken: token})
			return err
		},
		"another filter": func() error {
			_, err := s.shop.ListOrders(t.Context(), &checkoutv1.ListOrdersRequest{PageToken: token, Store: "stores/books"})
			return err
		},
		"a token of products": func() error {
			products, err := s.shop.ListProducts(t.Context(), &checkoutv1.ListProductsRequest{PageSize: 1})
			require.NoError(t, err)
			_, err = s.shop.ListOrders(t.Context(), &checkoutv1.ListOrdersRequest{PageToken: products.GetNextPageToken()})
			return err
		},
	} {
		require.Equal(t, "page_token", fault.Of(ask()).Field, name)
	}
	for field, bad := range map[string]*checkoutv1.ListOrdersRequest{
		"page_size":       {PageSize: -1},
		"states":          {States: []checkoutv1.OrderState{9}},
		"store":           {Store: "books"},
		"user":            {User: ada},
		"currency":        {MaxTotalMinor: 5},
		"currency ":       {Currency: "reais"},
		"min_total_minor": {MinTotalMinor: -1},
		"max_total_minor": {Currency: "BRL", MinTotalMinor: 5, MaxTotalMinor: 4},
		"end_time":        {StartTime: timestamppb.New(time.Unix(5, 0)), EndTime: timestamppb.New(time.Unix(5, 0))},
		"start_time":      {StartTime: &timestamppb.Timestamp{Seconds: -1 << 60}},
	} {
		_, err := s.shop.ListOrders(t.Context(), bad)
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), field)
		require.Equal(t, strings.TrimSpace(field), fault.Of(err).Field)
	}
}
