-- +goose Up

-- What version 3 of the event tells of transfers, holds and whoever asked, and the version in which the
-- event of an entry was first written. Null in the entries before, in those whose events were written in
-- an earlier version, and where there is nothing to tell. Columns without a default are added in an
-- instant, whatever the size of the table. If a long read keeps the table, the bank gives up after two
-- seconds and tries again, so that no writer waits behind it for longer.
SET LOCAL lock_timeout = '2s';
ALTER TABLE entries
    ADD COLUMN counterparty_account_id uuid,
    ADD COLUMN counterparty_bank_code text,
    ADD COLUMN hold_id uuid,
    ADD COLUMN hold_expires_at timestamptz,
    ADD COLUMN merchant_reference text,
    ADD COLUMN mode smallint,
    ADD COLUMN principal_kind smallint,
    ADD COLUMN event_version smallint;
CREATE OR REPLACE VIEW refusals AS SELECT * FROM entries WHERE account_id IS NULL;
