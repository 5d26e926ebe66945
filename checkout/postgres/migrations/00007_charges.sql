-- +goose Up

-- What merchants charge through the payment gateway: charges, what is done to them later, and what is still to be
-- sent. Modes are 1 TEST and 2 LIVE, as those of secrets. Only merchant_sequences refers to merchants: each
-- charge counts there, and a reference of each charge would lock the merchant's row again and again.

CREATE TABLE charges (
    -- Derived from merchant, mode and Idempotency-Key, as are the ids of operations.
    id                uuid PRIMARY KEY,
    merchant          text COLLATE "C" NOT NULL CHECK (merchant <> ''),
    mode              smallint NOT NULL CHECK (mode IN (1, 2)),
    state             smallint NOT NULL CHECK (state BETWEEN 1 AND 6), -- PENDING, REJECTED, AUTHORIZED, APPROVED, VOIDED, EXPIRED
    -- Minor units of currency, as are all amounts.
    amount_minor      bigint NOT NULL CHECK (amount_minor BETWEEN 1 AND 999999999999999),
    currency          text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    capture_now       boolean NOT NULL,
    captured_minor    bigint NOT NULL CHECK (captured_minor BETWEEN 0 AND amount_minor),
    refunded_minor    bigint NOT NULL CHECK (refunded_minor >= 0),
    -- Refunds that are accepted and not decided.
    reserved_minor    bigint NOT NULL CHECK (reserved_minor >= 0),
    ending            smallint NOT NULL CHECK (ending IN (0, 1, 2)), -- nothing under way, CAPTURE, VOID
    rejection_code    text COLLATE "C" NOT NULL,
    rejection_reason  text COLLATE "C" NOT NULL,
    rejection_message text NOT NULL,
    -- All that is readable of the card; empty if the number is none.
    card_brand        smallint NOT NULL CHECK (card_brand >= 0),
    card_bin          text COLLATE "C" NOT NULL CHECK (card_bin ~ '^([0-9]{6})?$'),
    card_last4        text COLLATE "C" NOT NULL CHECK (card_last4 ~ '^([0-9]{4})?$'),
    description       text NOT NULL CHECK (char_length(description) <= 140),
    expires_at        timestamptz,
    version           bigint NOT NULL CHECK (version >= 1),
    created_at        timestamptz NOT NULL,
    decided_at        timestamptz,
    changed_at        timestamptz NOT NULL CHECK (changed_at >= created_at),

    CONSTRAINT charges_decided CHECK ((state = 1) = (decided_at IS NULL)),
    CONSTRAINT charges_rejected CHECK (CASE state WHEN 2 THEN rejection_code <> '' AND rejection_reason <> ''
        ELSE rejection_code = '' AND rejection_reason = '' AND rejection_message = '' END),
    CONSTRAINT charges_authorized CHECK (CASE WHEN state IN (1, 2) OR capture_now THEN expires_at IS NULL ELSE expires_at IS NOT NULL END),
    CONSTRAINT charges_captured_at_once CHECK (NOT capture_now OR state IN (1, 2, 4)),
    CONSTRAINT charges_approved CHECK ((state = 4) = (captured_minor > 0)),
    CONSTRAINT charges_ending CHECK (ending = 0 OR state = 3),
    CONSTRAINT charges_given_back CHECK (refunded_minor + reserved_minor <= captured_minor)
);
CREATE INDEX charges_of_merchant ON charges (merchant, mode, created_at DESC, id DESC);
CREATE INDEX charges_by_state ON charges (merchant, mode, state, created_at DESC, id DESC);

CREATE TABLE charge_operations (
    id                uuid PRIMARY KEY,
    charge_id         uuid NOT NULL REFERENCES charges,
    merchant          text COLLATE "C" NOT NULL,
    mode              smallint NOT NULL,
    kind              smallint NOT NULL CHECK (kind IN (1, 2, 3)), -- CAPTURE, VOID, REFUND
    amount_minor      bigint NOT NULL CHECK (amount_minor > 0),
    outcome           smallint NOT NULL CHECK (outcome IN (1, 2, 3)), -- PENDING, DONE, REFUSED
    rejection_code    text COLLATE "C" NOT NULL,
    rejection_reason  text COLLATE "C" NOT NULL,
    rejection_message text NOT NULL,
    created_at        timestamptz NOT NULL,
    ended_at          timestamptz,

    CONSTRAINT charge_operations_ended CHECK ((outcome = 1) = (ended_at IS NULL)),
    CONSTRAINT charge_operations_refused CHECK (CASE outcome WHEN 3 THEN rejection_code <> '' AND rejection_reason <> ''
        ELSE rejection_code = '' AND rejection_reason = '' AND rejection_message = '' END)
);
CREATE INDEX charge_operations_of_charge ON charge_operations (charge_id, created_at, id);
-- One capture or void is under way at most, and one is done.
CREATE UNIQUE INDEX charge_operations_ending ON charge_operations (charge_id) WHERE kind IN (1, 2) AND outcome IN (1, 2);

