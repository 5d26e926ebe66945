-- What a page of lines costs its owner. Each statement may be repeated, and a program of the version before reads
-- as it did.

-- +goose NO TRANSACTION
-- +goose Up

-- A moment becomes a sequence by one look into this index. It is built beside the sink, which goes on writing.
DROP INDEX CONCURRENTLY IF EXISTS statement_lines_time;
CREATE INDEX CONCURRENTLY statement_lines_time ON statement_lines (account_id, occurred_at, sequence) WHERE account_id IS NOT NULL;

-- The customers that the reader owns were looked up for each scan of a query. A program may look them up once for
-- its transaction and leave them in codebank.customers: the reader, a space, and the array. They count for that
-- reader only; without them the policy looks them up as before.
SET lock_timeout = '2s';
ALTER POLICY reader_sees_his_own ON statement_lines USING (
    (SELECT current_setting('codebank.reader', true)) = '*'
    OR customer_id COLLATE "C" = ANY ((SELECT CASE
        WHEN starts_with(current_setting('codebank.customers', true), current_setting('codebank.reader', true) || ' ')
        THEN substr(current_setting('codebank.customers', true), length(current_setting('codebank.reader', true)) + 2)::text[]
        ELSE customers_of_reader() END)::text[]));
RESET lock_timeout;
