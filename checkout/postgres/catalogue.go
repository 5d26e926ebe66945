package postgres

import (
	"context"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/platform/money"
	"github.com/jackc/pgx/v5"
)

// What is there already is left alone, so starting again writes nothing.
const (
	seedMerchants = `INSERT INTO merchants (slug, name, created_at, updated_at)
		SELECT slug, name, $3, $3 FROM unnest($1::text[], $2::text[]) AS m (slug, name) ON CONFLICT (slug) DO NOTHING`
	seedStores = `INSERT INTO stores (merchant, slug, name, category_code, city, country)
		SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
		ON CONFLICT (slug) DO NOTHING`
	seedProducts = `INSERT INTO products (id, slug, store_slug, name, description, picture_url, price_minor, currency, listed)
		SELECT COALESCE(id, gen_random_uuid()), slug, store_slug, name, description, picture_url, price_minor, currency, true
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[])
			AS p (id, slug, store_slug, name, description, picture_url, price_minor, currency)
		ON CONFLICT (slug) DO NOTHING`

	catalogueVersion = `SELECT version FROM catalogue`
	productColumns   = `p.id, p.slug, p.name, p.description, p.price_minor, p.currency, p.picture_url, p.version, NOT p.listed,
		s.merchant, s.slug, s.name, s.category_code, s.city, s.country`
	// listedProducts is one statement, so that products and version are of one moment.
	listedProducts = `SELECT c.version, ` + productColumns + `
		FROM catalogue c, products p JOIN stores s ON s.slug = p.store_slug
		WHERE p.listed ORDER BY p.slug`
)

// Seed implements checkout.CatalogueStore. Replicas that start together take turns.
func (s *Store) Seed(ctx context.Context, seeds checkout.Seeds, now time.Time) error {
	var merchants [2][]string
	for _, m := range seeds.Merchants {
		appendColumns(merchants[:], m.Slug, m.Name)
	}
	var stores [6][]string
	var rows [5][]string
	var ids []*[16]byte
	var currencies []string
	var prices []int64
	for i := range seeds.Products {
		p := &seeds.Products[i]
		appendColumns(stores[:], p.Merchant, p.Store.Slug, p.Store.Name, p.Store.CategoryCode, p.Store.City, p.Store.Country)
		appendColumns(rows[:], p.Slug, p.Store.Slug, p.Name, p.Description, p.PictureURL)
		ids, prices, currencies = append(ids, optionalID(p.ID)), append(prices, p.Price.Minor), append(currencies, p.Price.Currency.String())
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "LOCK TABLE products IN SHARE ROW EXCLUSIVE MODE"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, seedMerchants, merchants[0], merchants[1], now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, seedStores, stores[0], stores[1], stores[2], stores[3], stores[4], stores[5]); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, seedProducts, ids, rows[0], rows[1], rows[2], rows[3], rows[4], prices, currencies)
		return err
	})
	s.failpoint.After(err, failpoints.CatalogueSeeded)
	return translate(err)
}

// appendColumns appends a value to each column.
func appendColumns(columns [][]string, values ...string) {
	for i, value := range values {
		columns[i] = append(columns[i], value)
	}
}

// optionalID returns NULL for the zero id.
func optionalID(id checkout.ID) *[16]byte {
	if id.IsZero() {
		return nil
	}
	return (*[16]byte)(&id)
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
	products, err := collect(ctx, s, func(row pgx.CollectableRow) (checkout.Product, error) { return scanProduct(row, &version) }, listedProducts)
	return products, version, err
}

// scanProduct reads productColumns, behind the columns that go into before.
func scanProduct(row pgx.CollectableRow, before ...any) (checkout.Product, error) {
	var p checkout.Product
	var id [16]byte
	var currency string
	err := row.Scan(append(before, &id, &p.Slug, &p.Name, &p.Description, &p.Price.Minor, &currency, &p.PictureURL, &p.Version, &p.Retired,
		&p.Merchant, &p.Store.Slug, &p.Store.Name, &p.Store.CategoryCode, &p.Store.City, &p.Store.Country)...)
	if err != nil {
		return checkout.Product{}, err
	}
	p.ID = id
	p.Price.Currency, err = money.ParseCurrency(currency)
	return p, err
}
