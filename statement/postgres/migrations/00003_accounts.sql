-- +goose Up

-- Since version 3 of the event: the kind of the account, the account at the other end of a transfer, the
-- hold that a line belongs to with its end, and the merchant's own name for the payment. Null for older
-- events. Columns without a default are added in an instant, whatever the size of the table. If a long read
-- keeps the table, the statement gives up after two seconds and tries again.
SET LOCAL lock_timeout = '2s';
ALTER TABLE statement_lines
    ADD COLUMN account_kind text,
    ADD COLUMN counterparty_account_id text,
    ADD COLUMN counterparty_bank_code text,
    ADD COLUMN hold_id text,
    ADD COLUMN hold_expires_at timestamp,
    ADD COLUMN merchant_reference text;
