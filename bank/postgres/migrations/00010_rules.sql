-- The rules of entries and of accounts (bank/kinds.go), each table's in one function that one constraint
-- calls. Postgres reads the expression of every CHECK again for each statement, but compiles a function once
-- in a session: as constraints, the rules cost a lone purchase more than a third of the server's time. They
-- keep their names, and an error names the rule that is broken. A migration that changes a rule replaces the
-- function and adds the constraint again, as this one does, so that the rows before are checked too.
--
-- Every statement may be repeated, because a process may be killed between two of them. The constraint holds
-- for new rows at once (NOT VALID), and the rows before are checked beside the writers. A statement that
-- cannot have its table for itself within two seconds gives up, and the bank tries again. The constraints of
-- before go last, so every rule holds at every moment.

-- +goose NO TRANSACTION
-- +goose Up

-- As for a constraint, what is unknown (null) breaks no rule. The first broken rule by name is told.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION entry_keeps_rules(
    transaction_id uuid, leg smallint, account_id uuid, sequence bigint, kind smallint, status smallint,
    direction smallint, decline smallint, channel smallint, amount bigint, balance_after bigint, held_after bigint,
    credit_limit_after bigint, debit_account uuid, credit_account uuid, original_transaction_id uuid, hold_id uuid,
    fingerprint bytea
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    broken text;
BEGIN
    -- An approved purchase of which this is true keeps every rule below. It is asked first because most
    -- entries are purchases.
    IF kind = 3 AND status = 1 AND leg = 0 AND direction = 1 AND decline = 0 AND channel >= 0 AND sequence >= 1
        AND amount >= 0 AND held_after >= 0 AND balance_after - held_after + credit_limit_after >= 0
        AND debit_account = account_id AND credit_account <> debit_account
        AND original_transaction_id IS NULL AND octet_length(fingerprint) = 32
    THEN
        RETURN true;
    END IF;
    broken := CASE
        WHEN NOT (amount >= 0) THEN 'entries_amount_check'
        WHEN NOT (status <> 3 OR amount = 0) THEN 'entries_applied_has_no_amount'
        WHEN NOT (channel >= 0) THEN 'entries_channel_check'
        WHEN NOT (decline >= 0) THEN 'entries_decline_check'
        WHEN NOT ((status = 2) = (decline > 0)) THEN 'entries_decline_has_reason'
        WHEN NOT (direction BETWEEN 1 AND 3) THEN 'entries_direction_check'
        -- A purchase and a withdrawal are debits, a deposit is a credit. A transfer is a debit on leg 0 and a
        -- credit on leg 1, and a reversal the other way round.
        WHEN NOT (status NOT IN (1, 2) OR direction = CASE kind
            WHEN 3 THEN 1 WHEN 4 THEN 2 - leg WHEN 5 THEN 2 WHEN 6 THEN 1 WHEN 7 THEN 1 + leg WHEN 13 THEN 2
            ELSE direction END) THEN 'entries_directions'
        -- A capture, a Pix, an expiry and a void that moves nothing name the hold that they end.
        WHEN NOT (status <> 1 OR kind NOT IN (9, 10, 11, 12) OR kind = 10 AND debit_account IS NOT NULL
            OR hold_id IS NOT NULL AND original_transaction_id IS NOT NULL AND hold_id = original_transaction_id)
            THEN 'entries_end_names_hold'
        WHEN NOT (octet_length(fingerprint) = 32) THEN 'entries_fingerprint_check'
        WHEN NOT (held_after >= 0) THEN 'entries_held_after_check'
        -- A hold and an expiry move no money, a capture and a Pix take it from their account.
        WHEN NOT (status <> 1 OR kind NOT IN (8, 9, 11, 12)
            OR kind = 8 AND direction = 1 AND debit_account IS NULL
            OR kind = 11 AND debit_account IS NULL
            OR kind IN (9, 12) AND direction = 1 AND debit_account IS NOT NULL AND debit_account = account_id)
            THEN 'entries_hold_moves'
        WHEN NOT (kind <> 8 OR hold_id IS NOT NULL AND hold_id = transaction_id) THEN 'entries_hold_names_itself'
        WHEN NOT (kind >= 1) THEN 'entries_kind_check'
        WHEN NOT (leg IN (0, 1)) THEN 'entries_leg_check'
        -- What moves money by its kind has moved it: purchase, reversal, deposit, withdrawal, transfer, and
        -- what comes in or back by Pix.
        WHEN NOT (status <> 1 OR kind NOT IN (3, 4, 5, 6, 7, 13, 14) OR debit_account IS NOT NULL) THEN 'entries_move'
        WHEN NOT ((debit_account IS NULL) = (credit_account IS NULL) AND debit_account <> credit_account)
            THEN 'entries_movement'
        WHEN NOT (status = 1 OR debit_account IS NULL) THEN 'entries_only_approved_moves'
        -- What captures, releases or gives back names the transaction that it refers to. Every other entry
        -- refers to nothing.
        WHEN NOT (CASE WHEN kind IN (4, 9, 10, 11, 12, 14)
            THEN status <> 1 OR original_transaction_id IS NOT NULL ELSE original_transaction_id IS NULL END)
            THEN 'entries_refer'
        WHEN NOT (account_id IS NOT NULL OR status IN (2, 4)) THEN 'entries_refusal'
        -- A second leg has a transfer, its reversal, and a capture, which releases the rest of its hold by a
        -- void.
        WHEN NOT (leg = 0 OR kind IN (4, 7, 10)) THEN 'entries_second_leg'
        WHEN NOT (sequence >= 1) THEN 'entries_sequence_check'
        WHEN NOT ((account_id IS NULL) = (sequence IS NULL)) THEN 'entries_sequence_of_account'
        -- A debit leaves the entry's own account, and a credit goes to it.
        WHEN NOT (debit_account IS NULL OR CASE direction
            WHEN 1 THEN debit_account = account_id WHEN 2 THEN credit_account = account_id ELSE false END)
            THEN 'entries_sides'
        WHEN NOT (status BETWEEN 1 AND 4) THEN 'entries_status_check'
        WHEN NOT (status <> 4 OR account_id IS NULL) THEN 'entries_voided_is_refusal'
        -- A new debit or hold (purchase, withdrawal, transfer, hold) was within what was available, and so
        -- was the debit of a reversal or of the return of a Pix. Nothing else ever asks, so a lowered limit
        -- stays legal.
        WHEN NOT (status <> 1 OR direction = 2 OR kind NOT IN (3, 4, 6, 7, 8, 14)
            OR balance_after - held_after + credit_limit_after >= 0) THEN 'entries_within_limit'
        -- Only an account that has nothing and owes nothing is closed.
        WHEN NOT (kind <> 15 OR status <> 3 OR balance_after = 0 AND held_after = 0) THEN 'entries_zero_at_closing'
    END;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'leg % of transaction % breaks the rule %', leg, transaction_id, broken
            USING ERRCODE = 'check_violation', TABLE = 'entries', CONSTRAINT = broken;
    END IF;
    RETURN true;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION account_keeps_rules(
    id uuid, kind integer, sequence bigint, balance bigint, held bigint, credit_limit bigint, currency text,
    closed_at timestamptz
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    broken text;
BEGIN
    -- An open account of a card of which this is true keeps every rule below.
    IF kind = 1 AND closed_at IS NULL AND held >= 0 AND sequence >= 1 AND octet_length(currency) = 3 THEN
        RETURN true;
    END IF;
    broken := CASE
        -- A closed account holds nothing and owes nothing. It has what was given back to it since.
        WHEN NOT (closed_at IS NULL OR balance >= 0 AND held = 0) THEN 'accounts_closed'
        WHEN NOT (octet_length(currency) = 3) THEN 'accounts_currency_check'
        WHEN NOT (held >= 0) THEN 'accounts_held_check'
        WHEN NOT (kind >= 1) THEN 'accounts_kind_check'
        WHEN NOT (sequence >= 1) THEN 'accounts_sequence_check'
        -- A wallet is never below zero, and what is held of it is there.
        WHEN NOT (kind <> 2 OR credit_limit = 0 AND balance - held >= 0) THEN 'accounts_wallet'
    END;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'account % breaks the rule %', id, broken
            USING ERRCODE = 'check_violation', TABLE = 'accounts', CONSTRAINT = broken;
    END IF;
    RETURN true;
END $$;
-- +goose StatementEnd

SET lock_timeout = '2s';

ALTER TABLE entries
    DROP CONSTRAINT IF EXISTS entries_rules,
    ADD CONSTRAINT entries_rules CHECK (entry_keeps_rules(
        transaction_id, leg, account_id, sequence, kind, status, direction, decline, channel, amount, balance_after,
        held_after, credit_limit_after, debit_account, credit_account, original_transaction_id, hold_id,
        fingerprint)) NOT VALID;

ALTER TABLE accounts
    DROP CONSTRAINT IF EXISTS accounts_rules,
    ADD CONSTRAINT accounts_rules CHECK (account_keeps_rules(
        id, kind, sequence, balance, held, credit_limit, currency, closed_at)) NOT VALID;

RESET lock_timeout;

ALTER TABLE entries VALIDATE CONSTRAINT entries_rules;
ALTER TABLE accounts VALIDATE CONSTRAINT accounts_rules;

SET lock_timeout = '2s';

ALTER TABLE entries
    DROP CONSTRAINT IF EXISTS entries_amount_check,
    DROP CONSTRAINT IF EXISTS entries_applied_has_no_amount,
    DROP CONSTRAINT IF EXISTS entries_channel_check,
    DROP CONSTRAINT IF EXISTS entries_decline_check,
    DROP CONSTRAINT IF EXISTS entries_decline_has_reason,
    DROP CONSTRAINT IF EXISTS entries_direction_check,
    DROP CONSTRAINT IF EXISTS entries_fingerprint_check,
    DROP CONSTRAINT IF EXISTS entries_held_after_check,
    DROP CONSTRAINT IF EXISTS entries_kind_check,
    DROP CONSTRAINT IF EXISTS entries_leg_check,
    DROP CONSTRAINT IF EXISTS entries_movement,
    DROP CONSTRAINT IF EXISTS entries_only_approved_moves,
    DROP CONSTRAINT IF EXISTS entries_refusal,
    DROP CONSTRAINT IF EXISTS entries_sequence_check,
    DROP CONSTRAINT IF EXISTS entries_sequence_of_account,
    DROP CONSTRAINT IF EXISTS entries_status_check,
    DROP CONSTRAINT IF EXISTS entries_voided_is_refusal,
    DROP CONSTRAINT IF EXISTS entries_within_limit;

ALTER TABLE accounts
    DROP CONSTRAINT IF EXISTS accounts_currency_check,
    DROP CONSTRAINT IF EXISTS accounts_held_check,
    DROP CONSTRAINT IF EXISTS accounts_kind_check,
    DROP CONSTRAINT IF EXISTS accounts_sequence_check;

RESET lock_timeout;
