-- Endpoints of merchants, what is sent to them, and each try. The schema river is the queue's; its tables are made by
-- package checkout/webhook/queue, behind these files. Each statement may be repeated.

-- +goose Up

-- The tables refer to merchants, whose rows are written meanwhile.
SET LOCAL lock_timeout = '2s';

CREATE SCHEMA IF NOT EXISTS river;

CREATE TABLE IF NOT EXISTS webhook_endpoints (
    id            uuid PRIMARY KEY,
    merchant      text COLLATE "C" NOT NULL REFERENCES merchants,
    mode          smallint NOT NULL CHECK (mode IN (1, 2)), -- TEST, LIVE
    url           text NOT NULL CHECK (url LIKE 'https://%' AND length(url) <= 2000),
    description   text NOT NULL CHECK (char_length(description) <= 140),
    types         text[] COLLATE "C" NOT NULL CHECK (cardinality(types) BETWEEN 1 AND 32),
    enabled       boolean NOT NULL DEFAULT true,
    -- Why it is off: '', MERCHANT, GONE (the endpoint answered 410) or FAILING.
    disabled_why  text COLLATE "C" NOT NULL DEFAULT '',
    -- Events behind this sequence of the merchant are for it.
    after         bigint NOT NULL CHECK (after >= 0),
    -- Failed tries since the last message that was delivered, and the time of the first of them.
    failures      integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failing_since timestamptz,
    -- A hash of the request that made it, by which its repeats are known.
    fingerprint   bytea NOT NULL CHECK (length(fingerprint) = 32),
    version       bigint NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at    timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL,
    -- One that is deleted is shown to nobody. Its row goes when the log of its deliveries has gone.
    deleted_at    timestamptz,

    CONSTRAINT webhook_endpoints_disabled CHECK (enabled = (disabled_why = '')),
    CONSTRAINT webhook_endpoints_failing CHECK ((failures = 0) = (failing_since IS NULL))
);
CREATE INDEX IF NOT EXISTS webhook_endpoints_of_merchant ON webhook_endpoints (merchant, mode, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS webhook_endpoints_deleted ON webhook_endpoints (deleted_at) WHERE deleted_at IS NOT NULL;

-- The keys of endpoints, sealed under a key that is not in the database. The second one ends some time after a
-- rotation.
CREATE TABLE IF NOT EXISTS webhook_secrets (
    endpoint   uuid NOT NULL REFERENCES webhook_endpoints,
    number     integer NOT NULL CHECK (number >= 1),
    sealed     bytea NOT NULL CHECK (length(sealed) BETWEEN 32 AND 200),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (endpoint, number)
);

-- Up to which event a merchant's endpoints have got theirs. A merchant without endpoints has no row.
CREATE TABLE IF NOT EXISTS webhook_cursors (
    merchant text COLLATE "C" NOT NULL REFERENCES merchants,
    mode     smallint NOT NULL CHECK (mode IN (1, 2)),
    sequence bigint NOT NULL CHECK (sequence >= 0),
    PRIMARY KEY (merchant, mode)
);

-- One event for one endpoint.
CREATE TABLE IF NOT EXISTS webhook_deliveries (
    -- Derived from endpoint and sequence.
    id         uuid PRIMARY KEY,
    endpoint   uuid NOT NULL REFERENCES webhook_endpoints,
    merchant   text COLLATE "C" NOT NULL,
    mode       smallint NOT NULL,
    sequence   bigint NOT NULL,
    type       text COLLATE "C" NOT NULL,
    -- The same bytes at every try.
    payload    bytea NOT NULL CHECK (length(payload) <= 20000),
    state      smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 4), -- PENDING, DELIVERED, FAILED, DROPPED
    -- All tries, and those since it was sent by hand last.
    attempts   integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    tries      integer NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND attempts),
    next_at    timestamptz,
    created_at timestamptz NOT NULL,
    ended_at   timestamptz,

    UNIQUE (endpoint, sequence),
    CONSTRAINT webhook_deliveries_ended CHECK (CASE state WHEN 1 THEN next_at IS NOT NULL AND ended_at IS NULL
        ELSE next_at IS NULL AND ended_at IS NOT NULL END)
);
CREATE INDEX IF NOT EXISTS webhook_deliveries_due ON webhook_deliveries (endpoint, next_at, sequence) WHERE state = 1;
CREATE INDEX IF NOT EXISTS webhook_deliveries_pending ON webhook_deliveries (created_at) WHERE state = 1;
CREATE INDEX IF NOT EXISTS webhook_deliveries_ended_at ON webhook_deliveries (ended_at) WHERE state <> 1;

-- One try. What the endpoint answered beside its status is not kept.
CREATE TABLE IF NOT EXISTS webhook_attempts (
    delivery uuid NOT NULL REFERENCES webhook_deliveries ON DELETE CASCADE,
    number   integer NOT NULL CHECK (number >= 1),
    at       timestamptz NOT NULL,
    -- The HTTP status, or 0 and why there was none.
    status   integer NOT NULL CHECK (status BETWEEN 0 AND 999),
    error    text COLLATE "C" NOT NULL,
    took_ms  bigint NOT NULL CHECK (took_ms >= 0),
    PRIMARY KEY (delivery, number),
    CONSTRAINT webhook_attempts_error CHECK ((status = 0) = (error <> ''))
);

-- A query that forgets its WHERE shows no other merchant's endpoints; see migration 00007.
DROP POLICY IF EXISTS reader_sees_his_own ON webhook_endpoints;
CREATE POLICY reader_sees_his_own ON webhook_endpoints USING (
    (SELECT current_setting('codebank.reader', true)) = '*'
    OR merchant || '/' || mode::text = (SELECT current_setting('codebank.reader', true)) COLLATE "C");
DROP POLICY IF EXISTS reader_sees_his_own ON webhook_deliveries;
CREATE POLICY reader_sees_his_own ON webhook_deliveries USING (
    (SELECT current_setting('codebank.reader', true)) = '*'
    OR merchant || '/' || mode::text = (SELECT current_setting('codebank.reader', true)) COLLATE "C");
DROP POLICY IF EXISTS owner_sees_all ON webhook_endpoints;
CREATE POLICY owner_sees_all ON webhook_endpoints TO CURRENT_USER USING (coalesce(current_setting('codebank.reader', true), '') = '');
DROP POLICY IF EXISTS owner_sees_all ON webhook_deliveries;
CREATE POLICY owner_sees_all ON webhook_deliveries TO CURRENT_USER USING (coalesce(current_setting('codebank.reader', true), '') = '');
ALTER TABLE webhook_endpoints ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
