package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/stack/launch"
)

const (
	linesTable  = "statement_lines"
	copiedTable = "bench_lines"
)

// statements compares the connector that writes statements with COPY of the same rows, in
// binary, over one connection, into an empty table with the same columns and indexes. In each
// round the connector reads the same backlog again.
func (w *workbench) statements(ctx context.Context) (figures []Figure, err error) {
	broker, err := w.broker()
	if err != nil {
		return nil, err
	}
	defer broker.close()
	total, err := w.prepareBacklog(ctx, broker)
	if err != nil {
		return nil, err
	}
	lasts, err := broker.lastEvents(ctx)
	if err != nil {
		return nil, err
	}
	lines, err := w.connect(ctx, launch.StatementDatabase)
	if err != nil {
		return nil, err
	}
	defer lines.Close(context.WithoutCancel(ctx))
	sink := Series{Name: fmt.Sprintf("the connector, %d rows, from the first seen to the last", total), Unit: "sink-rows/s"}
	copied := Series{Name: "COPY of the same rows by pgx, binary, one connection", Unit: "copy-rows/s"}
	var rows *copyRows
	if _, err := w.writeLines(ctx, broker, lines, lasts); err != nil {
		return nil, err // this round warms up the worker and is not counted
	}
	for range w.options.longRounds() {
		rate, err := w.writeLines(ctx, broker, lines, lasts)
		if err != nil {
			return nil, err
		}
		sink.Values = append(sink.Values, rate)
		if rows == nil {
			if rows, err = readLines(ctx, lines); err != nil {
				return nil, err
			}
		}
		if int64(len(rows.values)) != total {
			return nil, fmt.Errorf("%d rows were written for %d events", len(rows.values), total)
		}
		if rate, err = copyLines(ctx, lines, rows); err != nil {
			return nil, err
		}
		copied.Values = append(copied.Values, rate)
	}
	return []Figure{ratio("StatementSink", "the same backlog into empty tables in every round", sink, copied)}, nil
}

// writeLines lets the connector write the whole topic into an empty table.
func (w *workbench) writeLines(ctx context.Context, broker *broker, lines *pgx.Conn, lasts []string) (rate float64, err error) {
	if err := w.rewindSink(ctx, broker, statementSink); err != nil {
		return 0, err
	}
	for _, statement := range []string{"TRUNCATE " + linesTable, "CHECKPOINT"} {
		if _, err := lines.Exec(ctx, statement); err != nil {
			return 0, err
		}
	}
	if err := w.resumeSinks(ctx, statementSink); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.stopSinks(ctx, statementSink)) }()
	p, err := w.awaitProgress(ctx, statementSink, func() (n int64, err error) {
		return n, lines.QueryRow(ctx, "SELECT count(*) FROM "+linesTable).Scan(&n)
	}, func() (bool, error) {
		var there int
		err := lines.QueryRow(ctx, "SELECT count(*) FROM "+linesTable+" WHERE event_id = ANY($1)", lasts).Scan(&there)
		return there == len(lasts), err
	})
	return p.rate(), err
}

// copyRows holds rows for CopyFrom. Equal strings share memory.
type copyRows struct {
	columns []string
	values  [][]any
}

func readLines(ctx context.Context, lines *pgx.Conn) (*copyRows, error) {
	found, err := lines.Query(ctx, "SELECT * FROM "+linesTable)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	read := &copyRows{}
	for _, column := range found.FieldDescriptions() {
		read.columns = append(read.columns, column.Name)
	}
	const shared = 10_000
	kept := map[any]any{}
	for found.Next() {
		row, err := found.Values()
		if err != nil {
			return nil, err
		}
		for i, value := range row {
			if _, ok := value.(string); !ok {
				continue
			}
			if same, ok := kept[value]; ok {
				row[i] = same
			} else if len(kept) < shared {
				kept[value] = value
			}
		}
		read.values = append(read.values, slices.Clip(row))
	}
	return read, found.Err()
}

// copyLines copies the rows into an empty table like the sink's.
func copyLines(ctx context.Context, lines *pgx.Conn, rows *copyRows) (float64, error) {
	for _, statement := range []string{
		"DROP TABLE IF EXISTS " + copiedTable,
		"CREATE TABLE " + copiedTable + " (LIKE " + linesTable + " INCLUDING ALL)",
		"CHECKPOINT",
	} {
		if _, err := lines.Exec(ctx, statement); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	n, err := lines.CopyFrom(ctx, pgx.Identifier{copiedTable}, rows.columns, pgx.CopyFromRows(rows.values))
	elapsed := time.Since(began)
	if err != nil {
		return 0, err
	}
	_, err = lines.Exec(ctx, "DROP TABLE "+copiedTable)
	return float64(n) / elapsed.Seconds(), err
}