-- The key of one charge's sealed card data. It goes in the commit of the decision, and the card data with it.
CREATE TABLE charge_keys (
    charge_id uuid PRIMARY KEY REFERENCES charges,
    key       bytea NOT NULL CHECK (length(key) = 32)
);

-- Which requests were accepted. The fingerprint is a keyed hash of the request without the security code.
CREATE TABLE charge_requests (
    -- The id of the charge or the operation that the request made.
    id          uuid PRIMARY KEY,
    merchant    text COLLATE "C" NOT NULL,
    mode        smallint NOT NULL,
    charge_id   uuid NOT NULL REFERENCES charges,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    created_at  timestamptz NOT NULL
);

-- The last number that an event of a merchant has.
CREATE TABLE merchant_sequences (
    merchant text COLLATE "C" NOT NULL REFERENCES merchants,
    mode     smallint NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 1),
    PRIMARY KEY (merchant, mode)
);

-- Every change of a charge, in the order of its merchant, without gaps.
CREATE TABLE charge_events (
    merchant       text COLLATE "C" NOT NULL,
    mode           smallint NOT NULL,
    sequence       bigint NOT NULL,
    kind           smallint NOT NULL CHECK (kind BETWEEN 1 AND 4), -- CHARGE_ACCEPTED, CHARGE_DECIDED, OPERATION_ACCEPTED, OPERATION_ENDED
    charge_id      uuid NOT NULL REFERENCES charges,
    -- The operation that the event is about.
    operation_id   uuid REFERENCES charge_operations CHECK ((operation_id IS NOT NULL) = (kind IN (3, 4))),
    -- The charge as it was then.
    version        bigint NOT NULL,
    state          smallint NOT NULL,
    captured_minor bigint NOT NULL,
    refunded_minor bigint NOT NULL,
    at             timestamptz NOT NULL,
    PRIMARY KEY (merchant, mode, sequence),
    UNIQUE (charge_id, version)
);

-- Records that are to be sent to the processor, until it has answered. Body and MAC are those of the acceptance and
-- never change, so every repeat is the same record.
CREATE TABLE charge_outbox (
    -- The id of the charge or of the operation.
    id             uuid PRIMARY KEY,
    position       bigint GENERATED ALWAYS AS IDENTITY,
    topic          text COLLATE "C" NOT NULL,
    key            bytea NOT NULL,
    schema_folder  text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL CHECK (schema_version > 0),
    body           bytea NOT NULL,
    mac_key_id     text COLLATE "C" NOT NULL,
    mac            text COLLATE "C" NOT NULL,
    created_at     timestamptz NOT NULL,
    -- When it is to be sent (again); claims counts the claims since it was sent last, sends how often it was sent.
    due_at         timestamptz NOT NULL,
    claims         integer NOT NULL DEFAULT 0,
    sends          integer NOT NULL DEFAULT 0,
    sent_at        timestamptz
);
CREATE INDEX charge_outbox_due ON charge_outbox (due_at, position);

-- Which records of the topics of charges and of results were read: the next offset of each partition.
CREATE TABLE charge_offsets (
    topic_id    uuid NOT NULL,
    partition   integer NOT NULL CHECK (partition >= 0),
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    PRIMARY KEY (topic_id, partition)
);

-- The second wall: a charge changes along the edges that package payment draws, and nothing about it is forgotten.

-- +goose StatementBegin
CREATE FUNCTION guard_charges() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 1 OR NEW.version <> 1 OR NEW.changed_at <> NEW.created_at THEN
            RAISE EXCEPTION 'a charge begins undecided' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a charge is never deleted' USING ERRCODE = 'integrity_constraint_violation';
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
    IF OLD.state <> 1 AND (NEW.decided_at, NEW.expires_at, NEW.rejection_code, NEW.rejection_reason, NEW.rejection_message)
        IS DISTINCT FROM (OLD.decided_at, OLD.expires_at, OLD.rejection_code, OLD.rejection_reason, OLD.rejection_message) THEN
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

CREATE FUNCTION guard_charge_operations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an operation is never deleted' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.outcome <> 1 OR NEW.outcome = 1 THEN
        RAISE EXCEPTION 'an operation ends once' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.id, NEW.charge_id, NEW.merchant, NEW.mode, NEW.kind, NEW.amount_minor, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.charge_id, OLD.merchant, OLD.mode, OLD.kind, OLD.amount_minor, OLD.created_at) THEN
        RAISE EXCEPTION 'what was asked for never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- An operation belongs to the merchant of its charge.
