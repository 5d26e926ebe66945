-- +goose NO TRANSACTION
-- +goose Up

-- Closed accounts, and the walls of wallets and transfers. Every statement may be repeated, because a
-- process may be killed between two of them. A new constraint holds for new rows at once (NOT VALID), so
-- that no statement keeps writers waiting while it reads a table. A statement that cannot have its table for
-- itself within two seconds gives up, and the bank tries again. The rows before are checked at the end,
-- beside the writers.

SET lock_timeout = '2s';

ALTER TABLE accounts ADD COLUMN IF NOT EXISTS closed_at timestamptz;

ALTER TABLE accounts
    DROP CONSTRAINT IF EXISTS accounts_wallet,
    DROP CONSTRAINT IF EXISTS accounts_closed,
    -- A wallet is never below zero, and what is held of it is there.
    ADD CONSTRAINT accounts_wallet CHECK (kind <> 2 OR credit_limit = 0 AND balance - held >= 0) NOT VALID,
    -- A closed account holds nothing and owes nothing. It has what was given back to it since.
    ADD CONSTRAINT accounts_closed CHECK (closed_at IS NULL OR balance >= 0 AND held = 0) NOT VALID;

-- A closed account stays closed, and nothing is taken from it. Declines, and what is given back to it, still
-- take sequences.
CREATE OR REPLACE TRIGGER closed_accounts_are_final BEFORE UPDATE ON accounts FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL AND (NEW.closed_at IS DISTINCT FROM OLD.closed_at
        OR NEW.balance < OLD.balance OR NEW.held <> OLD.held OR NEW.credit_limit <> OLD.credit_limit))
    EXECUTE FUNCTION refuse_change();

ALTER TABLE entries
    DROP CONSTRAINT IF EXISTS entries_within_limit,
    DROP CONSTRAINT IF EXISTS entries_move,
    DROP CONSTRAINT IF EXISTS entries_sides,
    DROP CONSTRAINT IF EXISTS entries_directions,
    DROP CONSTRAINT IF EXISTS entries_second_leg,
    DROP CONSTRAINT IF EXISTS entries_refer,
    DROP CONSTRAINT IF EXISTS entries_zero_at_closing,
    -- A new debit or hold (purchase, withdrawal, transfer, hold) was within what was available, and so was
    -- the debit of a reversal or of the return of a Pix. Nothing else ever asks, so a lowered limit stays
    -- legal.
    ADD CONSTRAINT entries_within_limit CHECK (
        status <> 1 OR direction = 2 OR kind NOT IN (3, 4, 6, 7, 8, 14)
        OR balance_after - held_after + credit_limit_after >= 0) NOT VALID,
    -- What moves money by its kind has moved it: purchase, reversal, deposit, withdrawal, transfer, and what
    -- comes in or back by Pix.
    ADD CONSTRAINT entries_move CHECK (
        status <> 1 OR kind NOT IN (3, 4, 5, 6, 7, 13, 14) OR debit_account IS NOT NULL) NOT VALID,
    -- A debit leaves the entry's own account, and a credit goes to it.
    ADD CONSTRAINT entries_sides CHECK (debit_account IS NULL OR CASE direction
        WHEN 1 THEN debit_account = account_id WHEN 2 THEN credit_account = account_id ELSE false END) NOT VALID,
    -- A purchase and a withdrawal are debits, a deposit is a credit. A transfer is a debit on leg 0 and a
    -- credit on leg 1, and a reversal the other way round.
    ADD CONSTRAINT entries_directions CHECK (status NOT IN (1, 2) OR direction = CASE kind
        WHEN 3 THEN 1 WHEN 4 THEN 2 - leg WHEN 5 THEN 2 WHEN 6 THEN 1 WHEN 7 THEN 1 + leg WHEN 13 THEN 2
        ELSE direction END) NOT VALID,
    -- A second leg has a transfer, its reversal, and a capture, which releases the rest of its hold by a
    -- void.
    ADD CONSTRAINT entries_second_leg CHECK (leg = 0 OR kind IN (4, 7, 10)) NOT VALID,
    -- What captures, releases or gives back names the transaction that it refers to. Every other entry refers
    -- to nothing.
    ADD CONSTRAINT entries_refer CHECK (CASE WHEN kind IN (4, 9, 10, 11, 12, 14)
        THEN status <> 1 OR original_transaction_id IS NOT NULL ELSE original_transaction_id IS NULL END) NOT VALID,
    -- Only an account that has nothing and owes nothing is closed.
    ADD CONSTRAINT entries_zero_at_closing CHECK (kind <> 15 OR status <> 3 OR balance_after = 0 AND held_after = 0) NOT VALID;

RESET lock_timeout;

ALTER TABLE accounts VALIDATE CONSTRAINT accounts_wallet, VALIDATE CONSTRAINT accounts_closed;
ALTER TABLE entries
    VALIDATE CONSTRAINT entries_within_limit, VALIDATE CONSTRAINT entries_move, VALIDATE CONSTRAINT entries_sides,
    VALIDATE CONSTRAINT entries_directions, VALIDATE CONSTRAINT entries_second_leg, VALIDATE CONSTRAINT entries_refer,
    VALIDATE CONSTRAINT entries_zero_at_closing;
