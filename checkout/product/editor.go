package product

import (
	"context"
	"errors"
	"io"

	"codebank.dev/checkout"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
)

// Editor changes the catalogue for who acts for its merchants. All fields are required; it is safe for concurrent
// use. Its errors are those of its store, and fault.InvalidArgument. Every replica sells by a change within MaxAge.
type Editor struct {
	Store checkout.CatalogueEditor
	// Random makes ids.
	Random io.Reader
}

// CreateStore stores a new store of a merchant.
func (e *Editor) CreateStore(ctx context.Context, act checkout.Act, merchant string, store checkout.Store) (checkout.Store, error) {
	err := field.First(
		field.Word("request_id", act.RequestID), store.Check(""), checkout.CheckNewSlug("slug", store.Slug))
	if err != nil {
		return checkout.Store{}, err
	}
	return e.Store.CreateStore(ctx, act, merchant, store)
}

// Create stores a new product, whose Store needs a slug only.
func (e *Editor) Create(ctx context.Context, act checkout.Act, product checkout.Product) (checkout.Product, error) {
	err := field.First(
		field.Word("request_id", act.RequestID), product.Check(""), checkout.CheckNewSlug("slug", product.Slug))
	if err != nil {
		return checkout.Product{}, err
	}
	if product.ID, err = id.New(e.Random); err != nil {
		return checkout.Product{}, err
	}
	return e.Store.CreateProduct(ctx, act, product)
}

// Update changes a product that is named by slug or id. Orders that were placed keep their prices.
func (e *Editor) Update(ctx context.Context, act checkout.Act, name string, change checkout.ProductChange) (checkout.Product, error) {
	return e.change(ctx, act, name, func(p checkout.Product) (checkout.Product, error) { return p.Changed(change) })
}

// Retire ends the sale of a product that is named by slug or id, for good. version is the one that it must have; 0
// is any. A product that has been retired is answered with checkout.ErrRetired.
func (e *Editor) Retire(ctx context.Context, act checkout.Act, name string, version int64) (checkout.Product, error) {
	return e.change(ctx, act, name, func(p checkout.Product) (checkout.Product, error) { return p.Retire(version) })
}

func (e *Editor) change(ctx context.Context, act checkout.Act, name string, change func(checkout.Product) (checkout.Product, error)) (checkout.Product, error) {
	if err := field.Word("request_id", act.RequestID); err != nil {
		return checkout.Product{}, err
	}
	slug, err := checkout.ParseProductName("name", name)
	if err != nil {
		return checkout.Product{}, err
	}
	if named, ok := idIn(name); ok {
		// A product from before may have a slug that is a UUID. It is found by that.
		if found, err := e.Store.ProductSlug(ctx, act.By, named); err == nil {
			slug = found
		} else if !errors.Is(err, checkout.ErrNoProduct) {
			return checkout.Product{}, err
		}
	}
	return e.Store.ChangeProduct(ctx, act, slug, change)
}
