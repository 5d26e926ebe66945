-- Holds: what is open, and the walls around what ends one. Nothing here locks a table for long, so banks
-- of the version before go on working: the index is built beside them, and a constraint is checked in a
-- step of its own. Each step may be repeated.

-- +goose NO TRANSACTION
-- +goose Up

-- The holds that end by themselves and have not ended. A row comes with its hold and goes with what ends
-- the hold, in the same commits. The replicas read by time what is due.
CREATE TABLE IF NOT EXISTS open_holds (
    hold_id    uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX IF NOT EXISTS open_holds_due ON open_holds (expires_at, hold_id);

-- One transaction ends a hold: a capture, a Pix, an expiry, or a void that moves nothing.
DROP INDEX CONCURRENTLY IF EXISTS entries_hold_ended;
CREATE UNIQUE INDEX CONCURRENTLY entries_hold_ended ON entries (original_transaction_id)
    WHERE status = 1 AND leg = 0 AND (kind IN (9, 11, 12) OR kind = 10 AND debit_account IS NULL);
