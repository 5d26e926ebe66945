-- Holds: what is open, and the walls around what ends one; the rules of a single entry follow in 00010. No
-- statement keeps the writers of a bank of the version before waiting: one that needs the table for itself
-- gives up after two seconds, and the bank tries again; the index is built beside the writers, last, because
-- it takes longest. Each statement may be repeated.

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

-- What ends a hold captures and releases all of it, no less and no more, on the account of the hold. Both
-- legs of a capture are inserted by one statement, so both are there when the trigger looks. Its condition
-- is short because Postgres reads it again for each statement.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION require_whole_hold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held bigint;
    ended bigint;
BEGIN
    IF NEW.status <> 1 OR NEW.kind NOT IN (9, 10, 11, 12) THEN
        RETURN NULL;
    END IF;
    held := (SELECT amount FROM entries
        WHERE transaction_id = NEW.hold_id AND leg = 0 AND kind = 8 AND status = 1 AND account_id = NEW.account_id);
    ended := (SELECT CASE WHEN min(leg) = 0 THEN sum(amount) END FROM entries
        WHERE transaction_id = NEW.transaction_id AND original_transaction_id = NEW.hold_id);
    IF held IS DISTINCT FROM ended THEN
        RAISE EXCEPTION 'transaction % ends % of hold %, which is %', NEW.transaction_id, ended, NEW.hold_id, held
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_end_whole_hold';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
DROP TRIGGER IF EXISTS entries_end_whole_hold ON entries;
CREATE TRIGGER entries_end_whole_hold AFTER INSERT ON entries FOR EACH ROW
    WHEN (NEW.original_transaction_id = NEW.hold_id) EXECUTE FUNCTION require_whole_hold();

RESET lock_timeout;

-- One transaction ends a hold: a capture, a Pix, an expiry, or a void that moves nothing.
DROP INDEX CONCURRENTLY IF EXISTS entries_hold_ended;
CREATE UNIQUE INDEX CONCURRENTLY entries_hold_ended ON entries (original_transaction_id)
    WHERE status = 1 AND leg = 0 AND (kind IN (9, 11, 12) OR kind = 10 AND debit_account IS NULL);
