package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/statement"
)

// lineColumns are the columns of a line, in the order of lineOf. Column ended_by comes from the query.
const lineColumns = `
SELECT sequence, ` + sound + ` IS NOT TRUE, kind, direction, status, amount_minor, currency, coalesce(balance_after_minor, 0),
	CASE WHEN occurred_at ` + showableTime + ` THEN occurred_at ELSE '0001-01-01' END,
	transaction_id, coalesce(original_transaction_id, ''), coalesce(description, ''), coalesce(counterparty_name, ''),
	coalesce(merchant_name, ''), coalesce(merchant_city, ''), coalesce(merchant_country, ''),
	coalesce(merchant_category_code, ''), coalesce(card_brand, ''), coalesce(card_last4, ''),
	coalesce(counterparty_account_id, ''), coalesce(counterparty_bank_code, ''), coalesce(merchant_reference, ''),
	CASE WHEN hold_expires_at ` + showableTime + ` THEN hold_expires_at END, `

const selectLines = lineColumns + `0
FROM statement_lines AS line WHERE account_id = $1 AND ` + owned + ` AND sequence < $3
ORDER BY sequence DESC LIMIT $4`

const selectOldest = lineColumns + `0
FROM statement_lines AS line WHERE account_id = $1 AND ` + owned + ` AND sequence > $3 AND sequence < $4
ORDER BY sequence LIMIT $5`

// selectHolds finds for each hold the first event that ends it. What ends a hold refers to the hold's
// transaction and is of the same account. Indexes have the holds and what may end them, and no other line.
const selectHolds = lineColumns + `coalesce((
		SELECT min(ending.sequence) FROM statement_lines AS ending
		WHERE ending.account_id = line.account_id AND ending.original_transaction_id = line.transaction_id
			AND ending.kind IN ('CAPTURE', 'VOID', 'EXPIRY', 'PIX_OUT') AND ending.status = 'APPROVED'), 0)
FROM statement_lines AS line WHERE account_id = $1 AND ` + owned + ` AND sequence < $3 AND kind = 'HOLD' AND status = 'APPROVED'
ORDER BY sequence DESC LIMIT $4`

// Lines implements statement.Store.
func (s *Store) Lines(ctx context.Context, query statement.LineQuery) ([]statement.Line, error) {
	if _, err := s.prepared(); err != nil {
		return nil, err
	}
	text, args := selectLines, []any{query.Account.String(), query.Reader, query.Below, query.Limit}
	switch {
	case query.Holds:
		text = selectHolds
	case query.OldestFirst:
		text, args = selectOldest, []any{query.Account.String(), query.Reader, query.Above, query.Below, query.Limit}
	}
	var lines []statement.Line
	batch := &pgx.Batch{}
	batch.Queue(setReader, string(query.Reader))
	batch.Queue(text, args...).Query(func(rows pgx.Rows) (err error) {
		lines, err = pgx.CollectRows(rows, lineOf)
		return err
	})
	return lines, failure(s.pool.SendBatch(ctx, batch).Close())
}

func lineOf(row pgx.CollectableRow) (statement.Line, error) {
	var l statement.Line
	var expires *time.Time
	err := row.Scan(&l.Sequence, &l.Unsound, &l.Kind, &l.Direction, &l.Status, &l.Amount, &l.Currency, &l.BalanceAfter, &l.OccurredAt,
		&l.TransactionID, &l.OriginalTransactionID, &l.Description, &l.CounterpartyName,
		&l.MerchantName, &l.MerchantCity, &l.MerchantCountry, &l.MerchantCategoryCode, &l.CardBrand, &l.CardLast4,
		&l.CounterpartyAccountID, &l.CounterpartyBankCode, &l.MerchantReference, &expires, &l.EndedBy)
	if expires != nil {
		l.HoldExpiresAt = *expires
	}
	return l, err
}
