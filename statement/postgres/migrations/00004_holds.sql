-- +goose Up

-- Pending holds, and what may have ended them. A line of another kind is in neither index, so most lines
-- cost nothing more.
CREATE INDEX statement_lines_holds ON statement_lines (account_id, sequence) WHERE kind = 'HOLD' AND status = 'APPROVED';
CREATE INDEX statement_lines_hold_ends ON statement_lines (account_id, original_transaction_id)
    WHERE kind IN ('CAPTURE', 'VOID', 'EXPIRY', 'PIX_OUT') AND status = 'APPROVED';
