-- +goose Up

-- Which transaction used a card token. Tokens are sealed and not stored, so that the primary key
-- alone decides who uses one. A nonce begins with the time at which its token was issued: rows are
-- added at the end of the index, and deleted at its beginning some time after their tokens expired.
CREATE TABLE used_tokens (
    nonce          uuid PRIMARY KEY,
    transaction_id uuid NOT NULL,
    expires_at     timestamptz NOT NULL
);
