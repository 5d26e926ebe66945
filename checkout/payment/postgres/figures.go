package postgres

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

var _ payment.Figures = (*Store)(nil)

// addCount adds to a line of the statistics. Rejected amounts are whatever anybody sent, so a sum may not fit.
const addCount = `INSERT INTO charge_statistics AS s (merchant, mode, hour, currency, figure, reason, count, amount_minor)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
	ON CONFLICT (merchant, mode, hour, currency, figure, reason) DO UPDATE SET count = s.count + excluded.count,
		amount_minor = least(s.amount_minor::numeric + excluded.amount_minor, 9223372036854775807)::bigint`

// addBalance adds to a balance, whose first change is a capture. The lock of the owner's sequence makes changes of a
// balance follow each other.
const addBalance = `WITH changed AS (
		UPDATE charge_balances SET captured_minor = captured_minor + $4, refunded_minor = refunded_minor + $5, reserved_minor = reserved_minor + $6,
			paid_out_minor = paid_out_minor + $7, paying_out_minor = paying_out_minor + $8
		WHERE merchant = $1 AND mode = $2 AND currency = $3 RETURNING currency)
	INSERT INTO charge_balances (merchant, mode, currency, captured_minor, refunded_minor, reserved_minor)
	SELECT $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT FROM changed)`

// balances are what a commit does to balances.
type balances map[payment.Owner]payment.Balanced

func (b balances) of(owner payment.Owner) payment.Balanced {
	if b[owner] == nil {
		b[owner] = payment.Balanced{}
	}
	return b[owner]
}

// queue adds to the balances, which it locks in one order.
func (b balances) queue(batch *pgx.Batch) {
	owners := slices.SortedFunc(maps.Keys(b), func(x, y payment.Owner) int {
		return cmp.Or(cmp.Compare(x.Merchant, y.Merchant), cmp.Compare(x.Mode, y.Mode))
	})
	for _, owner := range owners {
		for _, b := range b[owner].Sorted() {
			batch.Queue(addBalance, owner.Merchant, int16(owner.Mode), b.Currency.String(), b.Captured, b.Refunded, b.Reserved, b.PaidOut, b.PayingOut)
		}
	}
}

// queueFigures counts changes, and payouts that have ended. The changes stand together by owners, and their events are
// queued before.
func queueFigures(batch *pgx.Batch, changes []payment.Change, payouts ...payment.Payout) {
	sums := balances{}
	for i := range changes {
		sums.of(changes[i].Event.Owner).Add(&changes[i])
	}
	for i := range payouts {
		sums.of(payouts[i].Owner).AddPayout(&payouts[i])
	}
	for len(changes) > 0 {
		owner, n := changes[0].Event.Owner, 1
		for n < len(changes) && changes[n].Event.Owner == owner {
			n++
		}
		queueCounts(batch, owner, changes[:n])
		changes = changes[n:]
	}
	sums.queue(batch)
}

func queueCounts(batch *pgx.Batch, owner payment.Owner, changes []payment.Change) {
	var counts []payment.Count
	for i := range changes {
		if count, counted := changes[i].Count(); counted {
			counts = append(counts, count)
		}
	}
	for _, c := range payment.MergeCounts(counts) {
		batch.Queue(addCount, owner.Merchant, int16(owner.Mode), c.Start, c.Currency.String(), int16(c.Figure), c.Reason, c.Count, c.AmountMinor)
	}
}

