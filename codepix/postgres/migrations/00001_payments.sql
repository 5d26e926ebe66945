-- +goose Up

-- Payments between banks, what is still to be sent about them, and how far the topics of the banks were read.

CREATE TABLE payments (
    -- The end-to-end id. Those of returns begin with D, and sort before all others.
    id               text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[DE]00000[0-9]{3}[0-9A-Za-z]{23}$'),
    -- The payment that a return gives back. It need not be stored: a hub that was restored may read the return first.
    original         text COLLATE "C" CHECK (original LIKE 'E%'),
    state            smallint NOT NULL CHECK (state BETWEEN 1 AND 4), -- PENDING, CONFIRMED, COMPLETED, REJECTED
    -- A return that waits for the end of its original.
    held             boolean NOT NULL,
    sender_bank      text COLLATE "C" NOT NULL CHECK (sender_bank ~ '^[0-9]{3}$'),
    sender_account   uuid NOT NULL,
    sender_name      text NOT NULL,
    receiver_bank    text COLLATE "C" NOT NULL CHECK (receiver_bank ~ '^[0-9]{3}$'),
    receiver_account uuid NOT NULL,
    receiver_name    text NOT NULL,
    -- Minor units of currency.
    amount_minor     bigint NOT NULL CHECK (amount_minor BETWEEN 1 AND 999999999999999),
    currency         text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- How much of it the returns give back that were forwarded.
    returned_minor   bigint NOT NULL CHECK (returned_minor BETWEEN 0 AND amount_minor),
    key_kind         text COLLATE "C" NOT NULL,
    reference        text NOT NULL,
    description      text NOT NULL,
    trace_id         text COLLATE "C" NOT NULL,
    -- Why it was rejected, a stable name.
    reason           text COLLATE "C" NOT NULL,
    -- Counts the states. Each has one event.
    version          bigint NOT NULL CHECK (version BETWEEN 1 AND 3),
    initiated_at     timestamptz NOT NULL,
    accepted_at      timestamptz NOT NULL,
    -- When the answer was decided, as the one who did so says.
    decided_at       timestamptz,
    confirmed_at     timestamptz,
    ended_at         timestamptz,
    changed_at       timestamptz NOT NULL CHECK (changed_at >= accepted_at),

    CONSTRAINT payments_return CHECK ((original IS NOT NULL) = (id LIKE 'D%')),
    CONSTRAINT payments_held CHECK (NOT held OR state = 1 AND original IS NOT NULL),
    CONSTRAINT payments_rejected CHECK ((state = 4) = (reason <> '')),
    CONSTRAINT payments_decided CHECK ((state = 1) = (decided_at IS NULL)),
    CONSTRAINT payments_confirmed CHECK ((state IN (2, 3)) = (confirmed_at IS NOT NULL)),
    CONSTRAINT payments_ended CHECK ((state IN (3, 4)) = (ended_at IS NOT NULL)),
    CONSTRAINT payments_returned CHECK (returned_minor = 0 OR state = 3 AND original IS NULL)
);
CREATE INDEX payments_by_time ON payments (accepted_at DESC, id DESC);
CREATE INDEX payments_of_sender ON payments (sender_bank, accepted_at DESC, id DESC);
CREATE INDEX payments_of_receiver ON payments (receiver_bank, accepted_at DESC, id DESC);
CREATE INDEX payments_open ON payments (accepted_at DESC, id DESC) WHERE state IN (1, 2);
CREATE INDEX payments_held ON payments (original) WHERE held;

-- A state that was reached stays reached: the condition of the trigger is all that a change costs. A held return may be
-- released and confirmed in one commit, because a hub that was restored reads both again in one batch.
-- +goose StatementBegin
CREATE FUNCTION payments_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'payment %: no way from state % of version % to state % of version %', OLD.id, OLD.state, OLD.version, NEW.state, NEW.version
        USING ERRCODE = 'check_violation';
END $$;
-- +goose StatementEnd
CREATE TRIGGER payments_history BEFORE UPDATE ON payments FOR EACH ROW
WHEN (NOT (
    (NEW.state = OLD.state AND NEW.version = OLD.version
        OR NEW.version = OLD.version + 1 AND (OLD.state = 1 AND NEW.state IN (2, 4) OR OLD.state = 2 AND NEW.state = 3))
    AND NEW.id = OLD.id AND NEW.returned_minor >= OLD.returned_minor AND (OLD.held OR NOT NEW.held)
))
EXECUTE FUNCTION payments_refuse();

-- Messages to banks and events that are to be sent. A message that waits for an answer stays until the payment leaves the
-- state that sends it. Its body never changes, so every repeat is the same message.
CREATE TABLE payment_outbox (
    -- Derived from the payment and the step, or from the event.
    id             uuid PRIMARY KEY,
    position       bigint GENERATED ALWAYS AS IDENTITY,
    payment_id     text COLLATE "C" NOT NULL,
    awaits         boolean NOT NULL,
    topic          text COLLATE "C" NOT NULL,
    key            bytea NOT NULL,
    schema_folder  text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL CHECK (schema_version > 0),
    body           bytea NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    -- When it is to be sent (again); claims counts the claims since it was sent last, sends how often it was sent.
    due_at         timestamptz NOT NULL DEFAULT now(),
    claims         integer NOT NULL DEFAULT 0,
    sends          integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX payment_outbox_due ON payment_outbox (due_at, position);

-- Which records of the topics out of the banks were read: the next offset of each partition.
CREATE TABLE payment_offsets (
    topic_id    uuid NOT NULL,
    partition   integer NOT NULL CHECK (partition >= 0),
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    PRIMARY KEY (topic_id, partition)
) WITH (fillfactor = 50);

-- Keys that all replicas share.
CREATE TABLE secrets (
    name  text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL CHECK (length(value) >= 32)
);

-- +goose Down
DROP TABLE secrets, payment_offsets, payment_outbox, payments;
DROP FUNCTION payments_refuse();