CREATE FUNCTION guard_new_charge_operations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM charges WHERE id = NEW.charge_id AND merchant = NEW.merchant AND mode = NEW.mode) THEN
        RAISE EXCEPTION 'the charge is another merchant''s' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- At the end of a commit a charge has a key if and only if it is not decided.
CREATE FUNCTION guard_charge_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM charges WHERE id = NEW.id AND (state = 1) <> EXISTS (SELECT FROM charge_keys WHERE charge_id = NEW.id)) THEN
        RAISE EXCEPTION 'a charge has a key until it is decided' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION guard_deleted_charge_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM charges WHERE id = OLD.charge_id AND state = 1) THEN
        RAISE EXCEPTION 'a charge has a key until it is decided' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION guard_charge_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sequence <> 1 AND NOT EXISTS (
        SELECT FROM charge_events WHERE merchant = NEW.merchant AND mode = NEW.mode AND sequence = NEW.sequence - 1) THEN
        RAISE EXCEPTION 'the events of a merchant have no gaps' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION guard_unchanging() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of % never changes', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
-- +goose StatementEnd

CREATE TRIGGER guard_charges BEFORE INSERT OR UPDATE OR DELETE ON charges FOR EACH ROW EXECUTE FUNCTION guard_charges();
CREATE TRIGGER guard_charge_operations BEFORE UPDATE OR DELETE ON charge_operations FOR EACH ROW EXECUTE FUNCTION guard_charge_operations();
CREATE TRIGGER guard_new_charge_operations BEFORE INSERT ON charge_operations FOR EACH ROW EXECUTE FUNCTION guard_new_charge_operations();
CREATE CONSTRAINT TRIGGER guard_keys_of_charges AFTER INSERT OR UPDATE ON charges DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION guard_charge_keys();
CREATE CONSTRAINT TRIGGER guard_deleted_charge_keys AFTER DELETE ON charge_keys DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION guard_deleted_charge_keys();
CREATE TRIGGER guard_charge_keys BEFORE UPDATE ON charge_keys FOR EACH ROW EXECUTE FUNCTION guard_unchanging();
CREATE TRIGGER guard_charge_events BEFORE INSERT ON charge_events FOR EACH ROW EXECUTE FUNCTION guard_charge_events();
CREATE TRIGGER guard_past_charge_events BEFORE UPDATE OR DELETE ON charge_events FOR EACH ROW EXECUTE FUNCTION guard_unchanging();
CREATE TRIGGER guard_charge_requests BEFORE UPDATE OR DELETE ON charge_requests FOR EACH ROW EXECUTE FUNCTION guard_unchanging();

-- A query that forgets its WHERE shows no other merchant's charges: a session sees those of its reader.
-- codebank.reader is set for one transaction: the merchant's slug, a slash and the mode, or * for all rows, which
-- sending and ending need. Without it a session sees nothing.
CREATE POLICY reader_sees_his_own ON charges USING (
    (SELECT current_setting('codebank.reader', true)) = '*'
    OR merchant || '/' || mode::text = (SELECT current_setting('codebank.reader', true)) COLLATE "C");
CREATE POLICY reader_sees_his_own ON charge_operations USING (
    (SELECT current_setting('codebank.reader', true)) = '*'
    OR merchant || '/' || mode::text = (SELECT current_setting('codebank.reader', true)) COLLATE "C");
CREATE POLICY reader_sees_his_own ON charge_requests USING (
    (SELECT current_setting('codebank.reader', true)) = '*'
    OR merchant || '/' || mode::text = (SELECT current_setting('codebank.reader', true)) COLLATE "C");
CREATE POLICY reader_sees_his_own ON charge_events USING (
    (SELECT current_setting('codebank.reader', true)) = '*'
    OR merchant || '/' || mode::text = (SELECT current_setting('codebank.reader', true)) COLLATE "C");

-- Migrations change rows of all merchants. With a reader the owner sees what everybody else sees.
CREATE POLICY owner_sees_all ON charges TO CURRENT_USER USING (coalesce(current_setting('codebank.reader', true), '') = '');
CREATE POLICY owner_sees_all ON charge_operations TO CURRENT_USER USING (coalesce(current_setting('codebank.reader', true), '') = '');
CREATE POLICY owner_sees_all ON charge_requests TO CURRENT_USER USING (coalesce(current_setting('codebank.reader', true), '') = '');
CREATE POLICY owner_sees_all ON charge_events TO CURRENT_USER USING (coalesce(current_setting('codebank.reader', true), '') = '');

ALTER TABLE charges ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE charge_operations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE charge_requests ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE charge_events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
