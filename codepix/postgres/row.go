package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/codepix/payment"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// columns are the columns that scanPayment reads, and insertPayments writes.
const columns = `id, original, state, held, sender_bank, sender_account, sender_name, receiver_bank, receiver_account, receiver_name,
	amount_minor, currency, returned_minor, key_kind, reference, description, trace_id, reason, version,
	initiated_at, accepted_at, decided_at, confirmed_at, ended_at, changed_at`

func scanPayment(row pgx.CollectableRow) (p payment.Payment, err error) {
	var currency string
	var original *string
	var decided, confirmed, ended *time.Time
	t := &p.Terms
	err = row.Scan(&p.ID, &original, &p.State, &p.Held, &t.Sender.Bank, (*[16]byte)(&t.Sender.Account), &t.Sender.Name,
		&t.Receiver.Bank, (*[16]byte)(&t.Receiver.Account), &t.Receiver.Name, &t.Amount.Minor, &currency, &p.Returned, &t.KeyKind, &t.Reference,
		&t.Description, &t.TraceID, &p.Reason, &p.Version, &t.InitiatedAt, &p.AcceptedAt, &decided, &confirmed, &ended, &p.ChangedAt)
	if err != nil {
		return payment.Payment{}, err
	}
	if original != nil {
		t.Original = payment.ID(*original)
	}
	p.DecidedAt, p.ConfirmedAt, p.EndedAt = timeOf(decided), timeOf(confirmed), timeOf(ended)
	t.InitiatedAt, p.AcceptedAt, p.ChangedAt = t.InitiatedAt.UTC(), p.AcceptedAt.UTC(), p.ChangedAt.UTC()
	t.Amount.Currency, err = money.ParseCurrency(currency)
	return p, err
}

// insertPayments inserts payments, one column an array.
const insertPayments = `INSERT INTO payments (` + columns + `)
	SELECT * FROM unnest($1::text[], $2::text[], $3::smallint[], $4::boolean[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::uuid[],
		$10::text[], $11::bigint[], $12::text[], $13::bigint[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::bigint[],
		$20::timestamptz[], $21::timestamptz[], $22::timestamptz[], $23::timestamptz[], $24::timestamptz[], $25::timestamptz[])`

func queueInsert(batch *pgx.Batch, payments []payment.Payment) {
	if len(payments) == 0 {
		return
	}
	each := columnsOf(payments)
	batch.Queue(insertPayments,
		each.text(func(p *payment.Payment) string { return string(p.ID) }), each.original(), each.state(), each.held(),
		each.text(func(p *payment.Payment) string { return p.Terms.Sender.Bank }), each.uuid(func(p *payment.Payment) id.ID { return p.Terms.Sender.Account }),
		each.text(func(p *payment.Payment) string { return p.Terms.Sender.Name }),
		each.text(func(p *payment.Payment) string { return p.Terms.Receiver.Bank }), each.uuid(func(p *payment.Payment) id.ID { return p.Terms.Receiver.Account }),
		each.text(func(p *payment.Payment) string { return p.Terms.Receiver.Name }),
		each.number(func(p *payment.Payment) int64 { return p.Terms.Amount.Minor }),
		each.text(func(p *payment.Payment) string { return p.Terms.Amount.Currency.String() }),
		each.number(func(p *payment.Payment) int64 { return p.Returned }),
		each.text(func(p *payment.Payment) string { return p.Terms.KeyKind }), each.text(func(p *payment.Payment) string { return p.Terms.Reference }),
		each.text(func(p *payment.Payment) string { return p.Terms.Description }), each.text(func(p *payment.Payment) string { return p.Terms.TraceID }),
		each.text(func(p *payment.Payment) string { return p.Reason }), each.number(func(p *payment.Payment) int64 { return p.Version }),
		each.time(func(p *payment.Payment) time.Time { return p.Terms.InitiatedAt }), each.time(func(p *payment.Payment) time.Time { return p.AcceptedAt }),
		each.time(func(p *payment.Payment) time.Time { return p.DecidedAt }), each.time(func(p *payment.Payment) time.Time { return p.ConfirmedAt }),
		each.time(func(p *payment.Payment) time.Time { return p.EndedAt }), each.time(func(p *payment.Payment) time.Time { return p.ChangedAt }))
}

// updatePayments writes all that changes of payments that are locked.
const updatePayments = `UPDATE payments SET state = c.state, held = c.held, returned_minor = c.returned_minor, reason = c.reason, version = c.version,
	decided_at = c.decided_at, confirmed_at = c.confirmed_at, ended_at = c.ended_at, changed_at = c.changed_at
FROM unnest($1::text[], $2::smallint[], $3::boolean[], $4::bigint[], $5::text[], $6::bigint[], $7::timestamptz[], $8::timestamptz[],
	$9::timestamptz[], $10::timestamptz[]) AS c(id, state, held, returned_minor, reason, version, decided_at, confirmed_at, ended_at, changed_at)
WHERE payments.id = c.id`

func queueUpdate(batch *pgx.Batch, payments []payment.Payment) {
	if len(payments) == 0 {
		return
	}
	each := columnsOf(payments)
	batch.Queue(updatePayments,
		each.text(func(p *payment.Payment) string { return string(p.ID) }), each.state(), each.held(),
		each.number(func(p *payment.Payment) int64 { return p.Returned }), each.text(func(p *payment.Payment) string { return p.Reason }),
		each.number(func(p *payment.Payment) int64 { return p.Version }),
		each.time(func(p *payment.Payment) time.Time { return p.DecidedAt }), each.time(func(p *payment.Payment) time.Time { return p.ConfirmedAt }),
		each.time(func(p *payment.Payment) time.Time { return p.EndedAt }), each.time(func(p *payment.Payment) time.Time { return p.ChangedAt }))
}

// columnsOf are payments, of which a column is an array.
type columnsOf []payment.Payment

func columnOf[T any](payments []payment.Payment, of func(*payment.Payment) T) []T {
	column := make([]T, 0, len(payments))
	for i := range payments {
		column = append(column, of(&payments[i]))
	}
	return column
}

func (c columnsOf) text(of func(*payment.Payment) string) []string { return columnOf(c, of) }

func (c columnsOf) number(of func(*payment.Payment) int64) []int64 { return columnOf(c, of) }

func (c columnsOf) uuid(of func(*payment.Payment) id.ID) [][16]byte {
	return columnOf(c, func(p *payment.Payment) [16]byte { return of(p) })
}

func (c columnsOf) time(of func(*payment.Payment) time.Time) []*time.Time {
	return columnOf(c, func(p *payment.Payment) *time.Time { return nullTime(of(p)) })
}

func (c columnsOf) state() []int16 {
	return columnOf(c, func(p *payment.Payment) int16 { return int16(p.State) })
}

func (c columnsOf) held() []bool {
	return columnOf(c, func(p *payment.Payment) bool { return p.Held })
}

func (c columnsOf) original() []*string {
	return columnOf(c, func(p *payment.Payment) *string {
		if p.Terms.Original == "" {
			return nil
		}
		text := string(p.Terms.Original)
		return &text
	})
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
