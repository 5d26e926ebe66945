-- +goose Up

-- Counts the changes of an account and of its cards. A batch that was decided on what
-- a process remembers of an account is written only if the version is still the one
-- it remembers.
ALTER TABLE accounts ADD COLUMN version bigint NOT NULL DEFAULT 0;

-- Refuses a write set that did not find every account as it was when it was decided.
-- +goose StatementBegin
CREATE FUNCTION require_all(met bigint, expected bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF met <> expected THEN
        RAISE EXCEPTION '% of % accounts have changed since they were read', expected - met, expected
            USING ERRCODE = 'serialization_failure';
    END IF;
END $$;
-- +goose StatementEnd
