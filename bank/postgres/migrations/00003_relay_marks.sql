-- +goose Up

-- When the outbox was last marked, so that a bank's watermarks never go back: not by
-- another leader, and not by a clock that was set back.
ALTER TABLE relay_lease ADD COLUMN marked_at timestamptz NOT NULL DEFAULT '-infinity';
