-- +goose Up

-- Whose an order is: user:{uuid} of the user for whom it was placed, or the name of the program that
-- placed it for itself. It is empty for an order of a version that did not record it: such an order is
-- its caller's alone. That version may still write beside this one.
ALTER TABLE orders ADD COLUMN owner text COLLATE "C" NOT NULL DEFAULT '';

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION guard_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order is never deleted' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.state <> 1 THEN
        RAISE EXCEPTION 'an ended order never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.voiding <> 0 AND (NEW.state = 2 OR NEW.state = 1 AND NEW.voiding <> OLD.voiding) THEN
        RAISE EXCEPTION 'a decision to void is final' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 1 AND (NEW.token, NEW.token_expires_at) IS DISTINCT FROM (OLD.token, OLD.token_expires_at) THEN
        RAISE EXCEPTION 'an order is paid with one token' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.id, NEW.caller, NEW.owner, NEW.request_id, NEW.fingerprint, NEW.trace_id, NEW.store_slug, NEW.store_name,
            NEW.store_category_code, NEW.store_city, NEW.store_country, NEW.total_minor, NEW.currency,
            NEW.description, NEW.attempt, NEW.card_brand, NEW.card_last4, NEW.created_at)
        IS DISTINCT FROM
        (OLD.id, OLD.caller, OLD.owner, OLD.request_id, OLD.fingerprint, OLD.trace_id, OLD.store_slug, OLD.store_name,
            OLD.store_category_code, OLD.store_city, OLD.store_country, OLD.total_minor, OLD.currency,
            OLD.description, OLD.attempt, OLD.card_brand, OLD.card_last4, OLD.created_at) THEN
        RAISE EXCEPTION 'what was ordered never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
