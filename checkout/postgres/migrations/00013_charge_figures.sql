-- What merchants ask about their charges as a whole: statistics by the hour, and balances. Both are written in the
-- commit of the change that they count, while its merchant's row in merchant_sequences is locked, so changes of one
-- owner's figures follow each other. Each statement may be repeated.

-- +goose Up

SET LOCAL lock_timeout = '2s';

-- With it an event says all that the charge said then.
ALTER TABLE charge_events ADD COLUMN IF NOT EXISTS reserved_minor bigint NOT NULL DEFAULT 0;

-- The movements of a balance in the order of time.
CREATE INDEX IF NOT EXISTS charge_events_that_move ON charge_events (merchant, mode, at, sequence) WHERE kind IN (2, 4);

-- How often something happened to an owner's charges within an hour (UTC), and with what amount.
CREATE TABLE IF NOT EXISTS charge_statistics (
    merchant     text COLLATE "C" NOT NULL,
    mode         smallint NOT NULL,
    hour         timestamptz NOT NULL CHECK (date_trunc('hour', hour, 'UTC') = hour),
    currency     text COLLATE "C" NOT NULL,
    figure       smallint NOT NULL CHECK (figure BETWEEN 1 AND 7), -- APPROVED, AUTHORIZED, REJECTED, CAPTURED, VOIDED, EXPIRED, REFUNDED
    reason       text COLLATE "C" NOT NULL CHECK ((reason <> '') = (figure = 3)),
    count        bigint NOT NULL CHECK (count > 0),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    PRIMARY KEY (merchant, mode, hour, currency, figure, reason)
) WITH (fillfactor = 50);

-- What an owner was paid and gave back, in all.
CREATE TABLE IF NOT EXISTS charge_balances (
    merchant       text COLLATE "C" NOT NULL,
    mode           smallint NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    captured_minor bigint NOT NULL CHECK (captured_minor >= 0),
    refunded_minor bigint NOT NULL CHECK (refunded_minor >= 0),
    -- Refunds that are accepted and not decided.
    reserved_minor bigint NOT NULL CHECK (reserved_minor >= 0),
    PRIMARY KEY (merchant, mode, currency),
    CONSTRAINT charge_balances_given_back CHECK (refunded_minor + reserved_minor <= captured_minor)
) WITH (fillfactor = 50);

DROP POLICY IF EXISTS reader_sees_his_own ON charge_statistics;
CREATE POLICY reader_sees_his_own ON charge_statistics USING (
    (SELECT current_setting('codebank.reader', true)) = '*'
    OR merchant || '/' || mode::text = (SELECT current_setting('codebank.reader', true)) COLLATE "C");
DROP POLICY IF EXISTS reader_sees_his_own ON charge_balances;
CREATE POLICY reader_sees_his_own ON charge_balances USING (
    (SELECT current_setting('codebank.reader', true)) = '*'
    OR merchant || '/' || mode::text = (SELECT current_setting('codebank.reader', true)) COLLATE "C");
DROP POLICY IF EXISTS owner_sees_all ON charge_statistics;
CREATE POLICY owner_sees_all ON charge_statistics TO CURRENT_USER USING (coalesce(current_setting('codebank.reader', true), '') = '');
DROP POLICY IF EXISTS owner_sees_all ON charge_balances;
CREATE POLICY owner_sees_all ON charge_balances TO CURRENT_USER USING (coalesce(current_setting('codebank.reader', true), '') = '');
ALTER TABLE charge_statistics ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE charge_balances ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

INSERT INTO charge_balances (merchant, mode, currency, captured_minor, refunded_minor, reserved_minor)
SELECT merchant, mode, currency, sum(captured_minor), sum(refunded_minor), sum(reserved_minor) FROM charges GROUP BY merchant, mode, currency
HAVING sum(captured_minor) > 0
ON CONFLICT DO NOTHING;

-- The secrets that the replicas of the payment gateway share. It does not see those of checkout.
CREATE TABLE IF NOT EXISTS charge_secrets (
    name  text PRIMARY KEY,
    value bytea NOT NULL CHECK (length(value) >= 32)
);
