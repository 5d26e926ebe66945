-- +goose NO TRANSACTION
-- +goose Up

-- Closed accounts; the rules of wallets and transfers follow in 00010. Every statement may be repeated,
-- because a process may be killed between two of them. A statement that cannot have its table for itself
-- within two seconds gives up, and the bank tries again.

SET lock_timeout = '2s';

ALTER TABLE accounts ADD COLUMN IF NOT EXISTS closed_at timestamptz;

-- A closed account stays closed, and nothing is taken from it. Declines, and what is given back to it, still
-- take sequences. The condition of the trigger is short because Postgres reads it again for each statement.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION keep_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.closed_at IS DISTINCT FROM OLD.closed_at
        OR NEW.balance < OLD.balance OR NEW.held <> OLD.held OR NEW.credit_limit <> OLD.credit_limit
    THEN
        RAISE EXCEPTION 'rows of % are kept as they are', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE OR REPLACE TRIGGER closed_accounts_are_final BEFORE UPDATE ON accounts FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION keep_closed();

RESET lock_timeout;
