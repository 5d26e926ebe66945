-- +goose Up

-- The version of the catalogue, so that replicas may keep the catalogue in memory. The
-- database counts it, whoever changes the catalogue: a replica of an earlier version of
-- the program too.

CREATE TABLE catalogue (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    version    bigint NOT NULL,
    changed_by xid8 NOT NULL -- the transaction that made this version
);
INSERT INTO catalogue (version, changed_by) VALUES (1, pg_current_xact_id());

-- +goose StatementBegin
CREATE FUNCTION count_catalogue_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalogue SET version = version + 1, changed_by = pg_current_xact_id()
    WHERE changed_by <> pg_current_xact_id();
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- For each row: a statement that changes none makes no version. A transaction makes one.
CREATE TRIGGER products_version AFTER INSERT OR UPDATE OR DELETE ON products
    FOR EACH ROW EXECUTE FUNCTION count_catalogue_version();
CREATE TRIGGER stores_version AFTER INSERT OR UPDATE OR DELETE ON stores
    FOR EACH ROW EXECUTE FUNCTION count_catalogue_version();
CREATE TRIGGER products_truncated AFTER TRUNCATE ON products
    FOR EACH STATEMENT EXECUTE FUNCTION count_catalogue_version();
CREATE TRIGGER stores_truncated AFTER TRUNCATE ON stores
    FOR EACH STATEMENT EXECUTE FUNCTION count_catalogue_version();
