package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// chunkSize is how many transactions one statement inserts.
const chunkSize = 250_000

// scale measures purchases on ledgers of different sizes on one server. Every round measures
// all of them.
func (w *workbench) scale(ctx context.Context) (figures []Figure, err error) {
	var banks []*bank
	defer func() {
		for _, b := range banks {
			err = errors.Join(err, b.remove(ctx))
		}
	}()
	var terms []term
	var grown []growth
	for _, size := range w.options.Scale {
		b, err := w.newBank(ctx, fmt.Sprintf("scale_%d", size), nil)
		if err != nil {
			return nil, err
		}
		banks = append(banks, b)
		if err := b.fillLedger(ctx, size); err != nil {
			return nil, fmt.Errorf("filling a ledger with %d transactions: %w", size, err)
		}
		g, err := b.grow(ctx)
		if err != nil {
			return nil, err
		}
		grown = append(grown, g)
		t := b.term(fmt.Sprintf("purchases on %d transactions", size), w.options.Callers, b.uniform)
		t.unit = fmt.Sprintf("at%d/s", size)
		terms = append(terms, t)
	}
	series, err := w.alternate(ctx, terms...)
	if err != nil {
		return nil, err
	}
	setting := fmt.Sprintf("%d in flight, %d cards; all ledgers are on one server", w.options.Callers, len(w.cards))
	for i, size := range w.options.Scale[1:] {
		name := "Scale"
		if i < len(w.options.Scale)-2 {
			name = fmt.Sprintf("Scale%d", size)
		}
		figures = append(figures, ratio(name, setting, series[i+1], series[0]))
	}
	return append(figures, growthFigures(w.options.Scale, grown)...), nil
}

// createTargets creates a table of the accounts. Its order is random, because ids are random.
const createTargets = `CREATE TABLE bench_targets AS
	SELECT row_number() OVER (ORDER BY a.id) - 1 AS n, a.id AS account, c.id AS card, a.sequence, a.balance, a.last_at
	FROM accounts a JOIN cards c ON c.account_id = a.id`

// overriddenColumns are the columns in which a copy differs from the model, a real transaction
// of the bank. k counts transactions from 0; the accounts take turns.
var overriddenColumns = map[string]string{
	"transaction_id": "gen_random_uuid()",
	"account_id":     "t.account",
	"debit_account":  "t.account",
	"card_id":        "t.card",
	"sequence":       "t.sequence + k / $3::bigint + 1",
	"balance_after":  "t.balance - m.amount * (k / $3::bigint + 1)",
	"occurred_at":    "t.last_at + (k / $3::bigint) * interval '1 millisecond'",
	"request_id":     "'fill-' || lpad(k::text, 19, '0')",
}

// updateAccounts sets the accounts to the state after their last transaction.
const updateAccounts = `UPDATE accounts a SET sequence = e.sequence, balance = e.balance_after, last_at = e.occurred_at
	FROM bench_targets t JOIN entries e ON e.account_id = t.account
		AND e.sequence = t.sequence + $1::bigint / $2::bigint + CASE WHEN t.n < $1::bigint % $2::bigint THEN 1 ELSE 0 END
	WHERE a.id = t.account`

// fillLedger fills a ledger with purchases, as if all its cards had bought in turn. The bank
// makes one purchase. The others are copies of it with an id, an account, a sequence and a
// balance of their own.
func (b *bank) fillLedger(ctx context.Context, size int) error {
	if err := b.uniform(ctx, 0); err != nil {
		return err
	}
	if err := b.workbench.exec(ctx, b.database, createTargets); err != nil {
		return err
	}
	if err := b.workbench.exec(ctx, b.database, "ALTER TABLE bench_targets ADD PRIMARY KEY (n); ANALYZE bench_targets"); err != nil {
		return err
	}
	if err := b.insertEntries(ctx, size); err != nil {
		return err
	}
	connection, err := b.workbench.connect(ctx, b.database)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	if _, err := connection.Exec(ctx, updateAccounts, size, len(b.cards)); err != nil {
		return err
	}
	if _, err := connection.Exec(ctx, "DROP TABLE bench_targets"); err != nil {
		return err
	}
	return b.workbench.vacuum(ctx, b.database)
}

// insertEntries inserts the purchases in their chronological order.
func (b *bank) insertEntries(ctx context.Context, size int) error {
	statement, err := b.insertStatement(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	chunks := make(chan int, size/chunkSize+1)
	for from := 0; from < size; from += chunkSize {
		chunks <- from
	}
	close(chunks)
	var working sync.WaitGroup
	for range 2 {
		working.Go(func() {
			connection, err := b.workbench.connect(ctx, b.database)
			if err != nil {
				cancel(err)
				return
			}
			defer connection.Close(context.WithoutCancel(ctx))
			for from := range chunks {
				if _, err := connection.Exec(ctx, statement, from, min(from+chunkSize, size)-1, len(b.cards)); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	working.Wait()
	return context.Cause(ctx)
}

// insertStatement returns a statement that copies all columns of the model except the
// overridden ones.
func (b *bank) insertStatement(ctx context.Context) (string, error) {
	connection, err := b.workbench.connect(ctx, b.database)
	if err != nil {
		return "", err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	rows, err := connection.Query(ctx, `SELECT column_name::text FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name = 'entries' AND is_generated = 'NEVER' AND is_identity = 'NO' ORDER BY ordinal_position`)
	if err != nil {
		return "", err
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", err
	}
	values := make([]string, len(columns))
	for i, column := range columns {
		values[i] = "m." + column
		if value, ok := overriddenColumns[column]; ok {
			values[i] = value
		}
	}
	for column := range overriddenColumns {
		if !slices.Contains(columns, column) {
			return "", fmt.Errorf("the ledger's table entries has no column %s; change overriddenColumns in scale.go", column)
		}
	}
	return `INSERT INTO entries (` + strings.Join(columns, ", ") + `)
		SELECT ` + strings.Join(values, ", ") + `
		FROM generate_series($1::bigint, $2::bigint) k
		JOIN bench_targets t ON t.n = k % $3::bigint
		CROSS JOIN (SELECT * FROM entries WHERE debit_account IS NOT NULL LIMIT 1) m`, nil
}
