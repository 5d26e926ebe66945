package product

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"codebank.dev/checkout"
)

const (
	// MaxAge is the time within which every replica sells by a new version of the
	// catalogue. A Cache whose version was compared longer ago compares it before it answers.
	MaxAge = 2 * time.Second
	// refreshInterval is how often the version is compared beside the calls.
	refreshInterval = MaxAge / 4
)

// Cache is the catalogue in memory. It is loaded at the first call or refresh, and again when the
// version in the store has changed. Make one with NewCache; it is safe for concurrent use.
type Cache struct {
	store checkout.CatalogueStore
	clock checkout.Clock

	refreshing sync.Mutex
	newest     atomic.Pointer[edition]
}

var _ checkout.Catalogue = (*Cache)(nil)

// edition is one version of the catalogue; it never changes.
type edition struct {
	version  int64
	bySlug   map[string]checkout.Product
	byID     map[checkout.ID]string // slugs
	products []checkout.Product     // in the order of the slugs
	// compared is when the store was asked for its version the last time before this
	// edition was known to be the newest.
	compared time.Time
}

// NewCache returns an empty cache of the catalogue in store.
func NewCache(store checkout.CatalogueStore, clock checkout.Clock) *Cache {
	return &Cache{store: store, clock: clock}
}

// Refresh compares the version with the store's, and loads the catalogue if it is another.
// fault.Unavailable when the store is away.
func (c *Cache) Refresh(ctx context.Context) error {
	c.refreshing.Lock()
	defer c.refreshing.Unlock()
	return c.refresh(ctx)
}

func (c *Cache) refresh(ctx context.Context) error {
	began, known := c.clock.Now(), c.newest.Load()
	if known != nil {
		version, err := c.store.Version(ctx)
		if err != nil {
			return err
		}
		if version == known.version {
			same := *known
			same.compared = began
			c.newest.Store(&same)
			return nil
		}
	}
	products, version, err := c.store.Load(ctx)
	if err != nil {
		return err
	}
	loaded := &edition{
		version: version, products: products, compared: began,
		bySlug: make(map[string]checkout.Product, len(products)), byID: make(map[checkout.ID]string, len(products)),
	}
	for _, product := range products {
		loaded.bySlug[product.Slug], loaded.byID[product.ID] = product, product.Slug
	}
	c.newest.Store(loaded)
	return nil
}

// current returns an edition that was the newest at most MaxAge ago.
func (c *Cache) current(ctx context.Context) (*edition, error) {
	if known := c.newest.Load(); c.isFresh(known) {
		return known, nil
	}
	c.refreshing.Lock()
	defer c.refreshing.Unlock()
	if known := c.newest.Load(); c.isFresh(known) {
		return known, nil // Another call has refreshed it meanwhile.
	}
	if err := c.refresh(ctx); err != nil {
		return nil, err
	}
	return c.newest.Load(), nil
}

func (c *Cache) isFresh(known *edition) bool {
	return known != nil && c.clock.Now().Sub(known.compared) <= MaxAge
}

// Run compares the version twice a second until ctx ends, so that calls need not.
func (c *Cache) Run(ctx context.Context, logger *slog.Logger) {
	failing := false
	for c.clock.Sleep(ctx, refreshInterval) == nil {
		try, cancel := context.WithTimeout(ctx, MaxAge)
		err := c.Refresh(try)
		cancel()
		if err != nil && !failing && ctx.Err() == nil {
			logger.Warn("the catalogue's version cannot be read; orders wait for the database", "cause", err)
		}
		failing = err != nil
	}
}

// Products implements checkout.Catalogue. fault.Unavailable when the version was not
// compared within MaxAge and the store is away.
func (c *Cache) Products(ctx context.Context, slugs []string) (map[string]checkout.Product, error) {
	newest, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[string]checkout.Product, len(slugs))
	for _, slug := range slugs {
		if product, ok := newest.bySlug[slug]; ok {
			found[slug] = product
		}
	}
	return found, nil
}

// ByID implements checkout.Catalogue. Its other errors are those of Products.
func (c *Cache) ByID(ctx context.Context, id checkout.ID) (checkout.Product, error) {
	newest, err := c.current(ctx)
	if err != nil {
		return checkout.Product{}, err
	}
	slug, ok := newest.byID[id]
	if !ok {
		return checkout.Product{}, checkout.ErrNoProduct
	}
	return newest.bySlug[slug], nil
}

// List implements checkout.Catalogue. Its error is that of Products.
func (c *Cache) List(ctx context.Context, after string, limit int) ([]checkout.Product, error) {
	newest, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	rest := newest.after(after)
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

// Search implements checkout.Catalogue. Its error is that of Products.
func (c *Cache) Search(ctx context.Context, filter checkout.ProductFilter, after string, limit int) ([]checkout.Product, error) {
	newest, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	text := strings.ToLower(filter.Text)
	var found []checkout.Product
	for _, product := range newest.after(after) {
		if len(found) == limit {
			break
		}
		if (filter.Store == "" || product.Store.Slug == filter.Store) && (text == "" || contains(&product, text)) {
			found = append(found, product)
		}
	}
	return found, nil
}

// contains reports whether a text in lower case is in the name or the description.
func contains(p *checkout.Product, text string) bool {
	return strings.Contains(strings.ToLower(p.Name), text) || strings.Contains(strings.ToLower(p.Description), text)
}

// after returns the products whose slug comes after the given one.
func (e *edition) after(slug string) []checkout.Product {
	first, found := slices.BinarySearchFunc(e.products, slug, func(p checkout.Product, slug string) int {
		return strings.Compare(p.Slug, slug)
	})
	if found {
		first++
	}
	return e.products[first:]
}
