-- Live charges: what the bank calls an approved charge, and when it is to be asked whether an authorization has ended.
-- Each statement may be repeated.

-- +goose Up

SET LOCAL lock_timeout = '2s';

-- purchases/{uuid} of an approved charge in live mode; it comes with the decision.
ALTER TABLE charges ADD COLUMN IF NOT EXISTS purchase text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE charges DROP CONSTRAINT IF EXISTS charges_purchase;
ALTER TABLE charges ADD CONSTRAINT charges_purchase CHECK (purchase = '' OR mode = 2 AND state > 2 AND purchase ~ '^purchases/[0-9a-f-]{36}$') NOT VALID;

-- When the acquirer is asked next whether what it set aside has been released by itself.
ALTER TABLE charges ADD COLUMN IF NOT EXISTS expiry_due_at timestamptz;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION guard_charges() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 1 OR NEW.version <> 1 OR NEW.changed_at <> NEW.created_at OR NEW.purchase <> '' THEN
            RAISE EXCEPTION 'a charge begins undecided' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a charge is never deleted' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- When to ask is no change of the charge.
    IF NEW.version = OLD.version AND NEW.expiry_due_at IS DISTINCT FROM OLD.expiry_due_at
        AND to_jsonb(NEW) - 'expiry_due_at' = to_jsonb(OLD) - 'expiry_due_at' THEN
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.merchant, NEW.mode, NEW.amount_minor, NEW.currency, NEW.capture_now, NEW.card_brand, NEW.card_bin, NEW.card_last4,
            NEW.description, NEW.created_at)
        IS DISTINCT FROM
        (OLD.id, OLD.merchant, OLD.mode, OLD.amount_minor, OLD.currency, OLD.capture_now, OLD.card_brand, OLD.card_bin, OLD.card_last4,
            OLD.description, OLD.created_at) THEN
        RAISE EXCEPTION 'what was charged never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.version <> OLD.version + 1 OR NEW.changed_at < OLD.changed_at THEN
        RAISE EXCEPTION 'each change of a charge counts once' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.state <> 1 AND (NEW.decided_at, NEW.expires_at, NEW.purchase, NEW.rejection_code, NEW.rejection_reason, NEW.rejection_message)
        IS DISTINCT FROM (OLD.decided_at, OLD.expires_at, OLD.purchase, OLD.rejection_code, OLD.rejection_reason, OLD.rejection_message) THEN
        RAISE EXCEPTION 'a charge is decided once' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NOT (CASE OLD.state
        WHEN 1 THEN NEW.state IN (2, 3, 4) AND NEW.captured_minor IN (0, NEW.amount_minor) AND NEW.ending = 0
            AND (NEW.state = 4) <= NEW.capture_now
        WHEN 3 THEN NEW.state = 3 OR NEW.state = 4 AND OLD.ending = 1 OR NEW.state = 5 AND OLD.ending = 2 OR NEW.state = 6 AND OLD.ending = 0
        WHEN 4 THEN NEW.state = 4 AND NEW.captured_minor = OLD.captured_minor AND NEW.refunded_minor >= OLD.refunded_minor
        ELSE false END) THEN
        RAISE EXCEPTION 'a charge in state % does not become this', OLD.state USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
-- The table is altered below, and no check of a row may be open then.
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE charges SET expiry_due_at = expires_at WHERE state = 3 AND expiry_due_at IS NULL;
ALTER TABLE charges DROP CONSTRAINT IF EXISTS charges_expiry_due;
ALTER TABLE charges ADD CONSTRAINT charges_expiry_due CHECK ((expiry_due_at IS NOT NULL) = (state = 3)) NOT VALID;
CREATE INDEX IF NOT EXISTS charges_expiring ON charges (expiry_due_at) WHERE state = 3 AND ending = 0;

-- CHARGE_EXPIRED is about no operation.
ALTER TABLE charge_events DROP CONSTRAINT IF EXISTS charge_events_kind_check;
ALTER TABLE charge_events ADD CONSTRAINT charge_events_kind_check CHECK (kind BETWEEN 1 AND 5) NOT VALID;
