package postgres

import (
	"context"
	"errors"

	"codebank.dev/checkout"
	"codebank.dev/platform/money"
	"github.com/jackc/pgx/v5"
)

const (
	insertStore = `INSERT INTO stores (merchant, slug, name, category_code, city, country) VALUES ($1, $2, $3, $4, $5, $6)`
	// mayEdit says whether the actor acts for the merchant of a store.
	mayEdit       = `SELECT FROM stores s JOIN merchants m ON m.slug = s.merchant WHERE s.slug = $4 AND ` + actsFor
	insertProduct = `INSERT INTO products (id, slug, store_slug, name, description, picture_url, price_minor, currency, listed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, true)`
	fromProducts = ` FROM products p JOIN stores s ON s.slug = p.store_slug JOIN merchants m ON m.slug = s.merchant WHERE `
	// lockedProduct locks the product alone: a product changes without its store.
	lockedProduct = `SELECT ` + productColumns + fromProducts + `p.slug = $4 AND ` + actsFor + ` FOR NO KEY UPDATE OF p`
	productSlug   = `SELECT p.slug` + fromProducts + `p.id = $4 AND ` + actsFor
	productOf     = `SELECT ` + productColumns + ` FROM products p JOIN stores s ON s.slug = p.store_slug WHERE p.slug = $1`
	// The table counts the version.
	updateProduct = `UPDATE products SET name = $2, description = $3, price_minor = $4, picture_url = $5, listed = $6 WHERE slug = $1`
)

// CreateStore implements checkout.CatalogueEditor.
func (s *Store) CreateStore(ctx context.Context, a checkout.Act, owner string, store checkout.Store) (checkout.Store, error) {
	return act(ctx, s, a, func(tx pgx.Tx) (checkout.Store, error) {
		if _, err := merchantFor(ctx, tx, a.By, owner); err != nil {
			return store, err
		}
		_, err := tx.Exec(ctx, insertStore, owner, store.Slug, store.Name, store.CategoryCode, store.City, store.Country)
		return store, taken(err)
	})
}

// productAnswer is a product in the answer to an act. A currency has no JSON of its own.
type productAnswer struct {
	Product  checkout.Product
	Currency string
}

// productAct is act for a product.
func (s *Store) productAct(ctx context.Context, a checkout.Act, do func(pgx.Tx) (checkout.Product, error)) (checkout.Product, error) {
	answer, err := act(ctx, s, a, func(tx pgx.Tx) (productAnswer, error) {
		p, err := do(tx)
		return productAnswer{Product: p, Currency: p.Price.Currency.String()}, err
	})
	if err != nil {
		return checkout.Product{}, err
	}
	answer.Product.Price.Currency, err = money.ParseCurrency(answer.Currency)
	return answer.Product, err
}

// CreateProduct implements checkout.CatalogueEditor.
func (s *Store) CreateProduct(ctx context.Context, a checkout.Act, p checkout.Product) (checkout.Product, error) {
	return s.productAct(ctx, a, func(tx pgx.Tx) (checkout.Product, error) {
		var one int
		err := tx.QueryRow(ctx, `SELECT 1 WHERE EXISTS (`+mayEdit+`)`, actor(a.By, p.Store.Slug)...).Scan(&one)
		if errors.Is(err, pgx.ErrNoRows) {
			return p, checkout.ErrNoStore
		}
		if err != nil {
			return p, err
		}
		_, err = tx.Exec(ctx, insertProduct, [16]byte(p.ID), p.Slug, p.Store.Slug, p.Name, p.Description, p.PictureURL, p.Price.Minor, p.Price.Currency.String())
		if err != nil {
			return p, taken(err)
		}
		return onlyProduct(tx.Query(ctx, productOf, p.Slug))
	})
}

// ChangeProduct implements checkout.CatalogueEditor.
func (s *Store) ChangeProduct(ctx context.Context, a checkout.Act, slug string, change func(checkout.Product) (checkout.Product, error)) (checkout.Product, error) {
	return s.productAct(ctx, a, func(tx pgx.Tx) (checkout.Product, error) {
		p, err := onlyProduct(tx.Query(ctx, lockedProduct, actor(a.By, slug)...))
		if err != nil {
			return p, err
		}
		before := p
		if p, err = change(p); err != nil || p == before {
			return p, err
		}
		_, err = tx.Exec(ctx, updateProduct, p.Slug, p.Name, p.Description, p.Price.Minor, p.PictureURL, !p.Retired)
		if err != nil {
			return p, err
		}
		return onlyProduct(tx.Query(ctx, productOf, p.Slug))
	})
}

// ProductSlug implements checkout.CatalogueEditor.
func (s *Store) ProductSlug(ctx context.Context, by checkout.Actor, id checkout.ID) (string, error) {
	var slug string
	err := s.pool.QueryRow(ctx, productSlug, actor(by, [16]byte(id))...).Scan(&slug)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", checkout.ErrNoProduct
	}
	return slug, translate(err)
}

// onlyProduct reads the one product of a result; checkout.ErrNoProduct when it is empty.
func onlyProduct(rows pgx.Rows, err error) (checkout.Product, error) {
	if err != nil {
		return checkout.Product{}, err
	}
	p, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (checkout.Product, error) { return scanProduct(row) })
	if errors.Is(err, pgx.ErrNoRows) {
		return p, checkout.ErrNoProduct
	}
	return p, err
}
