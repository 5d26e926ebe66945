-- +goose Up

-- What version 2 of the event tells of a purchase. Null in the entries before, in
-- those whose events were written in version 1, and in what is no purchase. It is
-- advice and moves nothing, so no check is paid for at every insert.
ALTER TABLE entries
    ADD COLUMN card_use smallint,
    ADD COLUMN risk_score smallint,
    ADD COLUMN risk_rule smallint;
CREATE OR REPLACE VIEW refusals AS SELECT * FROM entries WHERE account_id IS NULL;

-- Whether an approved purchase was made with the card: written once in its life.
ALTER TABLE cards ADD COLUMN used boolean NOT NULL DEFAULT false;
UPDATE cards SET used = true WHERE id IN (SELECT card_id FROM entries WHERE kind = 3 AND status = 1 AND card_id IS NOT NULL);
