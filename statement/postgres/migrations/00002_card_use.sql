-- +goose Up

-- Since version 2 of the event: whether the card had been used before; null for older
-- events and for what is no purchase with a card of the bank. What the bank thinks of a
-- payer (risk_score, risk_rule) is not for the database that customers read.
ALTER TABLE statement_lines ADD COLUMN card_use text;
