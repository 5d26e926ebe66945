package checkouttest

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"codebank.dev/checkout"
	"github.com/stretchr/testify/require"
)

// Store is everything a store of the merchant side implements.
type Store interface {
	checkout.Catalogue
	checkout.Orders
	checkout.PendingCharges
}

// TestStore holds a store to its ports. open returns an empty store.
func TestStore(t *testing.T, open func(testing.TB) Store) {
	for _, rule := range []struct {
		name string
		show func(*testing.T, Store)
	}{
		{"the catalogue is what the last file said", catalogueIsReplaced},
		{"the catalogue is read in pages without gaps or repeats", catalogueIsPaged},
		{"an order comes back as it was stored", orderComesBack},
		{"an order is its caller's alone", orderIsItsCallers},
		{"a request makes one order", requestMakesOneOrder},
		{"a change is stored whole or not at all", changeIsWhole},
		{"changes of one order follow each other", changesFollowEachOther},
		{"claiming takes what is due, longest due first, and leases it", claimTakesWhatIsDue},
		{"claims made at once do not overlap", claimsDoNotOverlap},
		{"the backlog counts what is open", backlogCountsOpen},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.show(t, open(t)) })
	}
}

func catalogueIsReplaced(t *testing.T, store Store) {
	ctx := t.Context()
	products := Products()
	for range 2 {
		require.NoError(t, store.Replace(ctx, products))
	}
	found, err := store.Products(ctx, []string{"novel", "atlas", "nothing"})
	require.NoError(t, err)
	require.Equal(t, map[string]checkout.Product{"atlas": products[0], "novel": products[2]}, found)

	placed, _, err := store.Create(ctx, Order(t, "shop", "before", Start()))
	require.NoError(t, err)
	changed := products[1:]
	changed[1].Price = Reais(5990)
	changed[1].Store.City = "Santos"
	require.NoError(t, store.Replace(ctx, changed))
	all, err := store.List(ctx, "", 10)
	require.NoError(t, err)
	require.Equal(t, changed, all)
	found, err = store.Products(ctx, []string{"atlas"})
	require.NoError(t, err)
	require.Empty(t, found, "no longer named, no longer sold")
	kept, err := store.ByID(ctx, "shop", placed.ID)
	require.NoError(t, err)
	require.Equal(t, placed, kept, "an order keeps its prices")

	require.NoError(t, store.Replace(ctx, Products()))
	all, err = store.List(ctx, "", 10)
	require.NoError(t, err)
	require.Equal(t, Products(), all)
}

func catalogueIsPaged(t *testing.T, store Store) {
	ctx := t.Context()
	require.NoError(t, store.Replace(ctx, Products()))
	var slugs []string
	for after := ""; ; {
		page, err := store.List(ctx, after, 2)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		require.LessOrEqual(t, len(page), 2)
		for _, product := range page {
			slugs = append(slugs, product.Slug)
		}
		after = page[len(page)-1].Slug
	}
	require.Equal(t, []string{"atlas", "espresso", "novel"}, slugs)
}

func orderComesBack(t *testing.T, store Store) {
	ctx := t.Context()
	order := Order(t, "shop", "r1", Start())
	stored, created, err := store.Create(ctx, order)
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, order, stored)
	byID, err := store.ByID(ctx, "shop", order.ID)
	require.NoError(t, err)
	require.Equal(t, order, byID)
	byRequest, err := store.ByRequest(ctx, "shop", "r1")
	require.NoError(t, err)
	require.Equal(t, order, byRequest)

	ended, err := store.Change(ctx, order.ID, declineIt)
	require.NoError(t, err)
	require.Equal(t, checkout.Declined, ended.State)
	byID, err = store.ByID(ctx, "shop", order.ID)
	require.NoError(t, err)
	require.Equal(t, ended, byID)
	require.True(t, byID.PendingCharge.Token.IsZero(), "the token goes when the order ends")
}

func declineIt(o checkout.Order) (checkout.Order, error) {
	return o.Answered(checkout.Decision{
		Outcome: checkout.OutcomeDeclined, Purchase: "purchases/1",
		Decline: checkout.Decline{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "Não há limite."},
	}, o.CreatedAt.Add(time.Second))
}

func approveIt(o checkout.Order) (checkout.Order, error) {
	return o.Answered(checkout.Decision{Outcome: checkout.OutcomeApproved, Purchase: "purchases/2"}, o.CreatedAt.Add(time.Second))
}

func orderIsItsCallers(t *testing.T, store Store) {
	ctx := t.Context()
	order, _, err := store.Create(ctx, Order(t, "shop", "r1", Start()))
	require.NoError(t, err)
	_, err = store.ByID(ctx, "thief", order.ID)
	require.ErrorIs(t, err, checkout.ErrNoOrder)
	_, err = store.ByRequest(ctx, "thief", "r1")
	require.ErrorIs(t, err, checkout.ErrNoOrder)
	_, err = store.ByID(ctx, "shop", NewID(t))
	require.ErrorIs(t, err, checkout.ErrNoOrder)
	_, created, err := store.Create(ctx, Order(t, "thief", "r1", Start()))
	require.NoError(t, err)
	require.True(t, created, "request ids of two callers never meet")
}

