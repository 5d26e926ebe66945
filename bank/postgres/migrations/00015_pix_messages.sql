-- Steps of payments between banks that wait to be sent to the hub. A row comes with the commit that it tells of. One
-- that waits for an answer stays until the commit of that answer, and is sent again meanwhile; every other row goes
-- when it was sent.

-- +goose Up

CREATE TABLE IF NOT EXISTS pix_messages (
    end_to_end_id  text NOT NULL CHECK (length(end_to_end_id) = 32),
    step           text NOT NULL CHECK (step IN ('INITIATED', 'CONFIRMED', 'REJECTED', 'COMPLETED')),
    -- A row that is replaced has another id, so what was sent of it before does not count.
    id             uuid NOT NULL DEFAULT gen_random_uuid(),
    position       bigint GENERATED ALWAYS AS IDENTITY,
    record_key     text NOT NULL,
    schema_version integer NOT NULL CHECK (schema_version >= 1),
    body           bytea NOT NULL,
    until_answered boolean NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    due_at         timestamptz NOT NULL DEFAULT now(),
    claims         integer NOT NULL DEFAULT 0,
    sends          integer NOT NULL DEFAULT 0,
    PRIMARY KEY (end_to_end_id, step)
);
CREATE UNIQUE INDEX IF NOT EXISTS pix_messages_id ON pix_messages (id);
CREATE INDEX IF NOT EXISTS pix_messages_due ON pix_messages (due_at, position);
