package postgres

import (
	"context"

	"codebank.dev/platform/money"
	"codebank.dev/statement"
	"github.com/jackc/pgx/v5/pgtype"
)

// moved is true for a line that moved money by its amount. It is what statement.Line.Shown says.
const moved = `(line.status = 'APPROVED' AND line.direction IN ('DEBIT', 'CREDIT')
	AND line.kind NOT IN ('OPENING', 'LIMIT_CHANGE', 'CLOSING', 'HOLD', 'EXPIRY'))`

// An amount that is out of bounds is in no sum. Its line is not sound either, or its balance contradicts it.
const sumLines = `
SELECT coalesce(sum(amount_minor) FILTER (WHERE direction = 'CREDIT' AND ` + moved + ` AND amount_minor BETWEEN 0 AND ` + lastMinor + `), 0),
	coalesce(sum(amount_minor) FILTER (WHERE direction = 'DEBIT' AND ` + moved + ` AND amount_minor BETWEEN 0 AND ` + lastMinor + `), 0),
	count(*) FILTER (WHERE ` + moved + ` AND ` + sound + `), count(*) FILTER (WHERE ` + sound + ` IS NOT TRUE)
FROM statement_lines AS line WHERE account_id = $1 AND ` + owned + ` AND sequence > $3 AND sequence <= $4`

// Sum implements statement.Store.
func (s *Store) Sum(ctx context.Context, query statement.SumQuery) (statement.Sums, error) {
	if _, err := s.prepared(); err != nil {
		return statement.Sums{}, err
	}
	var sums statement.Sums
	var credits, debits pgtype.Numeric
	err := s.rowAs(ctx, query.Reader, sumLines, []any{query.Account.String(), query.Reader, query.After, query.Last},
		&credits, &debits, &sums.Count, &sums.LeftOut)
	if err != nil {
		return statement.Sums{}, failure(err)
	}
	for numeric, sum := range map[*pgtype.Numeric]*int64{&credits: &sums.Credits, &debits: &sums.Debits} {
		value, err := numeric.Int64Value()
		if err != nil {
			return statement.Sums{}, money.ErrOverflow
		}
		*sum = value.Int64
	}
	return sums, nil
}
