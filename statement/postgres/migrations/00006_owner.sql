-- +goose Up

-- Whether a user owns an account. A function keeps its plan for the session, while a query over lines is
-- planned anew at each call, and would plan this with it. The customer of an account never changes, so its
-- first line names him.
-- +goose StatementBegin
CREATE FUNCTION owns_account(owner text, account text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM (SELECT customer_id FROM statement_lines WHERE account_id = account AND sequence >= 1 ORDER BY sequence LIMIT 1) AS first
            LEFT JOIN customer_links AS link ON link.customer_id = first.customer_id COLLATE "C"
        WHERE coalesce(link.user_id, first.customer_id) = owner);
END $$;
-- +goose StatementEnd
