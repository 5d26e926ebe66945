-- Payments between banks: who the holders of accounts are, which keys the accounts have, and an index by which the
-- payments of an account are listed. The index is built beside the writers. Each statement may be repeated.

-- +goose NO TRANSACTION
-- +goose Up

-- The full name and the CPF of a customer, sealed by the vault. The hash finds who else has the CPF.
CREATE TABLE IF NOT EXISTS holders (
    customer_id     uuid PRIMARY KEY,
    document_lookup bytea NOT NULL UNIQUE CHECK (length(document_lookup) = 32),
    key_id          text NOT NULL,
    ciphertext      bytea NOT NULL,
    registered_at   timestamptz NOT NULL,
    registered_by   text NOT NULL
);

-- The bank's copy of its keys. The hub has the last word on who owns a key.
CREATE TABLE IF NOT EXISTS pix_keys (
    kind       text NOT NULL CHECK (kind IN ('EMAIL', 'CPF', 'PHONE', 'RANDOM')),
    key        text NOT NULL CHECK (length(key) BETWEEN 1 AND 77),
    account_id uuid NOT NULL,
    state      text NOT NULL CHECK (state IN ('PENDING', 'ACTIVE')),
    digest     bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX IF NOT EXISTS pix_keys_account ON pix_keys (account_id);

DROP INDEX CONCURRENTLY IF EXISTS entries_pix;
CREATE INDEX CONCURRENTLY entries_pix ON entries (account_id, sequence) WHERE kind IN (8, 13, 14) AND end_to_end_id <> '';
