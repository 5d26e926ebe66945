-- The audit log says of which kind a principal is. Older rows have no kind, and their hash is made
-- without one. The table is now the one of platform/auditlog, but for ended_sequence.

-- +goose Up

ALTER TABLE audit_log ADD COLUMN who_kind text NOT NULL DEFAULT '';
ALTER TABLE audit_log ALTER COLUMN who_kind DROP DEFAULT;
-- They hold for new rows only.
ALTER TABLE audit_log ADD CONSTRAINT audit_log_who_kind_check CHECK (who_kind <> '') NOT VALID;
ALTER TABLE audit_log ADD CONSTRAINT audit_log_act_check CHECK (act <> '') NOT VALID;
