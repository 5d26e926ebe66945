-- How far the events of merchants were published. The events are their own outbox, so accepting and deciding a charge
-- write nothing for it. Each statement may be repeated.

-- +goose Up

SET LOCAL lock_timeout = '2s';

CREATE TABLE IF NOT EXISTS charge_feed (
    merchant     text COLLATE "C" NOT NULL,
    mode         smallint NOT NULL,
    -- The last number that was published; 0 for none.
    published    bigint NOT NULL CHECK (published >= 0),
    -- Until then one relay alone publishes the events of the merchant.
    leased_until timestamptz NOT NULL,
    PRIMARY KEY (merchant, mode)
);

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION guard_charge_feed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND NEW.published < OLD.published THEN
        RAISE EXCEPTION 'what was published stays so' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.published > 0 AND (TG_OP = 'INSERT' OR NEW.published > OLD.published) AND NOT EXISTS (
        SELECT FROM merchant_sequences s WHERE s.merchant = NEW.merchant AND s.mode = NEW.mode AND s.sequence >= NEW.published) THEN
        RAISE EXCEPTION 'there is no such event' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

DROP TRIGGER IF EXISTS guard_charge_feed ON charge_feed;
CREATE TRIGGER guard_charge_feed BEFORE INSERT OR UPDATE OR DELETE ON charge_feed FOR EACH ROW EXECUTE FUNCTION guard_charge_feed();
