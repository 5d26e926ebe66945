-- +goose Up

-- Texts are compared by their bytes, so that a page ends at the same product on
-- every server, whatever its locale.

CREATE TABLE stores (
    slug          text COLLATE "C" PRIMARY KEY,
    name          text NOT NULL CHECK (name <> ''),
    category_code text NOT NULL CHECK (category_code ~ '^[0-9]{4}$'),
    city          text NOT NULL CHECK (city <> ''),
    country       text NOT NULL CHECK (country ~ '^[A-Z]{2}$')
);

CREATE TABLE products (
    slug        text COLLATE "C" PRIMARY KEY,
    store_slug  text COLLATE "C" NOT NULL REFERENCES stores,
    name        text NOT NULL CHECK (name <> ''),
    description text NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor BETWEEN 1 AND 999999999999999),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- False once the catalogue no longer names the product.
    listed      boolean NOT NULL
);
CREATE INDEX products_listed ON products (slug) WHERE listed;

-- An order keeps store, names and prices as they were, and refers to nothing.
CREATE TABLE orders (
    id                  uuid PRIMARY KEY,
    caller              text COLLATE "C" NOT NULL CHECK (caller <> ''),
    request_id          text COLLATE "C" NOT NULL CHECK (request_id <> ''),
    fingerprint         bytea NOT NULL CHECK (length(fingerprint) = 32),
    trace_id            text NOT NULL,
    state               smallint NOT NULL CHECK (state IN (1, 2, 3)), -- PENDING, APPROVED, DECLINED
    store_slug          text NOT NULL,
    store_name          text NOT NULL,
    store_category_code text NOT NULL,
    store_city          text NOT NULL,
    store_country       text NOT NULL,
    total_minor         bigint NOT NULL CHECK (total_minor BETWEEN 1 AND 999999999999999),
    currency            text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    description         text NOT NULL,
    attempt             integer NOT NULL CHECK (attempt >= 0),
    card_brand          text NOT NULL,
    card_last4          text NOT NULL CHECK (card_last4 ~ '^[0-9]{4}$'),
    purchase            text NOT NULL,
    decline_code        text NOT NULL,
    decline_reason      text NOT NULL,
    decline_message     text NOT NULL,
    -- What an open order still needs; gone when it ends.
    token               text CHECK (token <> ''),
    token_expires_at    timestamptz,
    tries               integer NOT NULL CHECK (tries >= 0),
    next_at             timestamptz,
    voiding             smallint NOT NULL CHECK (voiding IN (0, 1, 2)), -- no, TIMED_OUT, REFUSED
    created_at          timestamptz NOT NULL,
    ended_at            timestamptz,

    CONSTRAINT orders_request UNIQUE (caller, request_id),
    -- No open order without a next attempt, no ended one with a token.
    CONSTRAINT orders_open_or_ended CHECK (CASE state
        WHEN 1 THEN token IS NOT NULL AND token_expires_at IS NOT NULL AND next_at IS NOT NULL
            AND ended_at IS NULL AND purchase = '' AND decline_reason = ''
        ELSE token IS NULL AND token_expires_at IS NULL AND next_at IS NULL
            AND ended_at IS NOT NULL AND voiding = 0 AND tries = 0 END),
    CONSTRAINT orders_approved CHECK (state <> 2 OR purchase <> '' AND decline_reason = '' AND decline_code = ''),
    CONSTRAINT orders_declined CHECK (state <> 3 OR decline_reason <> '' AND decline_code <> '')
);
CREATE INDEX orders_due ON orders (next_at, id) WHERE state = 1;
CREATE INDEX orders_open ON orders (created_at) WHERE state = 1;

CREATE TABLE order_items (
    order_id         uuid NOT NULL REFERENCES orders,
    line             smallint NOT NULL CHECK (line BETWEEN 1 AND 50),
    product          text NOT NULL,
    name             text NOT NULL,
    quantity         integer NOT NULL CHECK (quantity BETWEEN 1 AND 999),
    unit_price_minor bigint NOT NULL CHECK (unit_price_minor BETWEEN 1 AND 999999999999999),
    PRIMARY KEY (order_id, line)
);

-- Secrets that all replicas share and nobody has to hand out.
CREATE TABLE secrets (
    name  text PRIMARY KEY,
    value bytea NOT NULL CHECK (length(value) >= 32)
);

-- The second wall: whatever a program believes, an order changes along the drawn
-- edges only, and what was bought never changes.

-- +goose StatementBegin
CREATE FUNCTION guard_orders() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF (NEW.id, NEW.caller, NEW.request_id, NEW.fingerprint, NEW.trace_id, NEW.store_slug, NEW.store_name,
            NEW.store_category_code, NEW.store_city, NEW.store_country, NEW.total_minor, NEW.currency,
            NEW.description, NEW.attempt, NEW.card_brand, NEW.card_last4, NEW.created_at)
        IS DISTINCT FROM
        (OLD.id, OLD.caller, OLD.request_id, OLD.fingerprint, OLD.trace_id, OLD.store_slug, OLD.store_name,
            OLD.store_category_code, OLD.store_city, OLD.store_country, OLD.total_minor, OLD.currency,
            OLD.description, OLD.attempt, OLD.card_brand, OLD.card_last4, OLD.created_at) THEN
        RAISE EXCEPTION 'what was ordered never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER guard_orders BEFORE UPDATE OR DELETE ON orders
    FOR EACH ROW EXECUTE FUNCTION guard_orders();

-- +goose StatementBegin
CREATE FUNCTION guard_order_items() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was ordered never changes' USING ERRCODE = 'integrity_constraint_violation';
END $$;
-- +goose StatementEnd

CREATE TRIGGER guard_order_items BEFORE UPDATE OR DELETE ON order_items
    FOR EACH ROW EXECUTE FUNCTION guard_order_items();
