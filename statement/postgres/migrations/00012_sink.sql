-- The index by account and time cost the sink more than a quarter of its rate, and few reads use it: time never goes
-- back within an account, so a moment becomes a sequence by halving its sequences in the index of pages. A program of
-- the version before reads as it did, but longer.

-- +goose NO TRANSACTION
-- +goose Up

DROP INDEX CONCURRENTLY IF EXISTS statement_lines_time;
