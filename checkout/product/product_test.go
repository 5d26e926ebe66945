package product_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/inmem"
	"codebank.dev/checkout/product"
	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

func TestTheEmbeddedCatalogueIsARealShoppingStreet(t *testing.T) {
	seeds, err := product.Embedded()
	require.NoError(t, err)
	require.Len(t, seeds.Merchants, 2)
	products := seeds.Products
	require.GreaterOrEqual(t, len(products), 30)
	stores, cities, categories, countries := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	cheapest, dearest := products[0].Price.Minor, int64(0)
	for _, p := range products {
		stores[p.Store.Slug], cities[p.Store.City], categories[p.Store.CategoryCode] = true, true, true
		countries[p.Store.Country] = true
		cheapest, dearest = min(cheapest, p.Price.Minor), max(dearest, p.Price.Minor)
		require.Equal(t, "BRL", p.Price.Currency.String())
	}
	require.GreaterOrEqual(t, len(stores), 8)
	require.GreaterOrEqual(t, len(categories), 8)
	require.GreaterOrEqual(t, len(countries), 3)
	require.EqualValues(t, 50, cheapest)
	require.Greater(t, dearest, int64(500_000))
}

const oneStore = `{"stores":[{"slug":"s","display_name":"S","category_code":"5942","city":"C","country":"BR","currency":"BRL",` +
	`"products":[{"slug":"p","display_name":"P","description":"D","price_minor":1}]}]}`

var ofMerchant = strings.Replace(oneStore, `{"stores":[{`, `{"merchants":[{"slug":"m","display_name":"M"}],"stores":[{"merchant":"m",`, 1)

