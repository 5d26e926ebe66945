-- The audit log of the acts on merchants and the catalogue (platform/auditlog): each row holds the hash of the one before.

-- +goose Up

CREATE TABLE audit_log (
    sequence bigint PRIMARY KEY,
    at       timestamptz NOT NULL,
    act      text NOT NULL CHECK (act <> ''),
    who_kind text NOT NULL CHECK (who_kind <> ''),
    who      text NOT NULL,
    what     text NOT NULL,
    address  text NOT NULL,
    trace_id text NOT NULL,
    result   text NOT NULL,
    previous bytea NOT NULL CHECK (length(previous) = 32),
    hash     bytea NOT NULL CHECK (length(hash) = 32)
);

-- One row, which every transaction with an act locks last.
CREATE TABLE audit_head (
    single   boolean PRIMARY KEY DEFAULT true CHECK (single),
    sequence bigint NOT NULL,
    hash     bytea NOT NULL CHECK (length(hash) = 32)
);
INSERT INTO audit_head (sequence, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

-- +goose StatementBegin
CREATE FUNCTION refuse_audit_log_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_log_change();
