-- Codes by which others pay into an account. A code is found by its account and txid, of which its id is made.

-- +goose Up

CREATE TABLE IF NOT EXISTS pix_codes (
    id          uuid PRIMARY KEY,
    account_id  uuid NOT NULL,
    position    bigint GENERATED ALWAYS AS IDENTITY,
    request_id  uuid NOT NULL UNIQUE,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    once        boolean NOT NULL,
    state       text NOT NULL CHECK (state IN ('ACTIVE', 'PAID', 'CANCELLED')),
    key         text NOT NULL CHECK (length(key) BETWEEN 1 AND 77),
    txid        text NOT NULL CHECK (txid ~ '^[A-Za-z0-9]{1,25}$'),
    amount      bigint NOT NULL CHECK (amount BETWEEN 0 AND 999999999999),
    message     text NOT NULL,
    text        text NOT NULL CHECK (length(text) <= 512),
    created_at  timestamptz NOT NULL,
    -- Null for a code that does not expire.
    expires_at  timestamptz,
    -- When it was paid or cancelled.
    ended_at    timestamptz,
    paid_by     text NOT NULL DEFAULT '',
    UNIQUE (account_id, txid),
    CHECK (NOT once OR amount > 0),
    CHECK ((state = 'ACTIVE') = (ended_at IS NULL)),
    CHECK ((state = 'PAID') = (paid_by <> '')),
    CHECK (state <> 'PAID' OR once)
);
CREATE INDEX IF NOT EXISTS pix_codes_account ON pix_codes (account_id, position);
-- Those that can be paid are counted for each account.
CREATE INDEX IF NOT EXISTS pix_codes_active ON pix_codes (account_id, coalesce(expires_at, 'infinity')) WHERE state = 'ACTIVE';
