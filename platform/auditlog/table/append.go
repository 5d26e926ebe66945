// Package table keeps an audit log in the database of its service, so that an act and its record are
// one commit.
//
//	audit_log.sql   the table, for a migration of the service
//	append.go   Append, and the same for a batch of platform/database/wire
//	read.go     Rows, Verify, Head: the log page by page, the check of it, its last row
//
// Errors are the driver's, except where a function says otherwise.
package table

import (
	"context"
	_ "embed"
	"time"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/database/wire"
	"github.com/jackc/pgx/v5"
)

// SQL makes the table of a log, and the row of its head. A service has this text in a migration.
//
//go:embed audit_log.sql
var SQL string

// Needs are the privileges on the log that a service needs to append (database.Needs).
var Needs = map[string]string{"audit_log": "SELECT INSERT", "audit_head": "SELECT UPDATE"}

var (
	lockHead = &wire.Statement{Name: "audit_lock_head", SQL: "SELECT sequence, hash FROM audit_head FOR UPDATE"}
	// appendRows takes the columns as arrays.
	appendRows = &wire.Statement{Name: "audit_append_rows", SQL: `
WITH appended AS (
	INSERT INTO audit_log (sequence, at, act, who_kind, who, what, address, trace_id, result, previous, hash)
	SELECT unnest($1::bigint[]), unnest($2::timestamptz[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]), unnest($6::text[]),
		unnest($7::text[]), unnest($8::text[]), unnest($9::text[]), unnest($10::bytea[]), unnest($11::bytea[])
)
UPDATE audit_head SET sequence = ($1::bigint[])[cardinality($1::bigint[])], hash = ($11::bytea[])[cardinality($11::bytea[])]`}
)

// Statements are those of AddLock and AddRows. Prepare them before a batch with records.
var Statements = []*wire.Statement{lockHead, appendRows}

// Append appends records within a transaction, in their order, and locks the head of the log until
// its end. Without records it does nothing.
func Append(ctx context.Context, tx pgx.Tx, records ...auditlog.Record) error {
	if len(records) == 0 {
		return nil
	}
	head, err := headIn(tx.QueryRow(ctx, lockHead.SQL))
	if err != nil {
		return err
	}
	var c columns
	for _, row := range chain(head, records) {
		c.add(&row)
	}
	_, err = tx.Exec(ctx, appendRows.SQL, c.sequences, c.times, c.texts[0], c.texts[1], c.texts[2], c.texts[3], c.texts[4], c.texts[5], c.texts[6], c.previous, c.hashes)
	return err
}

func chain(head auditlog.Head, records []auditlog.Record) []auditlog.Row {
	rows := make([]auditlog.Row, len(records))
	for i, record := range records {
		rows[i] = head.Next(record)
		head = rows[i].Head()
	}
	return rows
}

// columns are rows of the log, column by column.
type columns struct {
	sequences        []int64
	times            []time.Time
	texts            [7][]string
	previous, hashes [][]byte
}

// textsOf returns the columns from act to result.
func textsOf(r *auditlog.Row) [7]string {
	return [...]string{string(r.Act), r.WhoKind, r.Who, r.What, r.Address, r.Trace, r.Result}
}

func (c *columns) add(r *auditlog.Row) {
	c.sequences, c.times = append(c.sequences, r.Sequence), append(c.times, r.At)
	for i, text := range textsOf(r) {
		c.texts[i] = append(c.texts[i], text)
	}
	c.previous, c.hashes = append(c.previous, r.Previous[:]), append(c.hashes, r.Hash[:])
}

// AddLock queues the lock of the log's head, which it reads into head. Add it behind all locks and
// writes of the acts.
func AddLock(b *wire.Batch, head *auditlog.Head) {
	b.Add(lockHead, func(row wire.Row) { head.Sequence, head.Hash = row.Int8(), row.Hash() })
}

// AddRows queues the rows of records behind a head that AddLock has read in the same transaction.
// There must be records.
func AddRows(b *wire.Batch, head auditlog.Head, records []auditlog.Record) {
	rows := chain(head, records)
	p := &b.Session.Parameters
	wire.Column(p, wire.TypeInt8, rows, func(p *wire.Parameters, r *auditlog.Row) { p.Int8(r.Sequence) })
	wire.Column(p, wire.TypeTimestamp, rows, func(p *wire.Parameters, r *auditlog.Row) { p.Timestamp(r.At) })
	for i := range textsOf(&rows[0]) {
		wire.Column(p, wire.TypeText, rows, func(p *wire.Parameters, r *auditlog.Row) { p.Text(textsOf(r)[i]) })
	}
	wire.Column(p, wire.TypeBytes, rows, func(p *wire.Parameters, r *auditlog.Row) { p.Bytes(r.Previous[:]) })
	wire.Column(p, wire.TypeBytes, rows, func(p *wire.Parameters, r *auditlog.Row) { p.Bytes(r.Hash[:]) })
	b.Add(appendRows, nil)
}
