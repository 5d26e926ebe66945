package checkouttest

import (
	"strconv"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/platform/money"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// listed returns the request ids of a list.
func listed(t require.TestingT, store shelf, ctx testing.TB, query checkout.OrderQuery) []string {
	ids := []string{}
	for {
		page, err := store.List(ctx.Context(), query)
		require.NoError(t, err)
		for i := range page {
			ids = append(ids, page[i].RequestID)
			query.After = checkout.PositionOf(&page[i])
		}
		if len(page) < query.Limit {
			return ids
		}
	}
}

// ordersAreListed has orders of two users and two programs, open and ended.
func ordersAreListed(t *testing.T, store shelf) {
	create := func(requestID, caller, owner string, minute int, end func(checkout.Order) (checkout.Order, error)) {
		order := Order(t, caller, requestID, Start().Add(time.Duration(minute)*time.Minute))
		order.Owner = owner
		_, _, err := store.Create(t.Context(), order)
		require.NoError(t, err)
		if end != nil {
			_, err = store.Change(t.Context(), order, end)
			require.NoError(t, err)
		}
	}
	create("paid", "shop", "user:ada", 0, approveIt)
	create("open", "shop", "user:ada", 1, nil)
	create("declined", "shop", "user:ada", 2, declineIt)
	create("guest", "shop", "shop", 3, approveIt)
	create("bob's", "mall", "user:bob", 4, approveIt)
	create("himself", "user:ada", "user:ada", 5, nil)
	for name, rule := range map[string]struct {
		by   checkout.Requester
		of   string
		want []string
	}{
		"a user":                     {checkout.Requester{Caller: "shop", User: "user:ada"}, "", []string{"himself", "declined", "open", "paid"}},
		"a program":                  {Program("shop"), "", []string{"guest", "declined", "open", "paid"}},
		"a program, of a user":       {Program("shop"), "user:ada", []string{"declined", "open", "paid"}},
		"an operator":                {checkout.Requester{Caller: "o", Operator: true}, "", []string{"himself", "bob's", "guest", "declined", "open", "paid"}},
		"an operator, of a user":     {checkout.Requester{Caller: "o", Operator: true}, "user:bob", []string{"bob's"}},
		"a user, of another":         {checkout.Requester{User: "user:ada"}, "user:bob", []string{}},
		"somebody who has no orders": {Program("kiosk"), "", []string{}},
		"nobody":                     {checkout.Requester{}, "", []string{}},
		"the store's merchant":       {checkout.Requester{IsMerchant: true, Stores: []string{"books"}}, "", []string{"himself", "bob's", "guest", "declined", "open", "paid"}},
		"the merchant, of a user":    {checkout.Requester{IsMerchant: true, Stores: []string{"books"}}, "user:bob", []string{"bob's"}},
		"another store's merchant":   {checkout.Requester{IsMerchant: true, Stores: []string{"coffee"}}, "", []string{}},
		"a merchant without stores":  {checkout.Requester{Caller: "shop", IsMerchant: true}, "", []string{}},
	} {
		scope := rule.by.Scope()
		if rule.of != "" {
			scope = scope.Of(rule.of)
		}
		for _, limit := range []int{1, 3, 100} {
			require.Equal(t, rule.want, listed(t, store, t, checkout.OrderQuery{Scope: scope, Limit: limit}), "%s, %d", name, limit)
		}
	}
	page, err := store.List(t.Context(), checkout.OrderQuery{
		Scope: checkout.Scope{Owner: "user:ada"}, Filter: checkout.OrderFilter{States: []checkout.OrderState{checkout.Declined}}, Limit: 5,
	})
	require.NoError(t, err)
	require.Len(t, page, 1)
	require.Equal(t, "INSUFFICIENT_FUNDS", page[0].Decline.Reason)
	whole, err := store.ByRequest(t.Context(), "shop", "declined")
	require.NoError(t, err)
	require.Equal(t, whole, page[0], "a listed order is the order")
}

// listsFollowTheFilter holds the lists of any filter against OrderFilter.Has, page by page, on orders many of
// which were placed at the same moment.
func listsFollowTheFilter(t *testing.T, store shelf) {
	const orders = 40
	all := make([]checkout.Order, orders)
	for i := range all {
		all[i] = Order(t, "shop", "r"+strconv.Itoa(i), Start().Add(time.Duration(i%4)*time.Minute))
		all[i].Owner = "user:" + strconv.Itoa(i%3)
		all[i].Total.Minor = int64(1 + i%5)
		if i%7 == 0 {
			all[i].Total.Currency = money.MustCurrency("EUR")
		}
		if i%2 == 0 {
			all[i].Store.Slug = "coffee"
		}
		_, _, err := store.Create(t.Context(), all[i])
		require.NoError(t, err)
		if change := []func(checkout.Order) (checkout.Order, error){nil, approveIt, declineIt}[i%3]; change != nil {
			all[i], err = store.Change(t.Context(), all[i], change)
			require.NoError(t, err)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		minute := func(name string) time.Time {
			return rapid.SampledFrom([]time.Time{{}, Start(), Start().Add(time.Minute), Start().Add(3 * time.Minute)}).Draw(r, name)
		}
		query := checkout.OrderQuery{
			Scope: rapid.SampledFrom([]checkout.Scope{{All: true}, {Caller: "shop"}, {Owner: "user:1"}, {Caller: "shop", Owner: "user:2"}, {All: true, Owner: "user:0"},
				{Stores: []string{"books", "coffee"}}, {Stores: []string{"coffee"}}, {Stores: []string{"books", "none"}, Owner: "user:1"}}).Draw(r, "scope"),
			Filter: checkout.OrderFilter{
				States: rapid.SliceOfDistinct(rapid.SampledFrom([]checkout.OrderState{checkout.Pending, checkout.Approved, checkout.Declined}), rapid.ID).Draw(r, "states"),
				Start:  minute("start"), End: minute("end"),
				Store:    rapid.SampledFrom([]string{"", "coffee", "books", "none"}).Draw(r, "store"),
				Currency: rapid.SampledFrom([]money.Currency{{}, money.MustCurrency("BRL"), money.MustCurrency("EUR")}).Draw(r, "currency"),
				MinTotal: rapid.Int64Range(0, 4).Draw(r, "min"), MaxTotal: rapid.Int64Range(0, 5).Draw(r, "max"),
			},
			Limit: rapid.IntRange(1, 15).Draw(r, "limit"),
		}
		want := make(map[string]bool)
		for i := range all {
			if query.Scope.Has(&all[i]) && query.Filter.Has(&all[i]) {
				want[all[i].RequestID] = true
			}
		}
		got := listed(r, store, t, query)
		require.Len(r, got, len(want), "each once")
		var before *checkout.Order
		for _, id := range got {
			require.True(r, want[id], id)
			number, err := strconv.Atoi(id[1:])
			require.NoError(r, err)
			if before != nil {
				after := checkout.PositionOf(before)
				require.True(r, after.IsBefore(&all[number]), "the newest first")
			}
			before = &all[number]
		}
	})
}