func requestMakesOneOrder(t *testing.T, store Store) {
	const callers = 40
	orders := make([]checkout.Order, callers)
	firsts := make([]bool, callers)
	var running sync.WaitGroup
	for i := range callers {
		proposal := Order(t, "shop", "same", Start())
		running.Go(func() {
			var err error
			orders[i], firsts[i], err = store.Create(t.Context(), proposal)
			if err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	created := 0
	for i := range callers {
		require.Equal(t, orders[0], orders[i])
		if firsts[i] {
			created++
		}
	}
	require.Equal(t, 1, created)
}

func changeIsWhole(t *testing.T, store Store) {
	ctx := t.Context()
	order, _, err := store.Create(ctx, Order(t, "shop", "r1", Start()))
	require.NoError(t, err)
	refusal := errors.New("no")
	same, err := store.Change(ctx, order.ID, func(o checkout.Order) (checkout.Order, error) {
		changed, _ := approveIt(o)
		return changed, refusal
	})
	require.ErrorIs(t, err, refusal)
	require.Equal(t, order, same)
	_, err = store.Change(ctx, NewID(t), approveIt)
	require.ErrorIs(t, err, checkout.ErrNoOrder)

	approved, err := store.Change(ctx, order.ID, approveIt)
	require.NoError(t, err)
	again, err := store.Change(ctx, order.ID, declineIt)
	require.ErrorIs(t, err, checkout.ErrEnded)
	require.Equal(t, approved, again)
}

func changesFollowEachOther(t *testing.T, store Store) {
	const changes = 50
	order, _, err := store.Create(t.Context(), Order(t, "shop", "r1", Start()))
	require.NoError(t, err)
	var running sync.WaitGroup
	for i := range changes {
		running.Go(func() {
			next := Start().Add(time.Duration(i) * time.Second)
			if _, err := store.Change(t.Context(), order.ID, func(o checkout.Order) (checkout.Order, error) {
				return o.Postponed(next)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	order, err = store.ByID(t.Context(), "shop", order.ID)
	require.NoError(t, err)
	require.EqualValues(t, changes, order.PendingCharge.Tries)
}

func claimTakesWhatIsDue(t *testing.T, store Store) {
	ctx := t.Context()
	var placed []checkout.Order
	for i := range 4 {
		order := Order(t, "shop", "r"+strconv.Itoa(i), Start())
		order.PendingCharge.NextAt = Start().Add(time.Duration(3-i) * time.Minute)
		_, _, err := store.Create(ctx, order)
		require.NoError(t, err)
		placed = append(placed, order)
	}
	_, err := store.Change(ctx, placed[3].ID, approveIt)
	require.NoError(t, err)

	now, until := Start().Add(2*time.Minute), Start().Add(time.Hour)
	claimed, err := store.Claim(ctx, now.Add(-2*time.Minute), until, 10)
	require.NoError(t, err)
	require.Empty(t, claimed, "the only one due has ended")
	claimed, err = store.Claim(ctx, now, until, 1)
	require.NoError(t, err)
	placed[2].PendingCharge.NextAt = until
	require.Equal(t, []checkout.Order{placed[2]}, claimed)
	claimed, err = store.Claim(ctx, now, until, 10)
	require.NoError(t, err)
	placed[1].PendingCharge.NextAt = until
	require.Equal(t, []checkout.Order{placed[1]}, claimed)
	claimed, err = store.Claim(ctx, now, until, 10)
	require.NoError(t, err)
	require.Empty(t, claimed, "leased, or not due yet")
	claimed, err = store.Claim(ctx, until, until.Add(time.Hour), 10)
	require.NoError(t, err)
	require.Len(t, claimed, 3, "a lease ends")
	require.Equal(t, placed[0].ID, claimed[0].ID)
}

func claimsDoNotOverlap(t *testing.T, store Store) {
	const orders, claimers = 60, 6
	for i := range orders {
		_, _, err := store.Create(t.Context(), Order(t, "shop", "r"+strconv.Itoa(i), Start()))
		require.NoError(t, err)
	}
	var mutex sync.Mutex
	seen := make(map[checkout.ID]int)
	var running sync.WaitGroup
	for range claimers {
		running.Go(func() {
			for range orders {
				claimed, err := store.Claim(t.Context(), Start(), Start().Add(time.Hour), 7)
				if err != nil {
					t.Error(err)
					return
				}
				mutex.Lock()
				for _, order := range claimed {
					seen[order.ID]++
				}
				mutex.Unlock()
			}
		})
	}
	running.Wait()
	require.Len(t, seen, orders)
	for id, times := range seen {
		require.Equal(t, 1, times, id)
	}
}

func backlogCountsOpen(t *testing.T, store Store) {
	ctx := t.Context()
	backlog, err := store.Backlog(ctx)
	require.NoError(t, err)
	require.Equal(t, checkout.Backlog{}, backlog)
	var orders []checkout.Order
	for i := range 3 {
		order := Order(t, "shop", "r"+strconv.Itoa(i), Start().Add(time.Duration(i)*time.Minute))
		_, _, err := store.Create(ctx, order)
		require.NoError(t, err)
		orders = append(orders, order)
	}
	_, err = store.Change(ctx, orders[0].ID, approveIt)
	require.NoError(t, err)
	backlog, err = store.Backlog(ctx)
	require.NoError(t, err)
	require.Equal(t, checkout.Backlog{Open: 2, Oldest: orders[1].CreatedAt}, backlog)
}
