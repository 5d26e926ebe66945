-- Transfers that were accepted, and the outbox of their commands. A released migration is never edited. Text keys
-- collate as bytes: nobody sorts them for people.

-- +goose Up

CREATE TABLE transfers (
    -- The id of the request at the bank, derived from the user and his Idempotency-Key.
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL,
    from_account_id uuid NOT NULL,
    to_account_id   uuid NOT NULL CHECK (to_account_id <> from_account_id),
    -- Minor units of currency.
    amount_minor    bigint NOT NULL CHECK (amount_minor > 0),
    currency        text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    message         text NOT NULL CHECK (char_length(message) <= 140),
    status          text COLLATE "C" NOT NULL CHECK (status IN ('processing', 'completed', 'cancelled')),
    -- Why it was cancelled; empty otherwise.
    error           text COLLATE "C" NOT NULL CHECK ((error <> '') = (status = 'cancelled')),
    -- The bank's, when it was completed.
    transaction_id  uuid CHECK ((transaction_id IS NOT NULL) = (status = 'completed')),
    sequence        bigint CHECK ((sequence IS NOT NULL) = (status = 'completed')),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL CHECK (updated_at >= created_at)
);

CREATE INDEX transfers_of_user ON transfers (user_id, created_at DESC, id DESC);
CREATE INDEX transfers_by_status ON transfers (user_id, status, created_at DESC, id DESC);

-- Records that are to be sent, until what they ask for has ended. Body, MAC and the id of its key are those of the
-- acceptance and never change, so every repeat is the same record.
CREATE TABLE outbox (
    -- The id of the transfer.
    id             uuid PRIMARY KEY,
    position       bigint GENERATED ALWAYS AS IDENTITY,
    topic          text COLLATE "C" NOT NULL,
    key            bytea NOT NULL,
    -- The schema of the body, as the folder and the version of our schemas.
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

CREATE INDEX outbox_due ON outbox (due_at, position);

-- A query that forgets its WHERE shows no other customer's transfers: a session sees those of its reader.
-- codebank.reader is set for one transaction (set_config('codebank.reader', …, true)): the UUID of a user, or * for
-- all rows, which sending and ending need. Without it a session sees nothing. Nobody reads the outbox for a user; a
-- user's session only adds to it.
CREATE POLICY reader_sees_his_own ON transfers USING (
    (SELECT current_setting('codebank.reader', true)) = '*'
    OR user_id::text COLLATE "C" = (SELECT current_setting('codebank.reader', true)) COLLATE "C");
CREATE POLICY relay_sees_all ON outbox USING ((SELECT current_setting('codebank.reader', true)) = '*');
CREATE POLICY everybody_adds ON outbox FOR INSERT WITH CHECK (true);

-- Migrations change rows of all customers. With a reader the owner sees what everybody else sees.
CREATE POLICY owner_sees_all ON transfers TO CURRENT_USER USING (coalesce(current_setting('codebank.reader', true), '') = '');
CREATE POLICY owner_sees_all ON outbox TO CURRENT_USER USING (coalesce(current_setting('codebank.reader', true), '') = '');

ALTER TABLE transfers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- Which results were read: the next offset to read of each partition. It lies beside the transfers, so that a
-- database that is restored reads again what it has lost.
CREATE TABLE result_offsets (
    topic_id    uuid NOT NULL,
    partition   integer NOT NULL CHECK (partition >= 0),
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    PRIMARY KEY (topic_id, partition)
);
