-- +goose Up

-- What ends a hold names a hold of its account, and has a leg 0. The comparison of before let pass what had
-- neither: a lone leg 1 that named no hold. It is a new definition of the function only, so it needs no lock
-- on the table.
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
    IF held IS NULL OR ended IS NULL OR held <> ended THEN
        RAISE EXCEPTION 'transaction % ends % of hold %, which is %', NEW.transaction_id, ended, NEW.hold_id, held
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_end_whole_hold';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
