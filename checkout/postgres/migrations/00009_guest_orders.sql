-- The orders of guests: the SHA-256 of the secret that reads one. It is null for every other order. Each
-- statement may be repeated.

-- +goose Up

SET LOCAL lock_timeout = '2s';

ALTER TABLE orders ADD COLUMN IF NOT EXISTS secret_hash bytea;
ALTER TABLE orders DROP CONSTRAINT IF EXISTS orders_secret_hash;
ALTER TABLE orders ADD CONSTRAINT orders_secret_hash CHECK (length(secret_hash) = 32) NOT VALID; -- null passes

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION guard_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order is never deleted' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.state <> 1 THEN
        -- APPROVED to PARTIALLY_REFUNDED to REFUNDED, as the refunds that are done say, and nothing else.
        IF OLD.state IN (2, 4) AND NEW.state IN (4, 5) AND NEW.refunded_minor > OLD.refunded_minor
            AND NEW.refunded_minor = (SELECT sum(r.amount_minor) FROM refunds r WHERE r.order_id = OLD.id AND r.state = 2)
            AND to_jsonb(NEW) - 'state' - 'refunded_minor' = to_jsonb(OLD) - 'state' - 'refunded_minor' THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'an ended order never changes but by its refunds' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state > 3 THEN
        RAISE EXCEPTION 'only an order that was paid is refunded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.voiding <> 0 AND (NEW.state = 2 OR NEW.state = 1 AND NEW.voiding <> OLD.voiding) THEN
        RAISE EXCEPTION 'a decision to void is final' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 1 AND (NEW.token, NEW.token_expires_at) IS DISTINCT FROM (OLD.token, OLD.token_expires_at) THEN
        RAISE EXCEPTION 'an order is paid with one token' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.id, NEW.caller, NEW.owner, NEW.request_id, NEW.fingerprint, NEW.trace_id, NEW.store_slug, NEW.store_name,
            NEW.store_category_code, NEW.store_city, NEW.store_country, NEW.total_minor, NEW.currency,
            NEW.description, NEW.attempt, NEW.card_brand, NEW.card_last4, NEW.created_at, NEW.secret_hash)
        IS DISTINCT FROM
        (OLD.id, OLD.caller, OLD.owner, OLD.request_id, OLD.fingerprint, OLD.trace_id, OLD.store_slug, OLD.store_name,
            OLD.store_category_code, OLD.store_city, OLD.store_country, OLD.total_minor, OLD.currency,
            OLD.description, OLD.attempt, OLD.card_brand, OLD.card_last4, OLD.created_at, OLD.secret_hash) THEN
        RAISE EXCEPTION 'what was ordered never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
