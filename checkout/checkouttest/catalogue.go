package checkouttest

import (
	"sync"
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/checkout/product"
	"github.com/stretchr/testify/require"
)

// catalogue returns the catalogue of a store, loaded anew.
func (s shelf) catalogue() checkout.Catalogue { return product.NewCache(s, NewClock()) }

func catalogueIsReplaced(t *testing.T, store shelf) {
	ctx := t.Context()
	products := Products()
	for range 2 {
		require.NoError(t, store.Replace(ctx, products))
	}
	found, err := store.catalogue().Products(ctx, []string{"novel", "atlas", "nothing"})
	require.NoError(t, err)
	require.Equal(t, map[string]checkout.Product{"atlas": products[0], "novel": products[2]}, found)

	placed, _, err := store.Create(ctx, Order(t, "shop", "before", Start()))
	require.NoError(t, err)
	changed := products[1:]
	changed[1].Price = Reais(5990)
	changed[1].Store.City = "Santos"
	require.NoError(t, store.Replace(ctx, changed))
	all, err := store.catalogue().List(ctx, "", 10)
	require.NoError(t, err)
	require.Equal(t, changed, all)
	found, err = store.catalogue().Products(ctx, []string{"atlas"})
	require.NoError(t, err)
	require.Empty(t, found, "no longer named, no longer sold")
	kept, err := store.ByID(ctx, Program("shop"), placed.ID)
	require.NoError(t, err)
	require.Equal(t, placed, kept, "an order keeps its prices")

	require.NoError(t, store.Replace(ctx, Products()))
	all, err = store.catalogue().List(ctx, "", 10)
	require.NoError(t, err)
	require.Equal(t, Products(), all)
}

func catalogueIsPaged(t *testing.T, store shelf) {
	ctx := t.Context()
	require.NoError(t, store.Replace(ctx, Products()))
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
	seen[version()] = true
	priced, moved, fewer := Products(), Products(), Products()[1:]
	priced[0].Price.Minor++
	moved[1].Store.City = "Porto"
	for _, products := range [][]checkout.Product{Products(), priced, moved, fewer, Products()} {
		require.NoError(t, store.Replace(ctx, products))
		changed := version()
		require.False(t, seen[changed], "a new version")
		seen[changed] = true
		require.NoError(t, store.Replace(ctx, products))
		require.Equal(t, changed, version(), "the same catalogue again changes nothing")
	}
}

// pricedByOneVersion replaces the catalogue while carts are priced. All products of a version have
// the same price, so a cart of two versions would be noticed.
func pricedByOneVersion(t *testing.T, store shelf) {
	ctx := t.Context()
	version := func(price int64) []checkout.Product {
		products := Products()
		for i := range products {
			products[i].Price.Minor = price
		}
		return products
	}
	require.NoError(t, store.Replace(ctx, version(1)))
	clock := NewClock()
	cache := product.NewCache(store, clock)
	var working sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		working.Go(func() {
			newest := int64(1)
			for {
				found, err := cache.Products(ctx, []string{"atlas", "novel"})
				if err != nil || len(found) != 2 || found["atlas"].Price != found["novel"].Price || found["atlas"].Price.Minor < newest {
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
		require.NoError(t, store.Replace(ctx, version(price+2)))
		if price%2 == 0 {
			clock.Advance(product.MaxAge + 1)
		} else {
			require.NoError(t, cache.Refresh(ctx))
		}
	}
	close(done)
	working.Wait()
}
