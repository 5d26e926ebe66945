package checkouttest

import (
	"sync"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/product"
	"github.com/stretchr/testify/require"
)

// catalogue returns the catalogue of a store, loaded anew.
func (s shelf) catalogue() checkout.Catalogue { return product.NewCache(s, NewClock()) }

func catalogueIsSeeded(t *testing.T, store shelf) {
	ctx := t.Context()
	products := Products()
	for range 2 {
		require.NoError(t, store.Seed(ctx, Seeds(), Start()))
	}
	catalogue := store.catalogue()
	found, err := catalogue.Products(ctx, []string{"novel", "atlas", "nothing"})
	require.NoError(t, err)
	require.Equal(t, map[string]checkout.Product{"atlas": products[0], "novel": products[2]}, found)
	one, err := catalogue.ByID(ctx, products[1].ID)
	require.NoError(t, err)
	require.Equal(t, products[1], one)
	_, err = catalogue.ByID(ctx, NewID(t))
	require.ErrorIs(t, err, checkout.ErrNoProduct)

	placed, _, err := store.Create(ctx, Order(t, "shop", "before", Start()))
	require.NoError(t, err)
	Reprice(t, store.store, "novel", 5990)
	Retire(t, store.store, "atlas")
	other := Seeds()
	other.Merchants[0].Name, other.Products[1].Store.City = "Outra", "Santos"
	poster := products[0]
	poster.ID, poster.Slug = checkout.ID{}, "poster"
	other.Products = append(other.Products[1:], poster)
	require.NoError(t, store.Seed(ctx, other, Start().Add(time.Hour)))
	all, err := store.catalogue().List(ctx, "", 10)
	require.NoError(t, err)
	require.Len(t, all, 3)
	products[2].Price, products[2].Version = Reais(5990), 2
	require.Equal(t, products[1:], all[:2], "what is there stays as it is")
	require.Equal(t, "poster", all[2].Slug, "what is not there is stored")
	require.False(t, all[2].ID.IsZero())
	require.NoError(t, store.Seed(ctx, Seeds(), Start()))
	found, err = store.catalogue().Products(ctx, []string{"atlas"})
	require.NoError(t, err)
	require.Empty(t, found, "what is retired stays retired")
	paper, err := store.store.Merchant(ctx, Operator(), "paper")
	require.NoError(t, err)
	require.Equal(t, checkout.Merchant{Slug: "paper", Name: "Papelaria", Version: 1, CreatedAt: Start(), UpdatedAt: Start()}, paper)
	kept, err := store.ByID(ctx, Program("shop"), placed.ID)
	require.NoError(t, err)
	require.Equal(t, placed, kept, "an order keeps its prices")
}

func catalogueIsPaged(t *testing.T, store shelf) {
	ctx := t.Context()
	require.NoError(t, store.Seed(ctx, Seeds(), Start()))
	catalogue := store.catalogue()
	var slugs []string
	for after := ""; ; {
		page, err := catalogue.List(ctx, after, 2)
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
	page, err := catalogue.List(ctx, "b", 2)
	require.NoError(t, err)
	require.Equal(t, Products()[1:], page, "a page may begin between two slugs")
}

func changeMakesVersion(t *testing.T, store shelf) {
	ctx := t.Context()
	seen := make(map[int64]bool)
	version := func() int64 {
		version, err := store.Version(ctx)
		require.NoError(t, err)
		_, loaded, err := store.Load(ctx)
		require.NoError(t, err)
		require.Equal(t, version, loaded)
		return version
	}
	changes := func(what string, change func()) {
		before := version()
		change()
		require.NotEqual(t, before, version(), what)
		require.False(t, seen[version()], "a version is never again")
		seen[before] = true
	}
	seed := func() { require.NoError(t, store.Seed(ctx, Seeds(), Start())) }
	changes("the seeds", seed)
	changes("a price", func() { Reprice(t, store.store, "novel", 1) })
	changes("another price", func() { Reprice(t, store.store, "novel", 3990) })
	changes("the end of a sale", func() { Retire(t, store.store, "atlas") })
	same := version()
	seed()
	Reprice(t, store.store, "novel", 3990)
	require.Equal(t, same, version(), "the same catalogue again changes nothing")
}

// pricedByOneVersion changes prices while carts are priced. First one price rises, then the other one follows, so a
// cart of two versions would be noticed.
func pricedByOneVersion(t *testing.T, store shelf) {
	ctx := t.Context()
	require.NoError(t, store.Seed(ctx, Seeds(), Start()))
	raise := func(price int64) {
		Reprice(t, store.store, "atlas", price)
		Reprice(t, store.store, "novel", price)
	}
	raise(1)
	clock := NewClock()
	cache := product.NewCache(store, clock)
	var working sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		working.Go(func() {
			newest := int64(1)
			for {
				found, err := cache.Products(ctx, []string{"atlas", "novel"})
				ahead := found["atlas"].Price.Minor - found["novel"].Price.Minor
				if err != nil || len(found) != 2 || ahead < 0 || ahead > 1 || found["atlas"].Price.Minor < newest {
					t.Error(err, found)
					return
				}
				newest = found["atlas"].Price.Minor
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for price := range int64(20) {
		raise(price + 2)
		if price%2 == 0 {
			clock.Advance(product.MaxAge + 1)
		} else {
			require.NoError(t, cache.Refresh(ctx))
		}
	}
	close(done)
	working.Wait()
}
