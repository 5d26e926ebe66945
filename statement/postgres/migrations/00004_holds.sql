-- Pending holds, and what may have ended them. A line of another kind is in neither index, so most lines
-- cost nothing more. The indexes are built beside the sink, which goes on writing. Each statement may be
-- repeated.

-- +goose NO TRANSACTION
-- +goose Up

DROP INDEX CONCURRENTLY IF EXISTS statement_lines_holds;
CREATE INDEX CONCURRENTLY statement_lines_holds ON statement_lines (account_id, sequence) WHERE kind = 'HOLD' AND status = 'APPROVED';
DROP INDEX CONCURRENTLY IF EXISTS statement_lines_hold_ends;
CREATE INDEX CONCURRENTLY statement_lines_hold_ends ON statement_lines (account_id, original_transaction_id)
    WHERE kind IN ('CAPTURE', 'VOID', 'EXPIRY', 'PIX_OUT') AND status = 'APPROVED';
