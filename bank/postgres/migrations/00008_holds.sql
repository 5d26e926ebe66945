-- Holds: what is open, and the walls around what ends one. No statement keeps the writers of a bank of the
-- version before waiting: one that needs the table for itself gives up after two seconds, and the bank
-- tries again; a constraint is checked in a step of its own; the index is built beside the writers, last,
-- because it takes longest. Each statement may be repeated.

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

SET lock_timeout = '2s';

-- What the table of kinds says of holds (bank/kinds.go). A hold names itself, a capture, a Pix, an expiry
-- and a void that moves nothing name their hold. A hold and an expiry move no money, a capture and a Pix
-- take it from their account. A hold is a debit, so entries_within_limit asks the limit.
ALTER TABLE entries
    DROP CONSTRAINT IF EXISTS entries_hold_names_itself,
    DROP CONSTRAINT IF EXISTS entries_end_names_hold,
    DROP CONSTRAINT IF EXISTS entries_hold_moves,
    ADD CONSTRAINT entries_hold_names_itself CHECK (
        kind <> 8 OR hold_id IS NOT NULL AND hold_id = transaction_id) NOT VALID,
    ADD CONSTRAINT entries_end_names_hold CHECK (
        status <> 1 OR kind NOT IN (9, 10, 11, 12) OR kind = 10 AND debit_account IS NOT NULL
        OR hold_id IS NOT NULL AND original_transaction_id IS NOT NULL AND hold_id = original_transaction_id) NOT VALID,
    ADD CONSTRAINT entries_hold_moves CHECK (
        status <> 1 OR kind NOT IN (8, 9, 11, 12)
        OR kind = 8 AND direction = 1 AND debit_account IS NULL
        OR kind = 11 AND debit_account IS NULL
        OR kind IN (9, 12) AND direction = 1 AND debit_account IS NOT NULL AND debit_account = account_id) NOT VALID;

-- What ends a hold captures and releases all of it, no less and no more, on the account of the hold. Both
-- legs of a capture are inserted by one statement, so both are there when the trigger looks.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION require_whole_hold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held bigint := (SELECT amount FROM entries
        WHERE transaction_id = NEW.hold_id AND leg = 0 AND kind = 8 AND status = 1 AND account_id = NEW.account_id);
    ended bigint := (SELECT CASE WHEN min(leg) = 0 THEN sum(amount) END FROM entries
        WHERE transaction_id = NEW.transaction_id AND original_transaction_id = NEW.hold_id);
BEGIN
    IF held IS DISTINCT FROM ended THEN
        RAISE EXCEPTION 'transaction % ends % of hold %, which is %', NEW.transaction_id, ended, NEW.hold_id, held
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_end_whole_hold';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
DROP TRIGGER IF EXISTS entries_end_whole_hold ON entries;
CREATE TRIGGER entries_end_whole_hold AFTER INSERT ON entries FOR EACH ROW
    WHEN (NEW.kind IN (9, 10, 11, 12) AND NEW.status = 1 AND NEW.original_transaction_id = NEW.hold_id)
    EXECUTE FUNCTION require_whole_hold();

RESET lock_timeout;

ALTER TABLE entries VALIDATE CONSTRAINT entries_hold_names_itself;
ALTER TABLE entries VALIDATE CONSTRAINT entries_end_names_hold;
ALTER TABLE entries VALIDATE CONSTRAINT entries_hold_moves;

-- One transaction ends a hold: a capture, a Pix, an expiry, or a void that moves nothing.
DROP INDEX CONCURRENTLY IF EXISTS entries_hold_ended;
CREATE UNIQUE INDEX CONCURRENTLY entries_hold_ended ON entries (original_transaction_id)
    WHERE status = 1 AND leg = 0 AND (kind IN (9, 11, 12) OR kind = 10 AND debit_account IS NULL);