const (
	selectStatistics = `SELECT hour, currency, figure, reason, count, amount_minor FROM charge_statistics
		WHERE merchant = $1 AND mode = $2 AND hour >= $3 AND hour < $4 ORDER BY hour, currency, figure, reason`
	selectDays = `SELECT date_trunc('day', hour, 'UTC') AS day, currency, figure, reason, sum(count)::bigint,
			least(sum(amount_minor), 9223372036854775807)::bigint FROM charge_statistics
		WHERE merchant = $1 AND mode = $2 AND hour >= $3 AND hour < $4 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`
	selectBalances = `SELECT currency, captured_minor, refunded_minor, reserved_minor, paid_out_minor, paying_out_minor FROM charge_balances
		WHERE merchant = $1 AND mode = $2 ORDER BY currency`
	// Among the events of kinds 2 and 4 are those of rejections and refused operations, which move nothing. A payout is
	// no event, and comes before those of its time.
	selectMovements = `SELECT * FROM (
		(SELECT e.sequence, e.at, e.charge_id, o.id, NULL::uuid AS payout_id, CASE WHEN o.id IS NULL THEN 1 WHEN o.kind = 1 THEN 4 ELSE 7 END,
			CASE WHEN o.id IS NULL THEN c.amount_minor WHEN o.kind = 1 THEN o.amount_minor ELSE -o.amount_minor END, c.currency, c.description
		FROM charge_events e JOIN charges c ON c.id = e.charge_id LEFT JOIN charge_operations o ON o.id = e.operation_id
		WHERE e.merchant = $1 AND e.mode = $2 AND e.kind IN (2, 4) AND e.at < $4 AND (e.at, e.sequence) > ($3, $5)
			AND (e.kind = 2 AND e.state = 4 OR o.kind IN (1, 3) AND o.outcome = 2)
		ORDER BY e.at, e.sequence LIMIT $6)
		UNION ALL
		(SELECT 0, ended_at, NULL, NULL, id, 8, -amount_minor, currency, '' FROM payouts
		WHERE merchant = $1 AND mode = $2 AND state = 2 AND ended_at < $4 AND (ended_at, id) > ($3, $7) ORDER BY ended_at, id LIMIT $6)
		) AS movements ORDER BY at, sequence, payout_id LIMIT $6`
)

// Statistics implements payment.Figures.
func (s *Store) Statistics(ctx context.Context, owner payment.Owner, span payment.Span) (found []payment.Count, err error) {
	sql := selectStatistics
	if span.ByDay {
		sql = selectDays
	}
	err = s.as(ctx, readerOf(owner), func(batch *pgx.Batch) {
		batch.Queue(sql, owner.Merchant, int16(owner.Mode), span.From, span.To).Query(into(countOf, &found))
	})
	return found, translate(err)
}

func countOf(row pgx.CollectableRow) (c payment.Count, err error) {
	var currency string
	if err = row.Scan(&c.Start, &currency, &c.Figure, &c.Reason, &c.Count, &c.AmountMinor); err != nil {
		return c, err
	}
	c.Start = c.Start.UTC()
	c.Currency, err = money.ParseCurrency(currency)
	return c, err
}

// Balances implements payment.Figures.
func (s *Store) Balances(ctx context.Context, owner payment.Owner) (found []payment.Balance, err error) {
	err = s.as(ctx, readerOf(owner), func(batch *pgx.Batch) {
		batch.Queue(selectBalances, owner.Merchant, int16(owner.Mode)).Query(into(balanceOf, &found))
	})
	return found, translate(err)
}

func balanceOf(row pgx.CollectableRow) (b payment.Balance, err error) {
	var currency string
	if err = row.Scan(&currency, &b.Captured, &b.Refunded, &b.Reserved, &b.PaidOut, &b.PayingOut); err != nil {
		return b, err
	}
	b.Currency, err = money.ParseCurrency(currency)
	return b, err
}

// Movements implements payment.Figures.
func (s *Store) Movements(ctx context.Context, owner payment.Owner, query payment.MovementQuery) (found []payment.Movement, err error) {
	from, after, payout := query.From, int64(0), id.ID{}
	if query.After != nil {
		from, after, payout = query.After.At, query.After.Sequence, query.After.Payout
	}
	if after > 0 {
		payout = lastID
	}
	err = s.as(ctx, readerOf(owner), func(batch *pgx.Batch) {
		batch.Queue(selectMovements, owner.Merchant, int16(owner.Mode), from, query.To, after, query.Size, [16]byte(payout)).Query(into(movementOf, &found))
	})
	return found, translate(err)
}

// lastID comes after every id: behind an event come the payouts of a later time.
var lastID = id.ID(bytes.Repeat([]byte{0xff}, len(id.ID{})))

func movementOf(row pgx.CollectableRow) (m payment.Movement, err error) {
	var currency string
	var charge, operation, payout *[16]byte
	err = row.Scan(&m.Sequence, &m.At, &charge, &operation, &payout, &m.Figure, &m.Amount.Minor, &currency, &m.Description)
	if err != nil {
		return m, err
	}
	for _, one := range []struct {
		read *[16]byte
		into *id.ID
	}{{charge, &m.Charge}, {operation, &m.Operation}, {payout, &m.Payout}} {
		if one.read != nil {
			*one.into = *one.read
		}
	}
	m.At = m.At.In(time.UTC)
	m.Amount.Currency, err = money.ParseCurrency(currency)
	return m, err
}
