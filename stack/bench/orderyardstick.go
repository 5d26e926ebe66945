package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// orderSchema is the least that an order needs: a catalogue, the order with the unique key that
// makes a repeat safe, and its items. It has fewer columns and checks than the checkout's schema.
const orderSchema = `
CREATE TABLE products (
	slug  text PRIMARY KEY,
	name  text NOT NULL,
	price bigint NOT NULL
);
INSERT INTO products SELECT 'product-' || n, 'Product ' || n, 100 * n FROM generate_series(0, 99) n;
CREATE TABLE orders (
	id          uuid PRIMARY KEY,
	caller      text NOT NULL,
	request_id  text NOT NULL,
	store       text NOT NULL,
	total       bigint NOT NULL,
	description text NOT NULL,
	card_last4  text NOT NULL,
	state       smallint NOT NULL,
	purchase    uuid,
	created_at  timestamptz NOT NULL,
	ended_at    timestamptz,
	UNIQUE (caller, request_id)
);
CREATE TABLE order_items (
	order_id   uuid NOT NULL,
	line       smallint NOT NULL,
	product    text NOT NULL,
	name       text NOT NULL,
	quantity   integer NOT NULL,
	unit_price bigint NOT NULL,
	PRIMARY KEY (order_id, line)
);`

const (
	selectPrices = `SELECT slug, name, price FROM products WHERE slug = ANY($1)`
	insertOrder  = `INSERT INTO orders VALUES ($1, 'shop', $2, 'Books by the River', $3, 'Two paperbacks', '1111', 1, NULL, $4, NULL)`
	insertItem   = `INSERT INTO order_items VALUES ($1, $2, $3, $4, $5, $6)`
	endOrder     = `UPDATE orders SET state = 2, purchase = $2, ended_at = $3 WHERE id = $1 AND state = 1`
)

// pricedItem is a line of an order.
type pricedItem struct {
	slug, name string
	price      int64
}

// createOrders creates the tables of orders.
func (y *yardstick) createOrders(ctx context.Context) error {
	for _, statement := range []string{orderSchema, "VACUUM ANALYZE products"} {
		if _, err := y.pool.Exec(ctx, statement); err != nil {
			return fmt.Errorf("yardstick: %w", err)
		}
	}
	return nil
}

// order places one order, in one process and without calls: it reads the prices, inserts the order
// and its two items in one transaction, makes the purchase in another one, and ends the order in a
// third. Each statement is prepared and is a round trip.
func (y *yardstick) order(ctx context.Context, _ int) error {
	id, now := randomID(), time.Now()
	slugs := []string{fmt.Sprintf("product-%d", rand.IntN(50)), fmt.Sprintf("product-%d", 50+rand.IntN(50))}
	rows, err := y.pool.Query(ctx, selectPrices, slugs)
	if err != nil {
		return err
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (item pricedItem, err error) {
		return item, row.Scan(&item.slug, &item.name, &item.price)
	})
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, y.pool, func(tx pgx.Tx) error {
		var total int64
		for _, item := range items {
			total += item.price
		}
		if _, err := tx.Exec(ctx, insertOrder, id, fmt.Sprintf("%x", id), total, now); err != nil {
			return err
		}
		for line, item := range items {
			if _, err := tx.Exec(ctx, insertItem, id, line+1, item.slug, item.name, 1, item.price); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := y.plain(ctx, 0); err != nil {
		return err
	}
	_, err = y.pool.Exec(ctx, endOrder, id, randomID(), time.Now())
	return err
}
