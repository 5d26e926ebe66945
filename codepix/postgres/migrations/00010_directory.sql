-- Keys, claims, the codes that prove them, the digests over the banks' keys, and the tokens of look-ups. A released
-- migration is never edited. No column holds a code in clear.

-- +goose Up

CREATE TABLE pix_keys (
    kind            smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
    key             text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 77),
    bank_code       text COLLATE "C" NOT NULL CHECK (bank_code ~ '^[0-9]{3}$'),
    account_id      uuid NOT NULL,
    -- 1 pending, 2 active
    state           smallint NOT NULL CHECK (state IN (1, 2)),
    holder_name     text NOT NULL,
    holder_document text NOT NULL CHECK (length(holder_document) = 11),
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (kind, key, bank_code, account_id),
    -- A CPF is its holder's, and only what a code is sent to waits for one.
    CHECK (kind <> 2 OR key = holder_document),
    CHECK (state = 2 OR kind IN (1, 3))
);

-- A key belongs to one account, anywhere.
CREATE UNIQUE INDEX pix_keys_owner ON pix_keys (kind, key) WHERE state = 2;
CREATE INDEX pix_keys_of_bank ON pix_keys (bank_code, kind, key, account_id);
CREATE INDEX pix_keys_of_account ON pix_keys (bank_code, account_id, kind, key);
CREATE INDEX pix_keys_pending ON pix_keys (created_at) WHERE state = 1;

CREATE TABLE pix_claims (
    id               uuid PRIMARY KEY,
    kind             smallint NOT NULL CHECK (kind BETWEEN 1 AND 3),
    key              text COLLATE "C" NOT NULL,
    -- 1 pending, 2 open, 3 completed, 4 cancelled
    state            smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
    claimer_bank     text COLLATE "C" NOT NULL,
    claimer_account  uuid NOT NULL,
    claimer_name     text NOT NULL,
    claimer_document text NOT NULL,
    donor_bank       text COLLATE "C" NOT NULL,
    donor_account    uuid NOT NULL,
    donor_name       text NOT NULL,
    donor_document   text NOT NULL,
    donor_proved     boolean NOT NULL,
    created_at       timestamptz NOT NULL,
    resolve_at       timestamptz,
    CHECK (state <> 2 OR resolve_at IS NOT NULL)
);

-- A key has one open claim, and an account one claim of it that waits for its code.
CREATE UNIQUE INDEX pix_claims_open ON pix_claims (kind, key) WHERE state = 2;
CREATE UNIQUE INDEX pix_claims_pending ON pix_claims (kind, key, claimer_bank, claimer_account) WHERE state = 1;
CREATE INDEX pix_claims_old ON pix_claims (created_at) WHERE state = 1;
CREATE INDEX pix_claims_of_claimer ON pix_claims (claimer_bank, created_at, id);
CREATE INDEX pix_claims_of_donor ON pix_claims (donor_bank, created_at, id) WHERE state > 1;

-- The code that an account has to give back for a key. It is made when it is sent, and kept as a keyed hash.
CREATE TABLE pix_codes (
    kind         smallint NOT NULL,
    key          text COLLATE "C" NOT NULL,
    bank_code    text COLLATE "C" NOT NULL,
    account_id   uuid NOT NULL,
    requested_at timestamptz NOT NULL,
    hash         bytea CHECK (length(hash) = 32),
    expires_at   timestamptz,
    attempts     integer NOT NULL CHECK (attempts BETWEEN 0 AND 5),
    used         boolean NOT NULL,
    sent         boolean NOT NULL DEFAULT false,
    tries        integer NOT NULL DEFAULT 0,
    next_try_at  timestamptz NOT NULL,
    PRIMARY KEY (kind, key, bank_code, account_id),
    CHECK ((hash IS NULL) = (expires_at IS NULL))
);

CREATE INDEX pix_codes_due ON pix_codes (next_try_at) WHERE NOT sent;
CREATE INDEX pix_codes_old ON pix_codes (requested_at);

-- How many codes were asked for a key in a day.
CREATE TABLE pix_code_sends (
    kind  smallint NOT NULL,
    key   text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL,
    count integer NOT NULL,
    PRIMARY KEY (kind, key)
);

CREATE INDEX pix_code_sends_old ON pix_code_sends (since);

-- What became of each request, for ever.
CREATE TABLE pix_requests (
    bank_code   text COLLATE "C" NOT NULL,
    request_id  text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    kind        smallint NOT NULL,
    key         text COLLATE "C" NOT NULL,
    state       smallint NOT NULL,
    created_at  timestamptz,
    claim_id    uuid,
    PRIMARY KEY (bank_code, request_id)
);

-- The exclusive or over the digests of a bank's active keys of one kind, made with the bank's secret of this name.
CREATE TABLE pix_tallies (
    bank_code text COLLATE "C" NOT NULL,
    kind      smallint NOT NULL,
    key_id    text COLLATE "C" NOT NULL,
    count     bigint NOT NULL CHECK (count >= 0),
    digest    bit(256) NOT NULL,
    PRIMARY KEY (bank_code, kind),
    CHECK (count > 0 OR digest = repeat('0', 256)::bit(256))
);

-- The tokens that a customer has left for look-ups or, with an empty customer, his bank; in millionths.
CREATE TABLE pix_buckets (
    bank_code text COLLATE "C" NOT NULL,
    customer  text COLLATE "C" NOT NULL,
    level     bigint NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (bank_code, customer)
);
