-- Commands that come by a topic: how far each partition is dealt with, and why a command ended that was not
-- decided. A restored ledger has the offsets of its own time, and reads again what came since.

-- +goose Up

CREATE TABLE IF NOT EXISTS command_offsets (
    topic_id    uuid NOT NULL,
    partition   integer NOT NULL CHECK (partition >= 0),
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    PRIMARY KEY (topic_id, partition)
);

-- The first outcome stays. The request id itself is ended by a voided entry.
CREATE TABLE IF NOT EXISTS command_outcomes (
    transaction_id uuid PRIMARY KEY,
    reason         text NOT NULL CHECK (reason <> '' AND length(reason) <= 64),
    field          text NOT NULL CHECK (length(field) <= 64),
    decided_at     timestamptz NOT NULL
);