func TestACatalogueIsReadStrictly(t *testing.T) {
	seeds, err := product.Parse(strings.NewReader(oneStore))
	require.NoError(t, err)
	require.Len(t, seeds.Products, 1)
	require.Equal(t, []checkout.Merchant{{Slug: "s", Name: "S"}}, seeds.Merchants, "a store without a merchant is its own")
	require.Equal(t, "s", seeds.Products[0].Merchant)
	seeds, err = product.Parse(strings.NewReader(ofMerchant))
	require.NoError(t, err)
	require.Equal(t, []checkout.Merchant{{Slug: "m", Name: "M"}}, seeds.Merchants)
	require.Equal(t, "m", seeds.Products[0].Merchant)
	for name, replace := range map[string][2]string{
		"no object":                {oneStore, ``},
		"something after it":       {`]}]}`, `]}]} {}`},
		"no stores":                {oneStore, `{"stores":[]}`},
		"an unknown merchant":      {`"slug":"s"`, `"slug":"s","merchant":"m"`},
		"a merchant named twice":   {`{"stores"`, `{"merchants":[{"slug":"m","display_name":"M"},{"slug":"m","display_name":"M"}],"stores"`},
		"a merchant without name":  {`{"stores"`, `{"merchants":[{"slug":"m"}],"stores"`},
		"a picture without TLS":    {`"price_minor":1`, `"price_minor":1,"picture_url":"http://example.com/p.png"`},
		"no products":              {`[{"slug":"p","display_name":"P","description":"D","price_minor":1}]`, `[]`},
		"an unknown field":         {`"city"`, `"colour":"red","city"`},
		"a missing field":          {`"description":"D",`, ``},
		"a price of nothing":       {`"price_minor":1`, `"price_minor":0`},
		"a negative price":         {`"price_minor":1`, `"price_minor":-1`},
		"a price with a fraction":  {`"price_minor":1`, `"price_minor":1.5`},
		"a price in words":         {`"price_minor":1`, `"price_minor":"1"`},
		"a price above the most":   {`"price_minor":1`, `"price_minor":1000000000000000`},
		"an unknown currency":      {`"BRL"`, `"XXX"`},
		"a slug with upper case":   {`"slug":"p"`, `"slug":"P"`},
		"a slug with a space":      {`"slug":"s"`, `"slug":"s s"`},
		"a category code of words": {`"5942"`, `"BOOK"`},
		"a country in lower case":  {`"BR"`, `"br"`},
		"a product named twice":    {`{"slug":"p"`, `{"slug":"p","display_name":"P","description":"D","price_minor":1},{"slug":"p"`},
		"a store named twice":      {`[{"slug":"s"`, `[{"slug":"s","display_name":"S","category_code":"5942","city":"C","country":"BR","currency":"BRL","products":[{"slug":"q","display_name":"P","description":"D","price_minor":1}]},{"slug":"s"`},
		"a control character":      {`"D"`, `"D\u0000"`},
		"an invisible name":        {`"display_name":"P"`, `"display_name":"\u200b"`},
		"a card number in a text":  {`"D"`, `"paid 4111 1111 1111 1111"`},
		"a card number as a slug":  {`"slug":"s"`, `"slug":"4111-1111-1111-1111"`},
	} {
		changed := strings.Replace(oneStore, replace[0], replace[1], 1)
		require.NotEqual(t, oneStore, changed, name)
		_, err := product.Parse(strings.NewReader(changed))
		require.Error(t, err, name)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(oneStore)
	f.Add(ofMerchant)
	f.Fuzz(func(t *testing.T, text string) {
		seeds, err := product.Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, m := range seeds.Merchants {
			require.NoError(t, m.Check("merchant"))
		}
		for _, p := range seeds.Products {
			require.NotEmpty(t, p.Merchant)
			require.NoError(t, p.Check("product"))
			require.NoError(t, p.Store.Check("store"))
		}
	})
}

func TestProductsAreListedInPages(t *testing.T) {
	store := inmem.NewStore()
	require.NoError(t, store.Seed(t.Context(), checkouttest.Seeds(), checkouttest.Start()))
	service := &product.Service{Catalogue: product.NewCache(store, checkouttest.NewClock())}
	page, next, err := service.List(t.Context(), "", 2)
	require.NoError(t, err)
	require.Equal(t, checkouttest.Products()[:2], page)
	require.Equal(t, "espresso", next)
	page, next, err = service.List(t.Context(), next, 2)
	require.NoError(t, err)
	require.Equal(t, checkouttest.Products()[2:], page)
	require.Empty(t, next)
	page, next, err = service.List(t.Context(), "", 3)
	require.NoError(t, err)
	require.Len(t, page, 3)
	require.Empty(t, next, "a page that is just full is the last")
	_, _, err = service.List(t.Context(), "", -1)
	require.Equal(t, "page_size", fault.Of(err).Field)
}

func TestAProductIsFoundByName(t *testing.T) {
	store := inmem.NewStore()
	require.NoError(t, store.Seed(t.Context(), checkouttest.Seeds(), checkouttest.Start()))
	service := &product.Service{Catalogue: product.NewCache(store, checkouttest.NewClock())}
	found, err := service.Get(t.Context(), "products/atlas")
	require.NoError(t, err)
	require.Equal(t, checkouttest.Products()[0], found)
	_, err = service.Get(t.Context(), "products/nothing")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	for _, bad := range []string{"", "atlas", "products/", "products/A B", "stores/atlas", "products/atlas/x"} {
		_, err = service.Get(t.Context(), bad)
		require.Equal(t, "name", fault.Of(err).Field, bad)
	}
}

// countedStore counts how often the catalogue is read, and fails while it is away.
type countedStore struct {
	*inmem.Store
	versions, loads int
	away            bool
}

func (s *countedStore) Version(ctx context.Context) (int64, error) {
	s.versions++
	if s.away {
		return 0, fault.New(fault.Unavailable, "AWAY", "Away.")
	}
	return s.Store.Version(ctx)
}

func (s *countedStore) Load(ctx context.Context) ([]checkout.Product, int64, error) {
	s.loads++
	if s.away {
		return nil, 0, fault.New(fault.Unavailable, "AWAY", "Away.")
	}
	return s.Store.Load(ctx)
}

func TestTheCatalogueIsInMemoryAndNoOlderThanStated(t *testing.T) {
	store := &countedStore{Store: inmem.NewStore(), away: true}
	require.NoError(t, store.Seed(t.Context(), checkouttest.Seeds(), checkouttest.Start()))
	clock := checkouttest.NewClock()
	cache := product.NewCache(store, clock)
	price := func() (int64, error) {
		found, err := cache.Products(t.Context(), []string{"atlas"})
		return found["atlas"].Price.Minor, err
	}
	_, err := price()
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "nothing is loaded")
	store.away, store.loads = false, 0
	for range 100 {
		sold, err := price()
		require.NoError(t, err)
		require.EqualValues(t, 12990, sold)
	}
	require.Equal(t, 1, store.loads)
	require.Zero(t, store.versions)

	checkouttest.Reprice(t, store, "atlas", 1)
	clock.Advance(product.MaxAge)
	sold, err := price()
	require.NoError(t, err)
	require.EqualValues(t, 12990, sold, "within the time")
	clock.Advance(1)
	sold, err = price()
	require.NoError(t, err)
	require.EqualValues(t, 1, sold)
	require.Equal(t, 2, store.loads)

	store.away = true
	clock.Advance(product.MaxAge)
	_, err = price()
	require.NoError(t, err, "a short outage is not noticed")
	clock.Advance(1)
	_, err = price()
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "no order at a price that may be old")
	store.away = false
	_, err = price()
	require.NoError(t, err)
	require.Equal(t, 2, store.loads, "the version is still the same")
}

func TestTheCatalogueIsRefreshedBesideTheCalls(t *testing.T) {
	store := inmem.NewStore()
	cache := product.NewCache(store, clock.System{})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { cache.Run(ctx, slog.New(slog.DiscardHandler)) })
	require.NoError(t, store.Seed(t.Context(), checkouttest.Seeds(), checkouttest.Start()))
	await.Until(t, func() bool {
		page, err := cache.List(t.Context(), "", 10)
		return err == nil && len(page) == 3
	}, product.MaxAge, time.Millisecond)
	stop()
	running.Wait()
}
