package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/paymenttest"
)

// manyCharges are a million charges of one owner over a year, every fourth of them rejected, and what their decisions
// have counted. Triggers are off: the rows are those that the store would have written.
const manyCharges = `
SET session_replication_role = replica;
INSERT INTO charges SELECT gen_random_uuid(), 'cafe', 1, CASE WHEN n % 4 = 0 THEN 2 ELSE 4 END, 500, 'BRL', true, CASE WHEN n % 4 = 0 THEN 0 ELSE 500 END,
		0, 0, 0, CASE WHEN n % 4 = 0 THEN '51' ELSE '' END, CASE WHEN n % 4 = 0 THEN 'REASON_' || n % 3 ELSE '' END, '', 1, '411111', '1111', 'Café', NULL, 2,
		at, at, at FROM (SELECT n, '2030-01-01T00:00Z'::timestamptz + n * interval '31.5 s' AS at FROM generate_series(1, 1000000) n) n;
INSERT INTO charge_events (merchant, mode, sequence, kind, charge_id, version, state, captured_minor, refunded_minor, at)
	SELECT 'cafe', 1, row_number() OVER (ORDER BY decided_at), 2, id, 2, state, captured_minor, 0, decided_at FROM charges;
INSERT INTO charge_statistics SELECT 'cafe', 1, date_trunc('hour', decided_at, 'UTC'), currency, CASE state WHEN 2 THEN 3 ELSE 1 END, rejection_reason, count(*), sum(amount_minor)
	FROM charges GROUP BY 3, 4, 5, 6;
INSERT INTO charge_balances SELECT 'cafe', 1, 'BRL', sum(captured_minor), 0, 0 FROM charges;
ANALYZE charges, charge_events, charge_statistics, charge_balances;`

// BenchmarkFiguresOfAMillionCharges is what figures cost, whose lines are counted when charges are decided.
func BenchmarkFiguresOfAMillionCharges(b *testing.B) {
	o := open(b)
	_, err := o.conn.Exec(b.Context(), manyCharges)
	require.NoError(b, err)
	begin := time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC)
	whole := payment.MovementQuery{From: begin, To: begin.AddDate(10, 0, 0), Size: 500, After: &payment.Movement{At: begin.AddDate(0, 6, 0)}}
	for name, read := range map[string]func() (int, error){
		"a year by the day": func() (int, error) {
			counts, err := o.store.Statistics(b.Context(), paymenttest.Cafe, payment.Span{From: begin, To: begin.AddDate(0, 0, 366), ByDay: true})
			return len(counts), err
		},
		"a month by the hour": func() (int, error) {
			counts, err := o.store.Statistics(b.Context(), paymenttest.Cafe, payment.Span{From: begin, To: begin.AddDate(0, 0, 31)})
			return len(counts), err
		},
		"the balance": func() (int, error) {
			balances, err := o.store.Balances(b.Context(), paymenttest.Cafe)
			return len(balances), err
		},
		"500 movements in the middle": func() (int, error) {
			movements, err := o.store.Movements(b.Context(), paymenttest.Cafe, whole)
			return len(movements), err
		},
		"64 events in the middle": func() (int, error) {
			changes, err := o.store.Changes(b.Context(), paymenttest.Cafe, 500_000, 64)
			return len(changes), err
		},
	} {
		b.Run(name, func(b *testing.B) {
			var n int
			for b.Loop() {
				n, err = read()
				require.NoError(b, err)
				require.NotZero(b, n)
			}
			b.ReportMetric(float64(n), "rows") // tidy:float a count
		})
	}
}
