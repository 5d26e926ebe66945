-- +goose Up

-- A query that forgets its WHERE shows no other customer's lines: of the lines and of the accounts a session
-- sees only those of its reader. codebank.reader is set for one transaction (set_config('codebank.reader', …,
-- true)): the UUID of a user, or * for all rows, which the checks of all accounts, operators and the auditor
-- need. Without it a session sees nothing. The sink's role bypasses the policies, because COPY cannot run
-- under them; it inserts and reads, and no more.
--
-- A statement that cannot have its table for itself within two seconds gives up, and whoever migrates tries
-- again.
SET LOCAL lock_timeout = '2s';

CREATE INDEX customer_links_user ON customer_links (user_id);

-- The customers that the reader owns: those that are linked to him, and the one with his UUID unless it is
-- linked to somebody else. A plpgsql function keeps its plans for the session.
-- +goose StatementBegin
CREATE FUNCTION customers_of_reader() RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    reader text COLLATE "C" := current_setting('codebank.reader', true);
    customers text[] := ARRAY(SELECT customer_id FROM customer_links WHERE user_id = reader);
BEGIN
    IF NOT EXISTS (SELECT FROM customer_links WHERE customer_id = reader) THEN
        customers := customers || reader;
    END IF;
    RETURN customers;
END $$;
-- +goose StatementEnd

-- Each part in brackets with a SELECT is worked out once for a query, not for each row.
CREATE POLICY reader_sees_his_own ON statement_lines USING (
    (SELECT current_setting('codebank.reader', true)) = '*'
    OR customer_id COLLATE "C" = ANY ((SELECT customers_of_reader())::text[]));
CREATE POLICY reader_sees_his_own ON statement_accounts USING (
    (SELECT current_setting('codebank.reader', true)) = '*'
    OR (SELECT customer_id FROM statement_lines AS line WHERE line.account_id = statement_accounts.account_id AND line.sequence >= 1
        ORDER BY line.sequence LIMIT 1) IS NOT NULL);

-- Migrations change rows of all customers, and programs of the version before sign in as the owner and set no
-- reader. With a reader the owner sees what everybody else sees.
CREATE POLICY owner_sees_all ON statement_lines TO CURRENT_USER
    USING (coalesce(current_setting('codebank.reader', true), '') = '');
CREATE POLICY owner_sees_all ON statement_accounts TO CURRENT_USER
    USING (coalesce(current_setting('codebank.reader', true), '') = '');

ALTER TABLE statement_lines ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE statement_accounts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
