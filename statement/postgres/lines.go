package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

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
	coalesce(end_to_end_id, ''), CASE WHEN hold_expires_at ` + showableTime + ` THEN hold_expires_at END, `

const selectLines = lineColumns + `0::bigint
FROM statement_lines AS line WHERE account_id = $1 AND ` + owned + ` AND sequence < $3
ORDER BY sequence DESC LIMIT $4`

const selectOldest = lineColumns + `0::bigint
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
	var lines []statement.Line
	batch := &pgx.Batch{}
	batch.Queue(setReader, string(query.Reader))
	queueLines(batch, &query, &lines)
	return lines, failure(s.pool.SendBatch(ctx, batch).Close())
}

// queueLines adds a query to a batch that has set the reader.
func queueLines(batch *pgx.Batch, query *statement.LineQuery, lines *[]statement.Line) {
	text, args := selectLines, []any{query.Account.String(), query.Reader, query.Below, query.Limit}
	switch {
	case query.Holds:
		text = selectHolds
	case query.OldestFirst:
		text, args = selectOldest, []any{query.Account.String(), query.Reader, query.Above, query.Below, query.Limit}
	}
	batch.Queue(text, args...).Query(func(rows pgx.Rows) (err error) {
		*lines, err = pgx.CollectRows(rows, lineOf)
		return err
	})
}

// lineOf reads a row. Numbers and times are as the binary format of Postgres has them, which pgx asks for; to scan
// the columns one by one takes longer than the server needs to find them.
func lineOf(row pgx.CollectableRow) (statement.Line, error) {
	for _, column := range row.FieldDescriptions() {
		if column.Format != pgx.BinaryFormatCode && column.DataTypeOID != pgtype.TextOID {
			return statement.Line{}, errors.New("postgres: a line is not in the binary format")
		}
	}
	v := values{raw: row.RawValues()}
	// All texts of a line share one allocation.
	for _, raw := range v.raw {
		v.all = append(v.all, raw...)
	}
	v.texts = string(v.all)
	l := statement.Line{
		Sequence: v.integer(), Unsound: v.boolean(), Kind: v.text(), Direction: v.text(), Status: v.text(),
		Amount: v.integer(), Currency: v.text(), BalanceAfter: v.integer(), OccurredAt: v.time(),
		TransactionID: v.text(), OriginalTransactionID: v.text(), Description: v.text(), CounterpartyName: v.text(),
		MerchantName: v.text(), MerchantCity: v.text(), MerchantCountry: v.text(), MerchantCategoryCode: v.text(),
		CardBrand: v.text(), CardLast4: v.text(),
		CounterpartyAccountID: v.text(), CounterpartyBankCode: v.text(), MerchantReference: v.text(),
		EndToEndID: v.text(), HoldExpiresAt: v.time(), EndedBy: v.integer(),
	}
	return l, v.err
}

// values reads the columns of a row one after the other.
type values struct {
	raw   [][]byte
	all   []byte
	texts string // the bytes of all columns
	at    int    // of texts
	err   error
}

// next returns the next column, which must have size bytes unless it is null or size is -1.
func (v *values) next(size int) []byte {
	if len(v.raw) == 0 {
		v.err = errColumns
		return nil
	}
	raw := v.raw[0]
	v.raw, v.at = v.raw[1:], v.at+len(raw)
	if raw != nil && size >= 0 && len(raw) != size {
		v.err = errColumns
		return nil
	}
	return raw
}

func (v *values) text() string {
	from := v.at
	v.next(-1)
	return v.texts[from:v.at]
}

func (v *values) integer() int64 {
	if raw := v.next(8); raw != nil {
		return int64(binary.BigEndian.Uint64(raw))
	}
	return 0
}

func (v *values) boolean() bool {
	raw := v.next(1)
	return raw != nil && raw[0] != 0
}

// epoch is the zero of a timestamp, which counts microseconds.
var epoch = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// time returns the zero time for null.
func (v *values) time() time.Time {
	raw := v.next(8)
	if raw == nil {
		return time.Time{}
	}
	micros := int64(binary.BigEndian.Uint64(raw))
	return time.Unix(epoch.Unix()+micros/1_000_000, micros%1_000_000*1000).UTC()
}

var errColumns = errors.New("postgres: a line has other columns")
