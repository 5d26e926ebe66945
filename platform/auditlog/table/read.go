package table

import (
	"context"
	"math"

	"codebank.dev/platform/auditlog"
	"github.com/jackc/pgx/v5"
)

// Database is what the log is read from: a pool, a connection or a transaction.
type Database interface {
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
}

// Head returns the head of the log as it is committed.
func Head(ctx context.Context, db Database) (auditlog.Head, error) {
	return headIn(db.QueryRow(ctx, "SELECT sequence, hash FROM audit_head"))
}

func headIn(from pgx.Row) (head auditlog.Head, err error) {
	var hash []byte
	err = from.Scan(&head.Sequence, &hash)
	copy(head.Hash[:], hash)
	return head, err
}

// page is how many rows are read at once.
const page = 5000

// Rows calls each with every row in order, and returns the head. Rows that are appended meanwhile are
// read too. It ends at an error of each.
func Rows(ctx context.Context, db Database, each func(auditlog.Row) error) (auditlog.Head, error) {
	for after, missing := int64(math.MinInt64), false; ; {
		rows, err := rowsAfter(ctx, db, after)
		if err != nil {
			return auditlog.Head{}, err
		}
		for _, row := range rows {
			if err := each(row); err != nil {
				return auditlog.Head{}, err
			}
			after = row.Sequence
		}
		if len(rows) == page {
			continue
		}
		// The head is read behind the rows, so that rows beyond it were written around the program.
		head, err := Head(ctx, db)
		if err != nil || head.Sequence <= after || missing {
			return head, err
		}
		missing = len(rows) == 0 // A second look tells rows that were appended from rows that are gone.
	}
}

func rowsAfter(ctx context.Context, db Database, after int64) ([]auditlog.Row, error) {
	rows, err := db.Query(ctx, `SELECT sequence, at, act, who_kind, who, what, address, trace_id, result, previous, hash
FROM audit_log WHERE sequence > $1 ORDER BY sequence LIMIT $2`, after, page)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(from pgx.CollectableRow) (row auditlog.Row, err error) {
		var previous, hash []byte
		err = from.Scan(&row.Sequence, &row.At, &row.Act, &row.WhoKind, &row.Who, &row.What, &row.Address, &row.Trace, &row.Result, &previous, &hash)
		copy(row.Previous[:], previous)
		copy(row.Hash[:], hash)
		return row, err
	})
}

// Verify checks the whole log, and that it leads to the heads that were published. Read the heads
// before. It returns the head; a log that is not whole is an auditlog.BrokenError.
func Verify(ctx context.Context, db Database, published ...auditlog.Head) (auditlog.Head, error) {
	checker, err := auditlog.NewChecker(published...)
	if err != nil {
		return auditlog.Head{}, err
	}
	head, err := Rows(ctx, db, checker.Check)
	if err == nil {
		err = checker.CheckEnd(head)
	}
	return head, err
}
