-- +goose Up

-- Whether an operator had the event published again. The order check of the relay learns nothing
-- from such a row, because its event may be of any age.
ALTER TABLE outbox ADD COLUMN republished boolean NOT NULL DEFAULT false;
