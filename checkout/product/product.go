// Package product is the use case of the catalogue: it reads a catalogue from a file, it reads and lists the
// products, and it changes them for their merchants (editor.go).
package product

import (
	"context"
	"errors"
	"strings"

	"codebank.dev/checkout"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
)

// The bounds of a page.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// Service shows the catalogue. It is safe for concurrent use.
type Service struct {
	Catalogue checkout.Catalogue
}

// List returns a page of products in the order of their slugs. The page begins behind
// the slug in after. next is the slug behind which the following page begins, or ""
// when there is none. Size 0 means DefaultPageSize, and a size above MaxPageSize means
// MaxPageSize. Errors: fault.InvalidArgument page_size for a negative size;
// fault.Unavailable.
func (s *Service) List(ctx context.Context, after string, size int32) (page []checkout.Product, next string, err error) {
	return s.Search(ctx, checkout.ProductFilter{}, after, size)
}

// Search is List for the products that a filter lets through. Errors: those of List; fault.InvalidArgument text for
// a text that no product can have.
func (s *Service) Search(ctx context.Context, filter checkout.ProductFilter, after string, size int32) (page []checkout.Product, next string, err error) {
	limit, err := field.PageSize("page_size", size, DefaultPageSize, MaxPageSize)
	if err != nil {
		return nil, "", err
	}
	if err := field.OptionalText("text", filter.Text, field.MaxName); err != nil {
		return nil, "", err
	}
	page, err = s.Catalogue.Search(ctx, filter, after, limit+1)
	if err != nil {
		return nil, "", err
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].Slug
	}
	return page, next, nil
}

// Get returns a product by its name, products/{slug}. Errors: fault.InvalidArgument
// name; fault.NotFound; fault.Unavailable.
func (s *Service) Get(ctx context.Context, name string) (checkout.Product, error) {
	slug, err := checkout.ParseProductName("name", name)
	if err != nil {
		return checkout.Product{}, err
	}
	found, err := s.Catalogue.Products(ctx, []string{slug})
	if err != nil {
		return checkout.Product{}, err
	}
	product, ok := found[slug]
	if !ok {
		return checkout.Product{}, checkout.ErrNoProduct
	}
	return product, nil
}

// Find returns a product by either of its names, products/{slug} or products/{uuid}. Its errors are those of Get.
func (s *Service) Find(ctx context.Context, name string) (checkout.Product, error) {
	found, err := s.Get(ctx, name)
	if !errors.Is(err, checkout.ErrNoProduct) {
		return found, err
	}
	if named, ok := idIn(name); ok {
		return s.Catalogue.ByID(ctx, named)
	}
	return found, err
}

// idIn returns the id in a name of the form products/{uuid}.
func idIn(name string) (checkout.ID, bool) {
	found, err := id.Parse(strings.TrimPrefix(name, checkout.ProductPrefix))
	return found, err == nil
}
