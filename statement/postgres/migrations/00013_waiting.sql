-- What a file that is pending waits for, so that its owner can read it. A request by the topic that comes too early is
-- stored as a file that waits, and is admitted later.
--
-- A statement that cannot have its table for itself within two seconds gives up, and whoever migrates tries again.

-- +goose Up

SET LOCAL lock_timeout = '2s';
ALTER TABLE statement_files
    -- A stable word, empty for nothing.
    ADD COLUMN waiting text NOT NULL DEFAULT '',
    -- When a request that had to wait was admitted; null for one that had not.
    ADD COLUMN admitted_at timestamptz;
