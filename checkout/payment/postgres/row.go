package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// columns are the columns that scanCharge reads.
const columns = `id, merchant, mode, state, amount_minor, currency, capture_now, captured_minor, refunded_minor, reserved_minor, ending,
	rejection_code, rejection_reason, rejection_message, card_brand, card_bin, card_last4, description, expires_at, version,
	created_at, decided_at, changed_at, purchase`

func scanCharge(row pgx.CollectableRow) (c payment.Charge, err error) {
	var currency string
	var expires, decided *time.Time
	err = row.Scan((*[16]byte)(&c.ID), &c.Merchant, &c.Mode, &c.State, &c.Amount.Minor, &currency, &c.CaptureNow, &c.Captured, &c.Refunded,
		&c.Reserved, &c.Ending, &c.Rejection.Code, &c.Rejection.Reason, &c.Rejection.Message, &c.Card.Brand, &c.Card.BIN, &c.Card.Last4,
		&c.Description, &expires, &c.Version, &c.CreatedAt, &decided, &c.ChangedAt, &c.Purchase)
	if err != nil {
		return payment.Charge{}, err
	}
	c.ExpiresAt, c.DecidedAt = timeOf(expires), timeOf(decided)
	c.CreatedAt, c.ChangedAt = c.CreatedAt.UTC(), c.ChangedAt.UTC()
	c.Amount.Currency, err = money.ParseCurrency(currency)
	return c, err
}

// operationColumns are the columns that scanOperation reads. The currency is that of the charge.
const operationColumns = `o.id, o.charge_id, o.kind, o.amount_minor, c.currency, o.outcome, o.rejection_code, o.rejection_reason,
	o.rejection_message, o.created_at, o.ended_at`

func scanOperation(row pgx.CollectableRow) (o payment.Operation, err error) {
	var currency string
	var ended *time.Time
	err = row.Scan((*[16]byte)(&o.ID), (*[16]byte)(&o.Charge), &o.Kind, &o.Amount.Minor, &currency, &o.Outcome,
		&o.Rejection.Code, &o.Rejection.Reason, &o.Rejection.Message, &o.CreatedAt, &ended)
	if err != nil {
		return payment.Operation{}, err
	}
	o.CreatedAt, o.EndedAt = o.CreatedAt.UTC(), timeOf(ended)
	o.Amount.Currency, err = money.ParseCurrency(currency)
	return o, err
}

const insertCharge = `INSERT INTO charges (` + columns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)`

func queueCharge(batch *pgx.Batch, c *payment.Charge) {
	batch.Queue(insertCharge, [16]byte(c.ID), c.Merchant, int16(c.Mode), int16(c.State), c.Amount.Minor, c.Amount.Currency.String(), c.CaptureNow,
		c.Captured, c.Refunded, c.Reserved, int16(c.Ending), c.Rejection.Code, c.Rejection.Reason, c.Rejection.Message,
		int16(c.Card.Brand), c.Card.BIN, c.Card.Last4, c.Description, nullTime(c.ExpiresAt), c.Version, c.CreatedAt, nullTime(c.DecidedAt), c.ChangedAt,
		c.Purchase)
}

// An authorization is asked after from its end on.
const updateCharge = `UPDATE charges SET state = $2::smallint, captured_minor = $3, refunded_minor = $4, reserved_minor = $5, ending = $6,
	rejection_code = $7, rejection_reason = $8, rejection_message = $9, expires_at = $10, version = $11, decided_at = $12, changed_at = $13,
	purchase = $14, expiry_due_at = CASE WHEN $2::smallint = 3 THEN coalesce(expiry_due_at, $10) END WHERE id = $1`

func queueChange(batch *pgx.Batch, c *payment.Charge) {
	batch.Queue(updateCharge, [16]byte(c.ID), int16(c.State), c.Captured, c.Refunded, c.Reserved, int16(c.Ending),
		c.Rejection.Code, c.Rejection.Reason, c.Rejection.Message, nullTime(c.ExpiresAt), c.Version, nullTime(c.DecidedAt), c.ChangedAt,
		c.Purchase)
}

const insertOperation = `INSERT INTO charge_operations (id, charge_id, merchant, mode, kind, amount_minor, outcome,
	rejection_code, rejection_reason, rejection_message, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', '', $8)`

func queueOperation(batch *pgx.Batch, owner payment.Owner, o *payment.Operation) {
	batch.Queue(insertOperation, [16]byte(o.ID), [16]byte(o.Charge), owner.Merchant, int16(owner.Mode), int16(o.Kind), o.Amount.Minor,
		int16(o.Outcome), o.CreatedAt)
}

const endOperation = `UPDATE charge_operations SET outcome = $2, rejection_code = $3, rejection_reason = $4, rejection_message = $5,
	ended_at = $6 WHERE id = $1`

func queueEnd(batch *pgx.Batch, o *payment.Operation) {
	batch.Queue(endOperation, [16]byte(o.ID), int16(o.Outcome), o.Rejection.Code, o.Rejection.Reason, o.Rejection.Message, nullTime(o.EndedAt))
}

// insertEvent gives an event its merchant's next number. The merchant's row stays locked until the commit, so the
// numbers have no gaps, and nobody sees a number before those below it.
const insertEvent = `WITH next AS (
		INSERT INTO merchant_sequences AS s (merchant, mode, sequence) VALUES ($1, $2, 1)
		ON CONFLICT (merchant, mode) DO UPDATE SET sequence = s.sequence + 1 RETURNING sequence)
	INSERT INTO charge_events (merchant, mode, sequence, kind, charge_id, operation_id, version, state, captured_minor, refunded_minor, reserved_minor, at)
	SELECT $1, $2, next.sequence, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM next`

func queueEvent(batch *pgx.Batch, e *payment.Event) {
	batch.Queue(insertEvent, e.Merchant, int16(e.Mode), int16(e.Kind), [16]byte(e.Charge), nullID(e.Operation), e.Version, int16(e.State),
		e.Captured, e.Refunded, e.Reserved, e.At)
}

func nullID(one id.ID) *[16]byte {
	if one.IsZero() {
		return nil
	}
	return (*[16]byte)(&one)
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func uuids(ids []id.ID) [][16]byte {
	out := make([][16]byte, 0, len(ids))
	for _, one := range ids {
		out = append(out, one)
	}
	return out
}
