-- The bank's ledger. Rules about money are decided in Go; what stands here repeats
-- the invariants as a second wall. Numbers of kinds, statuses and reasons are those
-- of package bank. Amounts are minor units. A released migration is never edited.

-- +goose Up

-- One row: whose ledger this is.
CREATE TABLE bank (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    code   text NOT NULL CHECK (code ~ '^[0-9]{3}$')
);

-- A customer account as of its last sequence. Every decision updates its row, so no
-- column that changes is indexed and half of each page is left for the next version.
CREATE TABLE accounts (
    id           uuid PRIMARY KEY,
    customer_id  uuid NOT NULL,
    balance      bigint NOT NULL,
    held         bigint NOT NULL CHECK (held >= 0),
    credit_limit bigint NOT NULL,
    sequence     bigint NOT NULL CHECK (sequence >= 1),
    last_at      timestamptz NOT NULL,
    kind         smallint NOT NULL CHECK (kind >= 1),
    currency     text NOT NULL CHECK (octet_length(currency) = 3)
) WITH (fillfactor = 50);
CREATE INDEX accounts_customer ON accounts (customer_id);

-- A card. It changes only under the lock of its account, and with nearly every
-- purchase (its frequency), so the same holds for its pages.
CREATE TABLE cards (
    id                   uuid PRIMARY KEY,
    account_id           uuid NOT NULL REFERENCES accounts,
    purchase_limit       bigint NOT NULL CHECK (purchase_limit >= 0),
    purchase_minimum     bigint NOT NULL CHECK (purchase_minimum >= 0),
    frequency_level      bigint NOT NULL,
    frequency_at         timestamptz,
    locked_until         timestamptz,
    issued_at            timestamptz NOT NULL,
    purchases_per_minute integer NOT NULL CHECK (purchases_per_minute >= 0),
    expiry_year          integer NOT NULL,
    expiry_month         smallint NOT NULL CHECK (expiry_month BETWEEN 1 AND 12),
    brand                smallint NOT NULL CHECK (brand >= 0),
    blocked              boolean NOT NULL,
    bin                  text NOT NULL,
    last4                text NOT NULL,
    holder_name          text NOT NULL,
    -- Microseconds since 1970, oldest first.
    wrong_at             bigint[] NOT NULL CHECK (cardinality(wrong_at) <= 5)
) WITH (fillfactor = 50);
CREATE INDEX cards_account ON cards (account_id);

-- The only place of a card's number: sealed, found by a keyed hash.
CREATE TABLE vault (
    card_id    uuid PRIMARY KEY REFERENCES cards,
    lookup     bytea NOT NULL UNIQUE CHECK (octet_length(lookup) = 32),
    key_id     text NOT NULL,
    ciphertext bytea NOT NULL
);

