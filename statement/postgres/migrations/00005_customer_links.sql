-- +goose Up

-- The user that a customer belongs to, by UUIDs. A customer without a row belongs to the user with the same
-- UUID. Who sees an account is read from its first line and from here.
CREATE TABLE customer_links (
    customer_id text COLLATE "C" PRIMARY KEY,
    user_id     text COLLATE "C" NOT NULL,
    linked_at   timestamptz NOT NULL DEFAULT now(),
    linked_by   text NOT NULL
);
