-- The statement of one bank. Lines are written by a sink, everything else by the
-- statement service. Amounts are minor units. A released migration is never edited.

-- +goose Up

-- One row: whose statement this is, and the key that signs page tokens, kept here so
-- that all replicas share it.
CREATE TABLE statement_settings (
    single         boolean PRIMARY KEY DEFAULT true CHECK (single),
    bank_code      text NOT NULL,
    page_token_key bytea NOT NULL
);

-- One row per event; the columns have the names of the event's fields, and the sink
-- writes them by an upsert on event_id. Content per event_id never changes, so a
-- repeat in any order is harmless. No constraint goes beyond what the event's schema
-- promises, because a refused row stops the sink; what makes no sense is found by
-- the audit. The text keys collate as bytes: nobody sorts them for people.
CREATE TABLE statement_lines (
    sequence                bigint,
    amount_minor            bigint NOT NULL,
    balance_after_minor     bigint,
    held_after_minor        bigint,
    available_after_minor   bigint,
    credit_limit_minor      bigint,
    -- UTC without a zone: the sink binds a local date and time in UTC, and a column
    -- with a zone would shift it by whatever zone the worker's session has.
    occurred_at             timestamp NOT NULL,
    -- Not of the event: when the row came. Gaps are found by it.
    arrived_at              timestamptz NOT NULL DEFAULT now(),
    event_id                text COLLATE "C" NOT NULL,
    transaction_id          text NOT NULL,
    account_id              text COLLATE "C",
    customer_id             text,
    bank_code               text NOT NULL,
    kind                    text NOT NULL,
    direction               text NOT NULL,
    status                  text NOT NULL,
    decline_code            text,
    decline_reason          text,
    currency                text NOT NULL,
    card_id                 text,
    card_brand              text,
    card_last4              text,
    card_bin                text,
    merchant_id             text,
    merchant_name           text,
    merchant_category_code  text,
    merchant_city           text,
    merchant_country        text,
    channel                 text NOT NULL,
    description             text,
    original_transaction_id text,
    counterparty_name       text,
    end_to_end_id           text,
    CONSTRAINT statement_lines_pkey PRIMARY KEY (event_id)
);

-- Pages, and the look ahead for complete_to, which reads nothing but the index. Not
-- unique: that is the business of event_id. A decline of no account is not in it.
CREATE INDEX statement_lines_account ON statement_lines (account_id, sequence) WHERE account_id IS NOT NULL;

-- Rows lie in the order of their arrival, so a few bytes per megabyte find a stretch of time.
CREATE INDEX statement_lines_arrival ON statement_lines USING brin (arrived_at) WITH (autosummarize = on);

-- An account as of the sequence below which nothing is missing. Moved up on read,
-- never down.
CREATE TABLE statement_accounts (
    account_id         text COLLATE "C" PRIMARY KEY,
    complete_to        bigint NOT NULL,
    complete_to_time   timestamp NOT NULL,
    balance_minor      bigint NOT NULL,
    held_minor         bigint NOT NULL,
    credit_limit_minor bigint NOT NULL,
    currency           text NOT NULL
) WITH (fillfactor = 80);

-- Up to which arrival gaps have been looked for. Whoever looks locks the row.
CREATE TABLE statement_watch (
    single     boolean PRIMARY KEY DEFAULT true CHECK (single),
    checked_to timestamptz NOT NULL DEFAULT now()
);
INSERT INTO statement_watch DEFAULT VALUES;

-- Events whose predecessor had not arrived a while after they had themselves.
CREATE TABLE statement_gaps (
    account_id text COLLATE "C" NOT NULL,
    sequence   bigint NOT NULL,
    arrived_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, sequence)
);
