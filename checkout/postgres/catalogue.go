package postgres

import (
	"context"

	"codebank.dev/checkout"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/platform/money"
	"github.com/jackc/pgx/v5"
)

// A row that is as it should be is left alone, so starting again writes nothing.
const (
	upsertStores = `INSERT INTO stores AS s (slug, name, category_code, city, country)
		SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
		ON CONFLICT (slug) DO UPDATE SET name = excluded.name, category_code = excluded.category_code,
			city = excluded.city, country = excluded.country
		WHERE (s.name, s.category_code, s.city, s.country)
			IS DISTINCT FROM (excluded.name, excluded.category_code, excluded.city, excluded.country)`
	upsertProducts = `INSERT INTO products AS p (slug, store_slug, name, description, price_minor, currency, listed)
		SELECT *, true FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[])
		ON CONFLICT (slug) DO UPDATE SET store_slug = excluded.store_slug, name = excluded.name,
			description = excluded.description, price_minor = excluded.price_minor,
			currency = excluded.currency, listed = true
		WHERE (p.store_slug, p.name, p.description, p.price_minor, p.currency, p.listed)
			IS DISTINCT FROM (excluded.store_slug, excluded.name, excluded.description, excluded.price_minor, excluded.currency, true)`
	unlistOthers = `UPDATE products SET listed = false WHERE listed AND NOT slug = ANY($1::text[])`

	catalogueVersion = `SELECT version FROM catalogue`
	// listedProducts is one statement, so that products and version are of one moment.
	listedProducts = `SELECT c.version, p.slug, p.name, p.description, p.price_minor, p.currency,
			s.slug, s.name, s.category_code, s.city, s.country
		FROM catalogue c, products p JOIN stores s ON s.slug = p.store_slug
		WHERE p.listed ORDER BY p.slug`
)

// Replace implements checkout.CatalogueStore. Replicas that start together take turns.
func (s *Store) Replace(ctx context.Context, products []checkout.Product) error {
	var stores, rows [5][]string
	var currencies []string
	var prices []int64
	for _, p := range products {
		for i, value := range []string{p.Store.Slug, p.Store.Name, p.Store.CategoryCode, p.Store.City, p.Store.Country} {
			stores[i] = append(stores[i], value)
		}
		for i, value := range []string{p.Slug, p.Store.Slug, p.Name, p.Description} {
			rows[i] = append(rows[i], value)
		}
		prices = append(prices, p.Price.Minor)
		currencies = append(currencies, p.Price.Currency.String())
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "LOCK TABLE products IN SHARE ROW EXCLUSIVE MODE"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, upsertStores, stores[0], stores[1], stores[2], stores[3], stores[4]); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, upsertProducts, rows[0], rows[1], rows[2], rows[3], prices, currencies); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, unlistOthers, rows[0])
		return err
	})
	s.failpoint.After(err, failpoints.CatalogueReplaced)
	return translate(err)
}

// Version implements checkout.CatalogueStore.
func (s *Store) Version(ctx context.Context) (int64, error) {
	var version int64
	err := s.pool.QueryRow(ctx, catalogueVersion).Scan(&version)
	return version, translate(err)
}

// Load implements checkout.CatalogueStore.
func (s *Store) Load(ctx context.Context) ([]checkout.Product, int64, error) {
	// Of a catalogue without products. When it has changed since, the next comparison finds out.
	version, err := s.Version(ctx)
	if err != nil {
		return nil, 0, err
	}
	products, err := collect(ctx, s, func(row pgx.CollectableRow) (checkout.Product, error) {
		var p checkout.Product
		var currency string
		err := row.Scan(&version, &p.Slug, &p.Name, &p.Description, &p.Price.Minor, &currency,
			&p.Store.Slug, &p.Store.Name, &p.Store.CategoryCode, &p.Store.City, &p.Store.Country)
		if err != nil {
			return checkout.Product{}, err
		}
		p.Price.Currency, err = money.ParseCurrency(currency)
		return p, err
	}, listedProducts)
	return products, version, err
}
