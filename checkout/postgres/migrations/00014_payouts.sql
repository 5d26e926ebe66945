-- What merchants are paid out of their balances. Each statement may be repeated.

-- +goose Up

SET LOCAL lock_timeout = '2s';

CREATE TABLE IF NOT EXISTS payouts (
    -- Derived from merchant, mode and Idempotency-Key, as the ids of charges are.
    id                uuid PRIMARY KEY,
    merchant          text COLLATE "C" NOT NULL CHECK (merchant <> ''),
    mode              smallint NOT NULL CHECK (mode IN (1, 2)),
    state             smallint NOT NULL CHECK (state IN (1, 2, 3)), -- PENDING, PAID, FAILED
    amount_minor      bigint NOT NULL CHECK (amount_minor BETWEEN 1 AND 999999999999999),
    currency          text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- accounts/{uuid} at the bank; test mode does without.
    account           text COLLATE "C" NOT NULL CHECK (account = '' AND mode = 1 OR account ~ '^accounts/[0-9a-f-]{36}$'),
    rejection_code    text COLLATE "C" NOT NULL DEFAULT '',
    rejection_reason  text COLLATE "C" NOT NULL DEFAULT '',
    rejection_message text NOT NULL DEFAULT '',
    created_at        timestamptz NOT NULL,
    ended_at          timestamptz,

    CONSTRAINT payouts_ended CHECK ((state = 1) = (ended_at IS NULL) AND ended_at >= created_at),
    CONSTRAINT payouts_failed CHECK (CASE state WHEN 3 THEN rejection_code <> '' AND rejection_reason <> ''
        ELSE rejection_code = '' AND rejection_reason = '' AND rejection_message = '' END)
);
CREATE INDEX IF NOT EXISTS payouts_of_merchant ON payouts (merchant, mode, created_at DESC, id DESC);
-- The payouts that moved money, in the order of time.
CREATE INDEX IF NOT EXISTS payouts_that_move ON payouts (merchant, mode, ended_at, id) WHERE state = 2;

-- The request for a payout is about no charge.
ALTER TABLE charge_requests ALTER COLUMN charge_id DROP NOT NULL;

-- What went to the merchant's account, and the payouts that are accepted and not decided.
ALTER TABLE charge_balances ADD COLUMN IF NOT EXISTS paid_out_minor bigint NOT NULL DEFAULT 0 CHECK (paid_out_minor >= 0);
ALTER TABLE charge_balances ADD COLUMN IF NOT EXISTS paying_out_minor bigint NOT NULL DEFAULT 0 CHECK (paying_out_minor >= 0);

-- The second wall. The functions run only in the case that they forbid.

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION forbid_change_of_payout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a payout begins undecided, ends once, and nothing else of it changes' USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE OR REPLACE FUNCTION forbid_payout_of_more() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no more is paid out than there is' USING ERRCODE = 'integrity_constraint_violation';
END $$;
-- +goose StatementEnd

DROP TRIGGER IF EXISTS guard_new_payouts ON payouts;
CREATE TRIGGER guard_new_payouts BEFORE INSERT ON payouts FOR EACH ROW WHEN (NEW.state <> 1) EXECUTE FUNCTION forbid_change_of_payout();
DROP TRIGGER IF EXISTS guard_payouts ON payouts;
CREATE TRIGGER guard_payouts BEFORE UPDATE ON payouts FOR EACH ROW
    WHEN (OLD.state <> 1 OR NEW.state = 1 OR (NEW.id, NEW.merchant, NEW.mode, NEW.amount_minor, NEW.currency, NEW.account, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.merchant, OLD.mode, OLD.amount_minor, OLD.currency, OLD.account, OLD.created_at))
    EXECUTE FUNCTION forbid_change_of_payout();
DROP TRIGGER IF EXISTS guard_past_payouts ON payouts;
CREATE TRIGGER guard_past_payouts BEFORE DELETE ON payouts FOR EACH ROW EXECUTE FUNCTION forbid_change_of_payout();
-- Refunds may make a balance negative, payouts never.
DROP TRIGGER IF EXISTS guard_payouts_of_balances ON charge_balances;
CREATE TRIGGER guard_payouts_of_balances BEFORE UPDATE ON charge_balances FOR EACH ROW
    WHEN (NEW.paid_out_minor + NEW.paying_out_minor > OLD.paid_out_minor + OLD.paying_out_minor
        AND NEW.captured_minor < NEW.refunded_minor + NEW.reserved_minor + NEW.paid_out_minor + NEW.paying_out_minor)
    EXECUTE FUNCTION forbid_payout_of_more();

DROP POLICY IF EXISTS reader_sees_his_own ON payouts;
CREATE POLICY reader_sees_his_own ON payouts USING (
    (SELECT current_setting('codebank.reader', true)) = '*'
    OR merchant || '/' || mode::text = (SELECT current_setting('codebank.reader', true)) COLLATE "C");
DROP POLICY IF EXISTS owner_sees_all ON payouts;
CREATE POLICY owner_sees_all ON payouts TO CURRENT_USER USING (coalesce(current_setting('codebank.reader', true), '') = '');
ALTER TABLE payouts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