-- One row per customer account that a transaction touches (leg), and one for a
-- refusal, which touches none. The primary key is the arbiter of a request id. What
-- never changes elsewhere is not repeated: customer and currency are the account's,
-- the card's face is the card's; the columns for them are used when there is none.
CREATE TABLE entries (
    transaction_id          uuid NOT NULL,
    account_id              uuid,
    sequence                bigint CHECK (sequence >= 1),
    amount                  bigint NOT NULL CHECK (amount >= 0),
    balance_after           bigint NOT NULL,
    held_after              bigint NOT NULL CHECK (held_after >= 0),
    credit_limit_after      bigint NOT NULL,
    occurred_at             timestamptz NOT NULL,
    decision_micros         bigint NOT NULL,
    debit_account           uuid,
    credit_account          uuid,
    card_id                 uuid,
    original_transaction_id uuid,
    attempt                 integer NOT NULL,
    leg                     smallint NOT NULL CHECK (leg IN (0, 1)),
    kind                    smallint NOT NULL CHECK (kind >= 1),
    direction               smallint NOT NULL CHECK (direction BETWEEN 1 AND 3),
    status                  smallint NOT NULL CHECK (status BETWEEN 1 AND 4),
    decline                 smallint NOT NULL CHECK (decline >= 0),
    channel                 smallint NOT NULL CHECK (channel >= 0),
    caller                  text NOT NULL,
    request_id              text NOT NULL,
    fingerprint             bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    trace_id                text NOT NULL,
    merchant_id             text NOT NULL,
    merchant_name           text NOT NULL,
    merchant_category_code  text NOT NULL,
    merchant_city           text NOT NULL,
    merchant_country        text NOT NULL,
    description             text NOT NULL,
    counterparty_name       text NOT NULL,
    end_to_end_id           text NOT NULL,
    producer_version        text NOT NULL,
    refused_currency        text,
    presented_brand         smallint,
    presented_bin           text,
    presented_last4         text,
    PRIMARY KEY (transaction_id, leg),
    CONSTRAINT entries_account_sequence UNIQUE (account_id, sequence),
    CONSTRAINT entries_sequence_of_account CHECK ((account_id IS NULL) = (sequence IS NULL)),
    CONSTRAINT entries_movement CHECK (
        (debit_account IS NULL) = (credit_account IS NULL) AND debit_account <> credit_account),
    CONSTRAINT entries_decline_has_reason CHECK ((status = 2) = (decline > 0)),
    CONSTRAINT entries_refusal CHECK (account_id IS NOT NULL OR status IN (2, 4)),
    CONSTRAINT entries_voided_is_refusal CHECK (status <> 4 OR account_id IS NULL),
    CONSTRAINT entries_only_approved_moves CHECK (status = 1 OR debit_account IS NULL),
    CONSTRAINT entries_applied_has_no_amount CHECK (status <> 3 OR amount = 0),
    -- A new debit or hold (purchase, withdrawal, transfer, hold) was within what was
    -- available. Nothing else ever asks, so a lowered limit stays legal.
    CONSTRAINT entries_within_limit CHECK (
        status <> 1 OR direction = 2 OR kind NOT IN (3, 6, 7, 8)
        OR balance_after - held_after + credit_limit_after >= 0)
);
-- How much of a transaction was given back.
CREATE INDEX entries_given_back ON entries (original_transaction_id)
    WHERE original_transaction_id IS NOT NULL AND status = 1 AND leg = 0;
CREATE INDEX entries_refused ON entries (transaction_id) WHERE account_id IS NULL;

-- Decisions that belong to no account: an unknown card, or a request id that was
-- voided before it was decided.
CREATE VIEW refusals AS SELECT * FROM entries WHERE account_id IS NULL;

-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are kept as they are', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
-- +goose StatementEnd
CREATE TRIGGER entries_are_final BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accounts_are_kept BEFORE DELETE OR TRUNCATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Events on their way to the broker. Ids are taken before the commit, so they become
-- visible in any order; within an account they grow with the sequence.
CREATE TABLE outbox (
    id             bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    sequence       bigint,
    created_at     timestamptz NOT NULL DEFAULT now(),
    transaction_id uuid NOT NULL,
    account_id     uuid,
    key            uuid NOT NULL,
    schema_version integer NOT NULL CHECK (schema_version >= 1),
    body           bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);

-- One row: who publishes the outbox. A higher epoch fences the lower ones off.
-- No row of the outbox below floor is or will ever be visible.
CREATE TABLE relay_lease (
    single     boolean PRIMARY KEY DEFAULT true CHECK (single),
    holder     text NOT NULL,
    epoch      bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    floor      bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO relay_lease (holder, epoch, expires_at, floor) VALUES ('', 0, '-infinity', 0);

-- Card data exchanged for a single use. Neither number nor security code.
CREATE TABLE card_tokens (
    hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    card_id    uuid,
    account_id uuid,
    used_by    uuid,
    expires_at timestamptz NOT NULL,
    brand      smallint NOT NULL CHECK (brand >= 0),
    verdict    smallint NOT NULL CHECK (verdict >= 0),
    bin        text NOT NULL,
    last4      text NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX card_tokens_expiry ON card_tokens (expires_at);
