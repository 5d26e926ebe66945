-- Refunds, and the walls around them: what is given back of an order is never more than its total, whatever a
-- program believes. The checks of orders hold for new rows at once (NOT VALID): those of before are stricter,
-- so the rows that are there pass them. Each statement may be repeated.

-- +goose Up

SET LOCAL lock_timeout = '2s';

ALTER TABLE orders ADD COLUMN IF NOT EXISTS refunded_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE orders DROP CONSTRAINT IF EXISTS orders_state_check;
ALTER TABLE orders ADD CONSTRAINT orders_state_check CHECK (state IN (1, 2, 3, 4, 5)) NOT VALID; -- 4 PARTIALLY_REFUNDED, 5 REFUNDED
ALTER TABLE orders DROP CONSTRAINT IF EXISTS orders_approved;
ALTER TABLE orders ADD CONSTRAINT orders_approved
    CHECK (state NOT IN (2, 4, 5) OR purchase <> '' AND decline_reason = '' AND decline_code = '') NOT VALID;
ALTER TABLE orders DROP CONSTRAINT IF EXISTS orders_refunded;
ALTER TABLE orders ADD CONSTRAINT orders_refunded CHECK (CASE state
    WHEN 4 THEN refunded_minor BETWEEN 1 AND total_minor - 1
    WHEN 5 THEN refunded_minor = total_minor
    ELSE refunded_minor = 0 END) NOT VALID;

-- A refund names its order without a foreign key, because the key's trigger would run at every change of
-- every order. guard_refunds looks for the order, and orders are never deleted.
CREATE TABLE IF NOT EXISTS refunds (
    id              uuid PRIMARY KEY, -- the request id at the bank
    order_id        uuid NOT NULL,
    caller          text COLLATE "C" NOT NULL CHECK (caller <> ''),
    request_id      text COLLATE "C" NOT NULL CHECK (request_id <> ''),
    asked_by        text NOT NULL CHECK (asked_by <> ''),
    asked_minor     bigint NOT NULL CHECK (asked_minor IN (0, amount_minor)), -- 0: all that was left
    amount_minor    bigint NOT NULL CHECK (amount_minor >= 1),
    reason          text NOT NULL,
    trace_id        text NOT NULL,
    state           smallint NOT NULL CHECK (state IN (1, 2, 3)), -- PENDING, DONE, REFUSED
    reversal        text NOT NULL,
    refusal_reason  text NOT NULL,
    refusal_message text NOT NULL,
    tries           integer NOT NULL CHECK (tries >= 0),
    next_at         timestamptz,
    created_at      timestamptz NOT NULL,
    ended_at        timestamptz,

    CONSTRAINT refunds_request UNIQUE (caller, request_id),
    CONSTRAINT refunds_open_or_ended CHECK (CASE state
        WHEN 1 THEN next_at IS NOT NULL AND ended_at IS NULL AND reversal = '' AND refusal_reason = ''
        ELSE next_at IS NULL AND ended_at IS NOT NULL AND tries = 0
            AND (reversal <> '') = (state = 2) AND (refusal_reason <> '') = (state = 3) END)
);
CREATE INDEX IF NOT EXISTS refunds_of_order ON refunds (order_id, created_at, id);
CREATE INDEX IF NOT EXISTS refunds_due ON refunds (next_at, id) WHERE state = 1;
CREATE INDEX IF NOT EXISTS refunds_open ON refunds (created_at) WHERE state = 1;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION guard_refunds() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    total bigint;
    given bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- The lock makes refunds of an order follow each other. What is summed is read after it is held.
        SELECT o.total_minor INTO total FROM orders o WHERE o.id = NEW.order_id AND o.state IN (2, 4) FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'only an order that was paid is refunded' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        SELECT coalesce(sum(r.amount_minor), 0) INTO given FROM refunds r WHERE r.order_id = NEW.order_id AND r.state <> 3;
        IF NEW.state <> 1 OR given + NEW.amount_minor > total THEN
            RAISE EXCEPTION 'no more is refunded than was paid' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a refund is never deleted' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.state <> 1 THEN
        RAISE EXCEPTION 'an ended refund never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.id, NEW.order_id, NEW.caller, NEW.request_id, NEW.asked_by, NEW.asked_minor, NEW.amount_minor, NEW.reason,
            NEW.trace_id, NEW.created_at)
        IS DISTINCT FROM
        (OLD.id, OLD.order_id, OLD.caller, OLD.request_id, OLD.asked_by, OLD.asked_minor, OLD.amount_minor, OLD.reason,
            OLD.trace_id, OLD.created_at) THEN
        RAISE EXCEPTION 'what was asked for never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE OR REPLACE TRIGGER guard_refunds BEFORE INSERT OR UPDATE OR DELETE ON refunds
    FOR EACH ROW EXECUTE FUNCTION guard_refunds();

-- At the commit an order says what its refunds say.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION guard_refunded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT o.refunded_minor FROM orders o WHERE o.id = NEW.order_id)
        <> (SELECT sum(r.amount_minor) FROM refunds r WHERE r.order_id = NEW.order_id AND r.state = 2) THEN
        RAISE EXCEPTION 'an order says how much of it was refunded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

DROP TRIGGER IF EXISTS guard_refunded ON refunds;
CREATE CONSTRAINT TRIGGER guard_refunded AFTER UPDATE ON refunds DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state = 2) EXECUTE FUNCTION guard_refunded();

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
