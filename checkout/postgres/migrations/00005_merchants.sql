-- +goose Up

-- Merchants own the stores. A merchant has members, users who act for it, and secrets, with which its programs
-- prove who they are.
CREATE TABLE merchants (
    slug               text COLLATE "C" PRIMARY KEY,
    name               text NOT NULL CHECK (name <> ''),
    settlement_account text NOT NULL DEFAULT '' CHECK (settlement_account = '' OR settlement_account ~ '^accounts/[0-9a-f-]{36}$'),
    version            bigint NOT NULL DEFAULT 1 CHECK (version > 0),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now()
);

-- A store from before merchants belongs to a merchant of its own slug and name.
INSERT INTO merchants (slug, name) SELECT slug, name FROM stores;
ALTER TABLE stores ADD COLUMN merchant text COLLATE "C";
UPDATE stores SET merchant = slug;
ALTER TABLE stores ALTER COLUMN merchant SET NOT NULL, ADD FOREIGN KEY (merchant) REFERENCES merchants;
CREATE INDEX stores_merchant ON stores (merchant);

-- A replica of an earlier version of the program names no merchant.
-- +goose StatementBegin
CREATE FUNCTION give_store_a_merchant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT s.merchant INTO NEW.merchant FROM stores s WHERE s.slug = NEW.slug;
    IF NEW.merchant IS NULL THEN
        INSERT INTO merchants (slug, name) VALUES (NEW.slug, NEW.name) ON CONFLICT DO NOTHING;
        NEW.merchant := NEW.slug;
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER give_store_a_merchant BEFORE INSERT ON stores
    FOR EACH ROW WHEN (NEW.merchant IS NULL) EXECUTE FUNCTION give_store_a_merchant();

ALTER TABLE products
    ADD COLUMN id          uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    ADD COLUMN picture_url text NOT NULL DEFAULT '' CHECK (picture_url = '' OR picture_url LIKE 'https://%'),
    ADD COLUMN version     bigint NOT NULL DEFAULT 1 CHECK (version > 0);

-- The version of a product counts its changes, whoever makes them.
-- +goose StatementBegin
CREATE FUNCTION count_product_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.slug <> OLD.slug THEN
        RAISE EXCEPTION 'a product keeps its names' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER count_product_version BEFORE UPDATE ON products
    FOR EACH ROW WHEN (NEW IS DISTINCT FROM OLD) EXECUTE FUNCTION count_product_version();

CREATE TABLE merchant_members (
    merchant text COLLATE "C" NOT NULL REFERENCES merchants,
    user_id  uuid NOT NULL,
    added_at timestamptz NOT NULL,
    PRIMARY KEY (merchant, user_id)
);
CREATE INDEX merchant_members_user ON merchant_members (user_id, merchant);

-- A secret is 256 random bits, so that a fast hash keeps it. The slots are two: no more are live of a mode.
CREATE TABLE merchant_secrets (
    id           uuid PRIMARY KEY,
    merchant     text COLLATE "C" NOT NULL REFERENCES merchants,
    mode         smallint NOT NULL CHECK (mode IN (1, 2)), -- TEST, LIVE
    slot         smallint NOT NULL CHECK (slot IN (1, 2)),
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    last4        text NOT NULL CHECK (length(last4) = 4),
    created_at   timestamptz NOT NULL,
    last_used_on date,
    revoked_at   timestamptz
);
CREATE UNIQUE INDEX merchant_secrets_live ON merchant_secrets (merchant, mode, slot) WHERE revoked_at IS NULL;
CREATE INDEX merchant_secrets_newest ON merchant_secrets (merchant, created_at DESC, id);

-- +goose StatementBegin
CREATE FUNCTION guard_merchant_secrets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.revoked_at IS NOT NULL
        OR (NEW.id, NEW.merchant, NEW.mode, NEW.slot, NEW.hash, NEW.last4, NEW.created_at)
            IS DISTINCT FROM (OLD.id, OLD.merchant, OLD.mode, OLD.slot, OLD.hash, OLD.last4, OLD.created_at) THEN
        RAISE EXCEPTION 'a secret is only used and revoked' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_merchant_secrets BEFORE UPDATE OR DELETE ON merchant_secrets
    FOR EACH ROW EXECUTE FUNCTION guard_merchant_secrets();

-- What was answered to each act on merchants and the catalogue, for its repeats.
CREATE TABLE acts (
    caller      text COLLATE "C" NOT NULL CHECK (caller <> ''),
    request_id  text COLLATE "C" NOT NULL CHECK (request_id <> ''),
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    answer      jsonb,
    PRIMARY KEY (caller, request_id)
);
