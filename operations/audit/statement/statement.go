// Package statement reads a statement's lines for an audit. Its connections only read.
package statement

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"codebank.dev/operations/audit"
	"codebank.dev/platform/database"
	"codebank.dev/schemas/event"
)

// Statement is a statement's database. It is safe for concurrent use: every call has
// a connection of its own.
type Statement struct {
	pool   *database.Pool
	fields []field
	// columns are the columns of the fields, in the order of the fields.
	columns string
}

var _ audit.Source = (*Statement)(nil)

// New returns the statement in the database at url, as pgx reads it. It does not connect. An
// error means that the URL cannot be read, and does not repeat the URL. The caller closes
// the statement.
func New(ctx context.Context, url string) (*Statement, error) {
	pool, err := database.Open(ctx, database.Config{
		URL: url, ApplicationName: "bankctl audit",
		// Reading all lines may take any time. The reader of the audit sees the rows of all customers.
		Settings: map[string]string{"default_transaction_read_only": "on", "statement_timeout": "0", "codebank.reader": "*"},
	})
	if err != nil {
		return nil, err
	}
	s := &Statement{pool: pool}
	var columns []string
	for _, f := range audit.StatementFields() {
		s.fields = append(s.fields, field{f})
		columns = append(columns, f.Name)
	}
	s.columns = strings.Join(columns, ", ")
	return s, nil
}

// Close ends the connections after the calls in flight have ended.
func (s *Statement) Close() { s.pool.Close() }

func (s *Statement) connect(ctx context.Context, work func(*pgconn.PgConn) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return work(conn.Conn().PgConn())
}

// Read implements audit.Source. It calls each from one goroutine, and reads one snapshot.
func (s *Statement) Read(ctx context.Context, each func(*audit.Copy) error) error {
	return s.connect(ctx, func(conn *pgconn.PgConn) error {
		rows := &copiedRows{statement: s, each: each}
		_, err := conn.CopyTo(ctx, rows, `COPY (SELECT `+s.columns+` FROM statement_lines) TO STDOUT (FORMAT binary)`)
		if err == nil {
			err = rows.whole()
		}
		return err
	})
}

// Find implements audit.Source.
func (s *Statement) Find(ctx context.Context, wanted audit.Wanted) ([]audit.Copy, error) {
	var found []audit.Copy
	err := s.connect(ctx, func(conn *pgconn.PgConn) error {
		result := conn.ExecParams(ctx, `SELECT `+s.columns+` FROM statement_lines WHERE event_id = $1`,
			[][]byte{[]byte(wanted.EventID)}, nil, nil, []int16{1}).Read()
		if result.Err != nil {
			return result.Err
		}
		for _, row := range result.Rows {
			var c audit.Copy
			for i, value := range row {
				if err := s.fields[i].set(&c, string(value), value == nil); err != nil {
					return err
				}
			}
			c.ID = c.Event.EventID
			found = append(found, c)
		}
		return nil
	})
	return found, err
}

// Count returns how many lines there are.
func (s *Statement) Count(ctx context.Context) (count int64, err error) {
	err = s.connect(ctx, func(conn *pgconn.PgConn) error {
		results, err := conn.Exec(ctx, `SELECT count(*) FROM statement_lines`).ReadAll()
		if err != nil {
			return err
		}
		count, err = strconv.ParseInt(string(results[0].Rows[0][0]), 10, 64)
		return err
	})
	return count, err
}

// field is a field of the event and how its column is read.
type field struct{ event.Field }

// epochMicros is 2000-01-01T00:00:00Z in microseconds since 1970. Postgres counts from there.
const epochMicros = 946_684_800_000_000

// set puts a column's value, which is in the binary format, into a copy. A value that no event
// can have becomes a problem. An error means that the column has the wrong type.
func (f *field) set(c *audit.Copy, value string, null bool) error {
	switch {
	case null:
		return f.put(c, event.Value{})
	case f.Type != event.Integer && value == "":
		c.Problems = append(c.Problems, audit.Problem{Field: f.Name, Stored: ""})
		return nil
	case f.Type != event.Integer:
		return f.put(c, event.TextValue(value))
	case len(value) != 8:
		return fmt.Errorf("statement: column %s is %d bytes wide, not 8", f.Name, len(value))
	}
	number := int64(bigEndian(value))
	if !f.Time { // a bigint
		return f.put(c, event.IntegerValue(number))
	}
	const microsInMilli = 1000
	micros := number + epochMicros
	if micros%microsInMilli != 0 || micros < number {
		c.Problems = append(c.Problems, audit.Problem{Field: f.Name, Stored: describe(number)})
		return nil
	}
	return f.put(c, event.IntegerValue(micros/microsInMilli))
}

func (f *field) put(c *audit.Copy, value event.Value) error {
	if err := c.Event.Set(f.Name, value); err != nil {
		// For example a null in a field that an event must have.
		c.Problems = append(c.Problems, audit.Problem{Field: f.Name, Stored: value.String()})
	}
	return nil
}

func bigEndian(text string) (n uint64) {
	for i := range len(text) {
		n = n<<8 | uint64(text[i])
	}
	return n
}

// describe returns a timestamp that no event can have, as text.
func describe(micros int64) string {
	const infinity, beginning = 1<<63 - 1, -1 << 63
	switch micros {
	case infinity:
		return "infinity"
	case beginning:
		return "-infinity"
	}
	return time.UnixMicro(micros + epochMicros).UTC().Format(time.RFC3339Nano)
}
