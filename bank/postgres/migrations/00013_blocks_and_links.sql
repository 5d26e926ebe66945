-- +goose NO TRANSACTION
-- +goose Up

-- Who has blocked a card, and which user a customer belongs to. Every statement may be repeated, because a
-- process may be killed between two of them. A statement that cannot have its table for itself within two
-- seconds gives up, and the bank tries again.

SET lock_timeout = '2s';

-- The sides that block a card: 1 is the bank, 2 the holder, 3 both. A bank before this version writes only
-- blocked: what it blocks, and what was blocked before, is blocked by the bank (0), and what it unblocks is
-- not blocked at all.
ALTER TABLE cards ADD COLUMN IF NOT EXISTS blocks smallint NOT NULL DEFAULT 0;

-- A customer without a row belongs to the user with the same UUID.
CREATE TABLE IF NOT EXISTS customer_links (
    customer_id uuid PRIMARY KEY,
    user_id     uuid NOT NULL,
    linked_at   timestamptz NOT NULL,
    linked_by   text NOT NULL
);
CREATE INDEX IF NOT EXISTS customer_links_user ON customer_links (user_id);

RESET lock_timeout;
