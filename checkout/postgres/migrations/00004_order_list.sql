-- Lists of orders, the newest first: of an owner, of a program, and of a store. An index has ended orders only,
-- so an order is written to it once, when it ends, and not when it is placed; the few open ones are found by
-- orders_open. The indexes are built beside the writers, and each statement may be repeated.

-- +goose NO TRANSACTION
-- +goose Up

CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_of_owner ON orders (owner, created_at, id) WHERE state <> 1;
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_of_caller ON orders (caller, created_at, id) WHERE state <> 1;
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_of_store ON orders (store_slug, created_at, id) WHERE state <> 1;
